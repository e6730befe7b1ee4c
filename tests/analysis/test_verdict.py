from __future__ import annotations

import pytest

from smalldump.analysis.evidence import Kind
from smalldump.analysis.verdict import Confidence, CulpritKind, Verdict
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
    return x64_dump(drivers=drivers, bug_check=(0x1A, 0x41792, 1, 2, 3), blobs=())


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
    found = verdict(x64_dump(bug_check=(0x1A, 0x41792, 1, 2, 3), blobs=()))
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
