"""The first screen, from reports that say this or that."""

from __future__ import annotations

from typing import Any

import pytest

from smalldump.report import Report
from smalldump.report.first_screen import first_screen

NT, CALLER, DRIVER = "0xfffff80000417be0", "0xfffff8000050a4d1", "0xfffff80070002d4c"
MODULES = [{"name": "nt"}, {"name": "wobblefs"}]


def frame(pc: str, module: str | None, offset: str | None, **more: Any) -> dict[str, Any]:
    return {"pc": pc, "module": module, "offset": offset, "symbol": None, **more}


STOP, STOPPER = frame(NT, "nt", "0x417be0"), frame(CALLER, "nt", "0x50a4d1")
IN_DRIVER = frame(DRIVER, "wobblefs", "0x2d4c")


def parameter(kind: str, value: str, decoded: str | None = None, meaning: str = "Something") -> dict[str, Any]:
    return {"kind": kind, "value": value, "decoded": decoded, "meaning": meaning}


def screen(**parts: Any) -> dict[str, str]:
    """Labels and their text, in one line each."""
    stop = {"code": "0x0000000a", "stored_code": "0x0000000a", "name": "N", "summary": "S", "subcode": None}
    document = {"file": {"bits": 64}, "modules": MODULES, "bug_check": stop | {"parameters": parts.pop("stop", [])}}
    found: dict[str, str] = {}
    label = ""
    for line in first_screen(Report(document | parts), 100)[2:]:
        label = line[:10].strip() or label
        found[label] = f"{found.get(label, '')} {line[10:].strip()}".strip()
    return found


def test_where_is_the_code_that_failed_if_the_dump_has_its_context() -> None:
    assert screen(stack=[IN_DRIVER, STOPPER], dispatch=[STOP])["Where"] == "wobblefs+0x2d4c"
    assert screen(stack=[IN_DRIVER], registers={"source": "crash"})["Where"] == "wobblefs+0x2d4c"


def test_where_is_else_the_instruction_that_a_parameter_names() -> None:
    named = [parameter("irql", "0x2"), parameter("address-code", DRIVER, "wobblefs+0x2d4c")]
    assert screen(stack=[STOP, STOPPER], stop=named)["Where"] == "wobblefs+0x2d4c"
    nowhere = [parameter("address-code", "0xffffc48f6d2a5080")]
    assert screen(stack=[STOP, STOPPER], stop=nowhere)["Where"] == "ffffc48f`6d2a5080"
    assert screen(stack=[], stop=named)["Where"] == "wobblefs+0x2d4c"


def test_where_is_else_who_called_the_bug_check() -> None:
    zero = [parameter("address-code", "0x0", "null pointer")]
    assert screen(stack=[STOP, STOPPER], stop=zero)["Where"] == "called the bug check from nt+0x50a4d1"
    assert screen(stack=[STOP, IN_DRIVER])["Where"] == "called the bug check from wobblefs+0x2d4c"
    gone = frame(DRIVER, None, "0x10", unloaded_module="gone.sys")
    assert screen(stack=[STOP, gone])["Where"] == "called the bug check from <Unloaded_gone.sys>+0x10"


def test_where_is_the_program_counter_if_there_is_nothing_else() -> None:
    assert screen(stack=[STOP])["Where"] == "nt+0x417be0"
    assert screen(stack=[IN_DRIVER, STOPPER])["Where"] == "wobblefs+0x2d4c"
    assert screen(stack=[STOP, STOPPER], modules={"absent": "corrupt"})["Where"] == "nt+0x417be0"
    assert screen(stack=[])["Where"] == "the program counter is not in this dump"


@pytest.mark.parametrize(
    ("level", "words"),
    [
        ({"irql": 13, "irql_name": "CLOCK_LEVEL"}, ", IRQL 13 (CLOCK_LEVEL)"),
        ({"irql": 99, "irql_name": None}, ", IRQL 99"),
        ({"irql": {"absent": "not_captured"}}, ""),
    ],
)
def test_the_level_goes_by_the_name_in_the_report(level: dict[str, Any], words: str) -> None:
    assert screen(stack=[STOP], crash=level)["Where"] == f"nt+0x417be0{words}"


def test_an_idle_thread_is_called_so() -> None:
    shown = screen(
        process={"name": "System", "pid": 4, "attached": True},
        thread={"tid": 0, "address": "0xffffd3811234b240", "start": {"address": NT, "module": "nt", "offset": "0x1"}},
        processor={"number": 1, "idle_thread": "0xffffd3811234b240"},
    )
    assert shown["Process"] == "System (pid 4), the idle thread of processor 1"


def test_a_thread_is_told_by_where_it_began() -> None:
    process, absent = {"name": "a.exe", "pid": 8, "attached": True}, {"absent": "corrupt"}
    place = {"address": NT, "module": None, "offset": "0x1370", "unloaded_module": "scanbud.sys"}
    began = screen(process=process, thread={"tid": 676, "start": absent, "win32_start": place})["Process"]
    assert began.startswith("a.exe (pid 8), attached by a thread of another process, thread 676, which began at")
    assert began.endswith("which began at <Unloaded_scanbud.sys>+0x1370")


VERDICT = {"summary": "It was.", "evidence": [], "kind": "driver", "confidence": "low"}


def test_who_is_perhaps_where_nobody_is_sure() -> None:
    culprit = {"module": "x", "file": "x.sys", "vendor": "Kaspersky", "product": "Kaspersky antivirus"}
    low = VERDICT | {"culprit": culprit}
    assert screen(verdict=low)["Who"] == "perhaps x.sys (Kaspersky antivirus)"
    assert screen(verdict=low | {"confidence": "high"})["Who"] == "x.sys (Kaspersky antivirus)"
    unknown = {"module": "x", "file": "x.sys", "vendor": None, "product": None}
    assert screen(verdict=VERDICT | {"culprit": unknown, "confidence": "medium"})["Who"] == "x.sys"


def test_evidence_hangs_beside_its_bullet() -> None:
    evidence = [{"text": "parameter 2 is amdppm+0x334c: " + "words " * 20}]
    document = {
        "bug_check": {"absent": "corrupt"},
        "verdict": VERDICT | {"culprit": None, "confidence": "none", "evidence": evidence},
    }
    lines = [line for line in first_screen(Report(document), 60) if "words" in line]
    assert lines[0].startswith("          - parameter")
    assert all(line.startswith("            words") for line in lines[1:])


@pytest.mark.parametrize(
    ("build", "service_build", "words"),
    [
        (19041, 19045, "build 19045 (kernel 19041) x64"),
        (19041, 19041, "build 19041 x64"),
        (19041, None, "build 19041 x64"),
        (31337, 19045, "build 31337 (19045 by its event trace) x64"),
        ({"absent": "corrupt"}, 19045, "build 19045 x64"),
    ],
)
def test_both_builds_are_shown_if_they_differ(build: Any, service_build: int | None, words: str) -> None:
    system = {"machine": "x64", "build": build, "service_build": service_build, "windows": "Windows 10"}
    assert screen(system=system)["Machine"] == f"Windows 10, {words}"


def test_meanings_are_wrapped_and_never_cut() -> None:
    meaning = "Access kind: 0 read, 1 or 2 write, 8 or 0x10 execute (differs by build)"
    long = [parameter("access-type", "0x0", "KUSER_SHARED_DATA+0x320, which is read", meaning)]
    for width in (72, 100, 500):
        lines = first_screen(Report({"bug_check": {**STOP_FACTS, "parameters": long}}), width)
        assert max(map(len, lines)) <= min(width, 100)
        assert not any("..." in line for line in lines)
        assert " ".join(" ".join(lines).split()).count("differs by") == 1


STOP_FACTS = {"code": "0x00000050", "stored_code": "0x00000050", "name": "N", "summary": "S", "subcode": None}
