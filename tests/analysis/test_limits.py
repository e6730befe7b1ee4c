from __future__ import annotations

from tests.analysis.machines import analysed
from tests.synth import x64_dump


def test_a_dump_without_a_stack_says_so() -> None:
    dump = x64_dump().patch("TRIAGE_DUMP.CallStackOffset", 0)
    assert "The call stack is not in the dump." in analysed(dump).verdict.limits


def test_the_stack_of_an_unsupported_machine_is_not_called_missing() -> None:
    limits = analysed(x64_dump().patch("DUMP_HEADER.MachineImageType", 0x200)).verdict.limits
    assert "The stack of IA64 machines is not read." in limits
    assert "The call stack is not in the dump." not in limits


def test_a_cut_stack_says_how_much_is_missing() -> None:
    dump = x64_dump()
    size = dump.number("TRIAGE_DUMP.SizeOfCallStack")
    limits = analysed(dump.patch("TRIAGE_DUMP.SizeOfCallStack", size - 0x600)).verdict.limits
    assert any("outermost 1,536 bytes" in limit for limit in limits)


def test_an_object_that_would_name_the_driver_but_is_missing_is_mentioned() -> None:
    dump = x64_dump(bug_check=(0x9F, 1, 0xFFFFC48F70000000, 0, 0))
    assert any("device object that would name the driver" in limit for limit in analysed(dump).verdict.limits)
