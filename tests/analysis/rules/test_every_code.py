"""Every bug check of the knowledge base, and every sub-code of it, on machines of all kinds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.analysis import Analysis, analyse
from smalldump.analysis.culprit import Confidence, CulpritKind
from smalldump.knowledge.catalog import SubCode, all_bug_check_codes, bug_check
from smalldump.knowledge.conditions import Condition
from smalldump.model import BugCheck, Snapshot
from smalldump.model.machine import ARM64, X64, X86, Machine
from smalldump.sources.builder import SnapshotBuilder, driver

CODES = all_bug_check_codes()
WITH_SUBCODES = sorted({code for code in CODES if (entry := bug_check(code)) and entry.code == code and entry.subcodes})
KERNEL = {64: 0xFFFFF80010000000, 32: 0x80800000}
STACK = {64: 0xFFFFA00000010000, 32: 0x8A010000}
ELSEWHERE = 0x7777777
PROGRAM_COUNTER = {X86: ("eip", "esp"), X64: ("rip", "rsp"), ARM64: ("pc", "sp")}


def machine_of(kind: Machine, *, drivers: bool) -> Snapshot:
    """A machine that stopped in a driver, or whose dump lists no modules."""
    base, stack = KERNEL[kind.bits], STACK[kind.bits]
    pc, sp = PROGRAM_COUNTER[kind]
    modules = [driver("ntoskrnl.exe", base, 0x400000), driver("wobblefs.sys", base + 0x1000000, 0x8000)]
    return SnapshotBuilder(
        machine=kind,
        bug_check=BugCheck(0xD1, (0, 0, 0, 0)),
        modules=modules if drivers else (),
        registers={pc: base + 0x1001010, sp: stack},
        stack=(stack, (base + 0x1002000).to_bytes(kind.bits // 8, "little") * 0x40),
    ).build()


MACHINES = [machine_of(kind, drivers=drivers) for kind in (X86, X64, ARM64) for drivers in (True, False)]


def values(machine: Snapshot) -> st.SearchStrategy[int]:
    """Parameters: sub-codes, places in the kernel, the driver and the stack, anything."""
    base, stack = KERNEL[machine.machine.bits], STACK[machine.machine.bits]
    places = st.sampled_from((base, base + 0x1001010, stack, stack + 8)).flatmap(lambda at: st.integers(at, at + 16))
    return st.one_of(st.integers(0, 0x40), places, st.integers(0, (1 << machine.machine.bits) - 1))


def stopped(machine: Snapshot, code: int, parameters: tuple[int, ...]) -> Analysis:
    first, second, third, fourth = parameters
    machine.bug_check = BugCheck(code, (first, second, third, fourth))
    return analyse(machine)


def is_whole(found: Analysis) -> None:
    """A verdict says something, and what to do; one that blames nobody says why, and what to collect."""
    verdict = found.verdict
    assert verdict.summary.endswith(".")
    assert verdict.next_steps
    assert all(step.endswith((".", ")")) for step in (*verdict.next_steps, *verdict.limits))
    assert (verdict.culprit is not None) == (verdict.kind.value in ("driver", "unloaded_driver", "process"))
    if verdict.kind is CulpritKind.UNDECIDED:
        assert verdict.confidence is Confidence.NONE
        assert any(step.startswith("If it happens again:") for step in verdict.next_steps)


@given(st.data())
def test_no_rule_fails(data: st.DataObject) -> None:
    machine, code = data.draw(st.sampled_from(MACHINES)), data.draw(st.sampled_from(CODES))
    one = values(machine)
    is_whole(stopped(machine, code, data.draw(st.tuples(one, one, one, one))))


@pytest.mark.parametrize("code", CODES, ids=hex)
def test_every_bug_check_has_a_verdict(code: int) -> None:
    for machine in MACHINES[:4]:
        is_whole(stopped(machine, code, (0, 0, 0, 0)))


@pytest.mark.parametrize("code", WITH_SUBCODES, ids=hex)
def test_every_sub_code_is_explained(code: int) -> None:
    entry = bug_check(code)
    assert entry
    for subcode in entry.subcodes:
        parameters = chosen(subcode.when)
        found = stopped(MACHINES[2], code, parameters)
        assert found.subcode in {each.meaning for each in entry.subcodes if as_exact(each, subcode, parameters)}
        is_whole(found)


def as_exact(other: SubCode, subcode: SubCode, parameters: tuple[int, ...]) -> bool:
    """Whether a sub-code is this one, or another with as many conditions, which the parameters meet as well."""
    holds = all(condition.holds(parameters[condition.param - 1]) for condition in other.when)
    return holds and len(other.when) >= len(subcode.when)


def chosen(conditions: tuple[Condition, ...]) -> tuple[int, ...]:
    """Parameters that meet the conditions of a sub-code, and others that meet no condition of another one."""
    parameters = dict.fromkeys(range(1, 5), 0)
    for condition in conditions:
        parameters[condition.param] |= condition.values[0]
    free = set(parameters) - {condition.param for condition in conditions}
    return tuple((parameters | dict.fromkeys(free, ELSEWHERE)).values())
