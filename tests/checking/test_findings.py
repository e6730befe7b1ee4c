"""The registry of checks, and what holds for all of them."""

from __future__ import annotations

import inspect
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.checking import driver_checks, header_checks, memory_checks, secondary_checks, section_checks
from smalldump.checking.findings import CHECKS
from tests.checking.asking import INFO, WARNING, findings_of
from tests.synth import DAMAGES, Dump, arm64_dump, kernel_written_dump, win2000_dump, x64_dump, x86_dump

ALL = {
    "x64": x64_dump(),
    "kernel": kernel_written_dump(),
    "x86": x86_dump(),
    "arm64": arm64_dump(),
    "win2000": win2000_dump(),
}
MODULES = (header_checks, section_checks, driver_checks, memory_checks, secondary_checks)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_every_check_is_registered(module: object) -> None:
    functions = {
        name
        for name, function in inspect.getmembers(module, inspect.isgeneratorfunction)
        if inspect.getmodule(function) is module and not name.startswith("_")
    }
    assert functions
    assert functions <= {check.__name__ for check in CHECKS}


def test_no_check_is_registered_twice() -> None:
    assert len(set(CHECKS)) == len(CHECKS)


EXPECTED = {
    "x64": {"drivers-paged-out": INFO},
    "kernel": {"drivers-paged-out": INFO, "stale-tail": WARNING},
    "x86": {},
    "arm64": {},
    "win2000": {"undescribed-build": INFO},
}


@pytest.mark.parametrize("name", list(ALL))
def test_findings_of_undamaged_dumps(name: str) -> None:
    assert {finding.code: finding.severity for finding in findings_of(ALL[name])} == EXPECTED[name]


@pytest.mark.parametrize("kind", sorted(set(DAMAGES) - {"empty", "zeros"}))
@pytest.mark.parametrize("name", ["x64", "kernel", "arm64"])
def test_every_damage_is_found_and_told_in_one_sentence(name: str, kind: str) -> None:
    dump = ALL[name].damaged(kind)
    new = [finding for finding in findings_of(dump) if finding.code not in EXPECTED[name]]
    assert new or (name, kind) == ("kernel", "stale tail")
    for finding in new:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", finding.code)
        assert not finding.message.endswith(".")
        assert "\n" not in finding.message
        assert finding.offset is None or 0 <= finding.offset <= len(dump)


PATCHED = re.compile(r"(DUMP_HEADER|TRIAGE_DUMP|drivers|unloaded|blocks|blobs|KDBG|DUMP_BLOB_FILE)\b")
KEPT = ("Signature", "ValidDump", "DumpType", ".name", ".data")
FIELDS = {
    name: [
        field
        for field, span in dump.offsets.items()
        if PATCHED.match(field) and span.size <= 8 and not field.endswith(KEPT)
    ]
    for name, dump in ALL.items()
}
VALUES = st.sampled_from([0, 1, 3, 8, 0x20, 0x1000, 0x7FFFFFF0, 0xFFFFFFF8, -1]) | st.integers(0, (1 << 64) - 1)


@st.composite
def wounded(draw: st.DrawFn) -> Dump:
    """A dump with a few fields of headers and tables overwritten, half of them in the triage header; perhaps cut."""
    name = draw(st.sampled_from(sorted(ALL)))
    triage = [field for field in FIELDS[name] if field.startswith("TRIAGE_DUMP")]
    dump = ALL[name]
    for field in draw(st.lists(st.sampled_from(FIELDS[name]) | st.sampled_from(triage), max_size=5)):
        dump = dump.patch(field, draw(VALUES))
    return dump.truncated(draw(st.integers(0x60, len(dump)))) if draw(st.booleans()) else dump


@given(wounded())
def test_no_dump_is_too_damaged_to_be_examined(dump: Dump) -> None:
    for finding in findings_of(dump):
        assert finding.offset is None or finding.offset >= 0
