"""Frames, their trust, and their words."""

from __future__ import annotations

from itertools import pairwise

from smalldump.model import Module, UnloadedModule
from smalldump.unwind import Frame, FrameTrust, WalkEnd

NT = Module("nt", "ntoskrnl.exe", "ntoskrnl.exe", 0xFFFFF80000000000, 0x1000000, 0, 0)
GONE = UnloadedModule("dump_storpor", 0xFFFFF80010000000, 0xFFFFF80010010000, True)


def frame(pc: int, module: Module | None = None, unloaded: UnloadedModule | None = None) -> Frame:
    return Frame(pc, 0xFFFF800000001000, None, module, None, unloaded, FrameTrust.SCAN)


def test_trust_is_ordered() -> None:
    order = ["context", "unwind_info", "frame_pointer", "call_proved", "scan"]
    assert [trust.value for trust in sorted(FrameTrust, reverse=True)] == order
    assert all(weak < strong for weak, strong in pairwise(sorted(FrameTrust)))
    assert FrameTrust.CONTEXT >= FrameTrust.UNWIND_INFO > FrameTrust.SCAN


def test_report_names_are_the_names_and_everything_has_words() -> None:
    for member in (*FrameTrust, *WalkEnd):
        assert member.value == member.name.lower()
        assert member.words


def test_places_are_written_as_windbg_does() -> None:
    assert frame(NT.base + 0x3F5A80, NT).text() == "nt+0x3f5a80"
    assert frame(GONE.base + 0x1C20, None, GONE).text() == "<Unloaded_dump_storpor>+0x1c20"
    assert frame(0xFFFFF80300001000).text() == "fffff803`00001000"
    assert frame(0x80401000).text(32) == "80401000"
