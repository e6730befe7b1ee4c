from __future__ import annotations

import pytest

from smalldump.analysis.culprit import Confidence, CulpritKind
from smalldump.analysis.next_steps import next_steps
from smalldump.analysis.verdict import Verdict
from smalldump.analysis.weights import Kind
from tests.analysis.machines import analysed
from tests.synth import Driver, Dump, arm64_dump, kernel_written_dump, win2000_dump, x64_dump, x86_dump


def verdict(dump: Dump) -> Verdict:
    return analysed(dump).verdict


def named(found: Verdict) -> str | None:
    return found.culprit.file if found.culprit else None


def test_a_third_party_driver_that_fails_itself_is_blamed_with_high_confidence() -> None:
    found = verdict(x64_dump())
    assert (named(found), found.kind, found.confidence) == ("wobblefs.sys", CulpritKind.DRIVER, Confidence.HIGH)
    assert {piece.kind for piece in found.evidence} >= {Kind.PARAMETER, Kind.FAULTING_INSTRUCTION}
    assert found.summary.startswith("wobblefs.sys")


def test_the_kernel_written_thread_exception() -> None:
    found = verdict(kernel_written_dump())
    assert (named(found), found.confidence) == ("gizmousb.sys", Confidence.HIGH)


def test_windows_2000() -> None:
    assert named(verdict(win2000_dump())) == "tapemill.sys"


def test_a_driver_that_was_unloaded_before() -> None:
    found = verdict(x86_dump())
    assert (named(found), found.kind) == ("scanbud.sys", CulpritKind.UNLOADED_DRIVER)
    assert found.confidence is Confidence.HIGH


@pytest.mark.parametrize("code", [0xE2, 0x1C8])
def test_a_dump_that_somebody_asked_for_blames_nobody(code: int) -> None:
    found = verdict(arm64_dump(bug_check=(code, 0, 0, 0, 0)))
    assert (found.culprit, found.kind) == (None, CulpritKind.USER)


def test_a_hardware_error_blames_no_driver_whatever_lies_on_the_stack() -> None:
    found = verdict(x64_dump(bug_check=(0x124, 0, 0xFFFFC48F70000000, 0, 0)))
    assert (found.culprit, found.kind) == (None, CulpritKind.HARDWARE)
    assert any("hardware error record" in limit for limit in found.limits)


@pytest.mark.parametrize("code", [0x7F, 0x1CA, 0x127, 0xC0, 0x5D])
def test_bug_checks_that_hardware_or_a_driver_may_cause_go_by_the_evidence(code: int) -> None:
    found = verdict(x64_dump(bug_check=(code, 8, 0, 0, 0)))
    assert found.kind is not CulpritKind.HARDWARE
    assert found.evidence


@pytest.mark.parametrize("code", [0x124, 0x9C, 0xE2])
def test_no_driver_is_evidence_where_none_is_to_blame(code: int) -> None:
    found = verdict(x64_dump(bug_check=(code, 0, 0, 0, 0)))
    assert (found.evidence, found.candidates) == ((), ())


@pytest.mark.parametrize(("value", "kind"), [(1 << 46, CulpritKind.HARDWARE), (3 << 46, None), (0, None)])
def test_a_single_bit_in_a_damaged_page_table_entry_speaks_for_failing_memory(
    value: int, kind: CulpritKind | None
) -> None:
    found = verdict(x64_dump(bug_check=(0x1A, 0x41792, 0xFFFFF68000001000, value, 0)))
    assert (found.kind is CulpritKind.HARDWARE) == (kind is CulpritKind.HARDWARE)
    if kind:
        assert "memory" in found.next_steps[0]


def calling_the_bug_check(sp: int) -> Dump:
    """A dump whose registers are those of KeBugCheckEx's first instruction, called by the driver wobblefs."""
    dump = x64_dump()
    facts = dump.facts
    driver = next(d for d in facts.drivers if "wobble" in d.path)
    kernel = facts.drivers[0].base + 0x14D000
    registers = dict(facts.registers) | {"rip": kernel, "rsp": sp}
    slot = dump.offset("stack") + sp - dump.number("TRIAGE_DUMP.TopOfStack")
    made = x64_dump(bug_check=(0xA0000001, 5, 0, 0, 0), registers=registers, prcb_registers=registers)
    caller = next(back.address for back in facts.stack.returns if driver.base <= back.address < driver.end)
    return made.patch(slot, caller.to_bytes(8, "little"))


def test_the_driver_that_called_the_bug_check_is_blamed() -> None:
    start = x64_dump().number("TRIAGE_DUMP.TopOfStack")
    entry = start + 0x40 + (8 - start) % 16
    found = verdict(calling_the_bug_check(entry))
    assert named(found) == "wobblefs.sys"
    assert found.confidence is Confidence.MEDIUM
    assert found.evidence[0].kind is Kind.BUG_CHECK_CALLER


def test_who_has_a_larger_dump_is_not_told_to_have_one_written() -> None:
    small, larger = (next_steps(CulpritKind.UNDECIDED, None, ["memory"], whole=whole) for whole in (False, True))
    assert small[:-1] == larger[:-1]
    assert not any("kernel memory dump" in step for step in larger)
    assert "write a kernel memory dump, because" in small[-1]


def test_next_steps_follow_from_the_usual_causes() -> None:
    assert any("memory" in step.lower() for step in verdict(without_third_parties()).next_steps)
    process = x64_dump().facts.process
    steps = verdict(x64_dump(bug_check=(0xEF, process.address, 0, 0, 0))).next_steps
    assert process.name in steps[0]


def test_a_live_dump_blames_nobody() -> None:
    assert verdict(x64_dump(bug_check=(0x161, 0, 0, 0, 0))).kind is CulpritKind.LIVE_DUMP


def test_a_critical_process_that_is_the_dumps_process_is_named() -> None:
    process = x64_dump().facts.process
    found = verdict(x64_dump(bug_check=(0xEF, process.address, 0, 0, 0)))
    assert found.kind is CulpritKind.PROCESS
    assert found.culprit is not None
    assert found.culprit.name == process.name
    assert found.culprit.file is None


def test_a_critical_process_that_is_another_one_is_not_named() -> None:
    assert verdict(x64_dump(bug_check=(0xEF, 0xFFFFC48F00001080, 0, 0, 0))).kind is not CulpritKind.PROCESS


def without_third_parties() -> Dump:
    """The demo's machine, all drivers but the kernel replaced by ones of Windows that are always skipped."""
    facts = x64_dump().facts
    drivers = [facts.drivers[0], *(Driver("hal.dll", d.base, d.size, 1, 1) for d in facts.drivers[1:])]
    return x64_dump(drivers=drivers, bug_check=(0x1A, 0x41792, 1, 3, 3), blobs=())


def test_this_dump_cannot_tell_is_an_answer() -> None:
    found = verdict(without_third_parties())
    assert (found.culprit, found.kind, found.confidence) == (None, CulpritKind.UNDECIDED, Confidence.NONE)
    assert "cannot tell" in found.summary
    assert "memory" in found.summary


def test_the_kernel_is_never_the_culprit() -> None:
    kernel = x64_dump().facts.drivers[0]
    found = verdict(x64_dump(bug_check=(0xD1, 0x10, 2, 0, kernel.base + 0x2000)))
    assert "nt" not in {candidate.module for candidate in found.candidates}


def test_a_driver_of_windows_never_gets_high_confidence() -> None:
    facts = x64_dump().facts
    drivers = [Driver("cdrom.sys", d.base, d.size, 1, 1) if "wobble" in d.path else d for d in facts.drivers]
    found = verdict(x64_dump(drivers=drivers))
    assert named(found) == "cdrom.sys"
    assert found.confidence in (Confidence.LOW, Confidence.MEDIUM)


def test_a_frame_found_by_scanning_alone_gives_low_confidence() -> None:
    found = verdict(x64_dump(bug_check=(0x1A, 0x41792, 1, 3, 3), blobs=()))
    assert found.confidence in (Confidence.LOW, Confidence.NONE)


def test_every_verdict_says_what_a_small_dump_cannot_show() -> None:
    for dump in (x64_dump(), x86_dump(), arm64_dump(), win2000_dump()):
        limits = verdict(dump).limits
        assert any("one thread's stack" in limit for limit in limits)
        assert any("no images" in limit for limit in limits)


def test_candidates_are_ranked_by_the_weight_of_their_evidence() -> None:
    found = verdict(x64_dump())
    scores = {candidate.module: candidate.score for candidate in found.candidates}
    assert list(scores.values()) == sorted(scores.values(), reverse=True)
    for module, score in scores.items():
        assert score == sum(piece.kind.weight for piece in found.evidence if piece.module == module)
