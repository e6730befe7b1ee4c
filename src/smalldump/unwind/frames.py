"""What a walk gives: frames with their trust, and the reason why the walk stopped."""

from __future__ import annotations

from enum import Enum
from functools import total_ordering
from typing import NamedTuple

from smalldump.addresses import format_address
from smalldump.model import Module, UnloadedModule
from smalldump.model.symbols import PlaceName

__all__ = ["CallStack", "Frame", "FrameTrust", "Stacks", "WalkEnd"]


@total_ordering
class FrameTrust(Enum):
    """How a frame was found, the weakest way first; the value is the report's name for it."""

    SCAN = "scan"
    CALL_PROVED = "call_proved"
    FRAME_POINTER = "frame_pointer"
    UNWIND_INFO = "unwind_info"
    CONTEXT = "context"

    def __lt__(self, other: FrameTrust) -> bool:
        return _RANK[self] < _RANK[other]

    @property
    def words(self) -> str:
        """The way for people."""
        return _TRUST_WORDS[self]


_RANK = {trust: rank for rank, trust in enumerate(FrameTrust)}
_TRUST_WORDS = {
    FrameTrust.SCAN: "looks like a return address",
    FrameTrust.CALL_PROVED: "follows from the code around the call",
    FrameTrust.FRAME_POINTER: "follows from the saved frame pointers",
    FrameTrust.UNWIND_INFO: "follows from the image's unwind information",
    FrameTrust.CONTEXT: "saved registers",
}


class WalkEnd(Enum):
    """Why a walk stopped; the value is the report's name for it."""

    STACK_BASE = "stack_base"
    END_OF_WINDOW = "end_of_window"
    CRASH_CONTEXT = "crash_context"
    USER_MODE = "user_mode"
    OTHER_STACK = "other_stack"
    NO_MORE_CANDIDATES = "no_more_candidates"
    LIMIT = "limit"
    NO_CONTEXT = "no_context"
    NO_STACK = "no_stack"
    SAME_CONTEXT = "same_context"
    UNSUPPORTED = "unsupported"

    @property
    def words(self) -> str:
        """The reason for people."""
        return _END_WORDS[self]


_END_WORDS = {
    WalkEnd.STACK_BASE: "reached the base of the stack",
    WalkEnd.END_OF_WINDOW: "the dump holds no more of the stack",
    WalkEnd.CRASH_CONTEXT: "reached the code that failed",
    WalkEnd.USER_MODE: "reached user mode",
    WalkEnd.OTHER_STACK: "went on to a stack that is not in the dump",
    WalkEnd.NO_MORE_CANDIDATES: "nothing further up looks like a return address",
    WalkEnd.LIMIT: "the stack is longer than what is searched",
    WalkEnd.NO_CONTEXT: "the registers to start from are not known",
    WalkEnd.NO_STACK: "the stack pointer leads to no memory of the dump",
    WalkEnd.SAME_CONTEXT: "the crash registers are those of the stop itself",
    WalkEnd.UNSUPPORTED: "stacks of this architecture are not read",
}


class Frame(NamedTuple):
    """An activation of a function.

    Attributes:
        pc: Where it was executing: the exact place for trust `context`, else the address its callee returns to.
        sp: Stack pointer in the frame. Where `pc` is a return address on the stack, its slot lies right below.
        return_address: Where the function returns to; None for the outermost frame, and where the next frame did not
            call this one but was interrupted.
        module: The loaded module that holds `pc`.
        offset: Bytes from the start of the module, loaded or unloaded.
        unloaded: The unloaded driver whose old range holds `pc`.
        name: What symbols say of the place; None where there are none.
    """

    pc: int
    sp: int
    return_address: int | None
    module: Module | None
    offset: int | None
    unloaded: UnloadedModule | None
    trust: FrameTrust
    name: PlaceName | None = None

    def text(self, bits: int = 64) -> str:
        """The place as WinDbg writes it.

        `nt!KeBugCheckEx+0x107`, without symbols `nt+0x3f5a80`, `<Unloaded_dump_stor>+0x1c20`, else the address.
        """
        if self.module is not None and self.name is not None:
            return self.name.symbol.at(self.module.name, self.pc - self.module.base)
        return self._without_symbols(bits)

    def words(self, bits: int) -> str:
        """The place for people: as `text`, with a mark on a name that comes from an export table."""
        if self.module is not None and self.name is not None:
            return self.name.symbol.words(self.module.name, self.pc - self.module.base)
        return self._without_symbols(bits)

    def _without_symbols(self, bits: int) -> str:
        if self.module is not None:
            return f"{self.module.name}+{self.pc - self.module.base:#x}"
        if self.unloaded is not None:
            return f"<Unloaded_{self.unloaded.name}>+{self.pc - self.unloaded.base:#x}"
        return format_address(self.pc, bits)


class CallStack(NamedTuple):
    """Frames, innermost first, and why there are no more."""

    frames: tuple[Frame, ...]
    end: WalkEnd


class Stacks(NamedTuple):
    """The call stack of a dump in its two parts.

    Attributes:
        crash: From the code that failed outwards.
        dispatch: What ran because of the failure, from the bug check outwards, up to the code that failed; empty where
            the crash registers are those of the bug check itself.
        trap_frame: Address of the KTRAP_FRAME that joins the two, where there is one.
    """

    crash: CallStack
    dispatch: CallStack
    trap_frame: int | None

    @property
    def modules(self) -> list[Module]:
        """The loaded modules that its frames lie in, those of the crash first, each once."""
        frames = (*self.crash.frames, *self.dispatch.frames)
        return list({frame.module.base: frame.module for frame in frames if frame.module}.values())
