"""What one step of an unwinder gives: the caller's registers, or why there are none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import NamedTuple

from smalldump.errors import FormatError, MemoryUnavailable

__all__ = ["NotUnwound", "Stuck", "UnwindKind", "Unwound", "attempted"]


class UnwindKind(Enum):
    """How the function that was left had been entered."""

    CALL = "call"
    """By a call: the caller's program counter is a return address."""
    MACHINE_FRAME = "machine_frame"
    """By a trap, exception or interrupt, or as by one: the program counter is that of the interrupted instruction."""


class Unwound(NamedTuple):
    """The caller's state.

    Attributes:
        registers: By WinDbg's name; what the unwind data do not tell is not in it.
        leaf: Whether the function was taken for a leaf, since no unwind data describe its frame. Compilers keep to
            that, routines in assembly language not always: look for a call before the return address.
    """

    registers: Mapping[str, int]
    kind: UnwindKind
    leaf: bool = False


class NotUnwound(Enum):
    """Why a step failed; the value is the report's name for it."""

    NOT_CODE = "not_code"
    NO_FUNCTION = "no_function"
    NO_FRAME = "no_frame"
    NO_UNWIND_DATA = "no_unwind_data"
    NO_CODE = "no_code"
    NO_STACK = "no_stack"
    UNKNOWN_REGISTER = "unknown_register"
    BAD_UNWIND_DATA = "bad_unwind_data"
    NO_PROGRESS = "no_progress"
    UNSUPPORTED = "unsupported"

    @property
    def words(self) -> str:
        """The reason for people."""
        return _WORDS[self]


_WORDS = {
    NotUnwound.NOT_CODE: "the program counter lies outside of the image's code",
    NotUnwound.NO_FUNCTION: "the image's function table does not know the function that called",
    NotUnwound.NO_FRAME: "the function's unwind data describe no frame, though it called",
    NotUnwound.NO_UNWIND_DATA: "the function's unwind data are not there",
    NotUnwound.NO_CODE: "the function's code is not there",
    NotUnwound.NO_STACK: "the memory that holds the caller's registers is not there",
    NotUnwound.UNKNOWN_REGISTER: "the function's frame hangs on a register that is not known",
    NotUnwound.BAD_UNWIND_DATA: "the function's unwind data are malformed",
    NotUnwound.NO_PROGRESS: "the unwind data lead down the stack",
    NotUnwound.UNSUPPORTED: "the unwind data use what is not understood",
}


class Stuck(Exception):
    """A step cannot be done; never leaves the unwinders."""

    def __init__(self, why: NotUnwound) -> None:
        super().__init__(why.words)
        self.why = why


def attempted(step: Callable[[], Unwound]) -> Unwound | NotUnwound:
    """What a step gives, or why it cannot be done: data of an image may be missing or malformed."""
    try:
        return step()
    except Stuck as stuck:
        return stuck.why
    except MemoryUnavailable:
        return NotUnwound.NO_UNWIND_DATA
    except FormatError:
        return NotUnwound.BAD_UNWIND_DATA
