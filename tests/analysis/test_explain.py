"""Bug checks explained with no dump: a sub-code counts only where it was given."""

from __future__ import annotations

from smalldump.analysis.explain import explain_bug_check
from smalldump.knowledge.catalog import BugCheckEntry, all_bug_check_codes, bug_check


def entry(code: int) -> BugCheckEntry:
    found = bug_check(code)
    assert found is not None
    return found


def test_a_sub_code_needs_the_parameters_that_select_it() -> None:
    assert explain_bug_check(entry(0x9F)).subcode is None
    found = explain_bug_check(entry(0x9F), [3])
    assert found.subcode is not None
    assert found.parameters[1].meaning == "Physical device object of the stack"
    assert found.given == 1


def test_no_sub_code_is_made_of_parameters_that_were_not_given() -> None:
    for code in all_bug_check_codes():
        assert explain_bug_check(entry(code)).subcode is None


def test_no_width_is_guessed() -> None:
    words = [explain_bug_check(entry(0xA), [value]).parameters[0].decoded for value in (0x8052A000, 0x7FF612340000, 0)]
    assert words == [None, "user mode", "null pointer"]


def test_the_dump_tells_more_than_the_code() -> None:
    assert r"C:\Windows\Minidump" in explain_bug_check(entry(0xD1)).steps[0]
    assert r"C:\Windows\LiveKernelReports" in explain_bug_check(entry(0x141)).steps[0]


def test_steps_follow_the_usual_causes() -> None:
    assert any("SMART" in step for step in explain_bug_check(entry(0x7A)).steps)
