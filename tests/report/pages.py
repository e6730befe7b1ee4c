"""Reports for tests of pages: of the synthetic dump, of hostile names, of nothing at all."""

from __future__ import annotations

from smalldump.api import analyze_source
from smalldump.intake import ByteSource
from smalldump.report import SCHEMA, Report
from tests.synth import Driver, x64_dump

__all__ = ["EVIL", "bare", "hostile", "report"]

EVIL = "\"'><script>document.title='taken'</script><img src=x onerror=alert(1)>\u202egnp.\0sys{{ 7*7 }}"


def report() -> Report:
    """The report on the synthetic dump, in detail."""
    return analyze_source(ByteSource("synthetic.dmp", None, x64_dump().bytes), detailed=True)


def hostile() -> Report:
    """One in which every name that a dump can hold is an attack, and one is very long."""
    facts = x64_dump().facts
    names = {"wobblefs": f"\\{EVIL}.sys", "nvlddmkm": "\\" + "W" * 20_000}
    drivers = [
        Driver(next((evil for word, evil in names.items() if word in each.path), each.path), each.base, each.size, 5, 6)
        for each in facts.drivers
    ]
    made = analyze_source(ByteSource(EVIL, None, x64_dump(drivers=drivers, comment=EVIL).bytes), detailed=True)
    data = made.data
    data["process"]["name"] = data["thread"]["state"] = data["broken_driver"] = EVIL
    data["registers"][EVIL] = data["system"][EVIL] = EVIL
    data["contexts"]["crash"][EVIL] = EVIL
    data["bug_check"]["url"] = "javascript:alert(1)"
    data["verdict"]["next_steps"] = data["verdict"]["limits"] = [EVIL]
    data["verdict"]["context"] = [EVIL]
    data["verdict"]["remarks"] = [{"source": EVIL, "text": EVIL, "link": "javascript:alert(1)"}]
    data["verdict"]["confidence"] = data["verdict"]["kind"] = EVIL
    data["stack"][0] |= {"symbol": EVIL, "trust": EVIL, "source": {"file": EVIL, "line": EVIL}}
    data["blobs"] = [{"guid": EVIL, "name": EVIL, "size": 5, "decoded": {EVIL: [EVIL, {EVIL: EVIL}]}}]
    data["objects"] = [{"kind": EVIL, "address": EVIL, "facts": [{"name": EVIL, "value": EVIL}], "missing": EVIL}]
    data["findings"] = [{"code": EVIL, "severity": EVIL, "message": EVIL, "offset": EVIL}]
    return made


def bare() -> Report:
    """One that has nothing but its schema."""
    return Report({"schema": SCHEMA})
