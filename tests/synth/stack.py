"""Kernel stacks, written from the stack pointer up, slot by slot.

    stack = Stack(0xFFFFA08F_2B1C6D08, word=8)
    stack.word(nt.at(0x40A2A9), "nt!KiBugCheckDispatch+0x69")
    stack.words(0xD1, p1, p2, p3, note="homes of the register arguments")
    stack.mark("trap frame")
    stack.put(trap_frame(...))

`frames_x64` and `frames_x86` write whole call chains; what a correct unwinder must find ends up in `returns`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.synth.code import Code
from tests.synth.noise import Noise, fingerprint
from tests.synth.paper import pack

__all__ = ["Frame", "Return", "Stack"]


@dataclass(frozen=True)
class Return:
    """A true return address: the slot it lies in, its value, and where it leads."""

    slot: int
    address: int
    text: str


@dataclass(frozen=True)
class Frame:
    """A function with a frame.

    Attributes:
        text: `module!function`, for people.
        start: Address of its first instruction.
        resume: Where it goes on after the call it is in; the PC for the innermost frame.
        alloc: Bytes of locals below the saved registers (x64: home area of the callee included).
        pushes: Registers it saves, in the order of its prologue.
        saved: Values of those registers (x86: without ebp).
        locals: What its locals hold: {offset from the lowest byte: number or bytes}; the rest is left over.
        arguments: x86 only: the arguments on the stack.
        via: Address of the thunk that its call goes through, where it calls no function directly.
    """

    text: str
    start: int
    resume: int
    alloc: int = 0x28
    pushes: Sequence[str] = ()
    saved: Sequence[int] = ()
    locals: Mapping[int, int | bytes] = field(default_factory=dict)
    arguments: Sequence[int] = ()
    via: int = 0

    @property
    def module(self) -> str:
        """The part of the text before `!`."""
        return self.text.partition("!")[0]


class Stack:
    """The saved part of one kernel stack."""

    def __init__(
        self, low: int, word: int = 8, *, seed: str = "stack", pool: Sequence[int] = (), stale: Sequence[int] = ()
    ) -> None:
        """Start at address `low`; left-over slots point to `pool` addresses and `stale` return addresses."""
        self.low, self.word_size = low, word
        self.data = bytearray()
        self.notes: dict[int, str] = {}
        self.marks: dict[str, int] = {}
        self.returns: list[Return] = []
        self.noise, self.pool, self.stale = Noise(seed), pool, stale

    @property
    def here(self) -> int:
        """Address of the next slot."""
        return self.low + len(self.data)

    def mark(self, name: str) -> int:
        """Give the next slot's address a name; returns it."""
        self.marks[name] = self.here
        return self.here

    def word(self, value: int, note: str = "") -> None:
        """One pointer-sized value."""
        if note:
            self.notes[self.here] = note
        self.data += pack("Q" if self.word_size == 8 else "I", value)

    def words(self, *values: int, note: str = "") -> None:
        """Several values, the first one lowest."""
        if note:
            self.notes[self.here] = note
        for value in values:
            self.word(value)

    def put(self, data: bytes, note: str = "") -> None:
        """A structure."""
        if note:
            self.notes[self.here] = note
        self.data += data

    def return_to(self, address: int, text: str) -> None:
        """A true return address."""
        self.returns.append(Return(self.here, address, text))
        self.word(address, text)

    def left_over(self, size: int) -> None:
        """`size` bytes that nobody cleared."""
        for _ in range(size // self.word_size):
            self.word(self.noise.stack_word(self.word_size, self.pool, self.stale))

    def up_to(self, address: int, *, zero: bool = True) -> None:
        """Go on at `address`, over zeros or left-overs."""
        size = address - self.here
        if size < 0:
            raise ValueError(f"{address:#x} is below {self.here:#x}")
        if zero:
            self.data += bytes(size)
        else:
            self.left_over(size)

    def locals(self, size: int, values: Mapping[int, int | bytes]) -> None:
        """`size` bytes of locals: left-overs with `values` written over them."""
        start = len(self.data)
        self.left_over(size)
        for offset, value in values.items():
            raw = value if isinstance(value, bytes) else pack("Q" if self.word_size == 8 else "I", value)
            if offset + len(raw) > size:
                raise ValueError(f"local at {offset:#x} overruns {size:#x} bytes")
            self.data[start + offset : start + offset + len(raw)] = raw

    def frames_x64(self, frames: Sequence[Frame], code: Code, end: tuple[int, str] = (0, "end of the thread")) -> None:
        """A call chain, innermost first, from the innermost function's RSP on; `end` is above the outermost."""
        for i, frame in enumerate(frames):
            if (frame.alloc + 8 * len(frame.pushes) + 8) % 16:
                raise ValueError(f"{frame.text} would misalign the stack")
            self.locals(frame.alloc, frame.locals)
            saved = list(frame.saved) + [0] * (len(frame.pushes) - len(frame.saved))
            for register, value in reversed(list(zip(frame.pushes, saved, strict=True))):
                self.word(value, f"saved {register} of {frame.text}")
            above = frames[i + 1] if i + 1 < len(frames) else None
            if above:
                self.return_to(above.resume, above.text)
                target = above.via or (frame.start if frame.module == above.module else 0)
                code.function_x64(above.start, above.resume, target, above.pushes, above.alloc)
            elif end[0]:
                self.return_to(*end)
            else:
                self.word(*end)

    def frames_x86(
        self, frames: Sequence[Frame], end: tuple[int, str] = (0, "end of the thread"), link: int = 0
    ) -> int:
        """A call chain of EBP frames, innermost first, from the innermost ESP on; returns the innermost EBP.

        `end` is the return address of the outermost frame, `link` its saved EBP.
        """
        first = 0
        for i, frame in enumerate(frames):
            for register, value in reversed(list(zip(frame.pushes, frame.saved, strict=True))):
                self.word(value, f"saved {register} of {frame.text}")
            self.locals(frame.alloc, frame.locals)
            first = first or self.here
            above = frames[i + 1] if i + 1 < len(frames) else None
            gap = 8 + 4 * len(frame.arguments)
            link = self.here + gap + above.alloc + 4 * len(above.pushes) if above else link
            self.word(link, f"saved ebp of {frame.text}")
            if above:
                self.return_to(above.resume, above.text)
            elif end[0]:
                self.return_to(*end)
            else:
                self.word(*end)
            self.words(*frame.arguments)
        return first

    def frames_arm64(self, frames: Sequence[Frame], *, signed: bool = True) -> int:
        """A chain of x29 frames, innermost first; returns the innermost x29 (which is SP there).

        A frame is its record (caller's x29, return address) and `alloc` bytes above it. `signed`: return addresses
        carry a pointer authentication code in bits 63-56 and 54-48; `returns` holds them without.
        """
        first = self.here
        for i, frame in enumerate(frames):
            above = frames[i + 1] if i + 1 < len(frames) else None
            self.word(self.here + 16 + frame.alloc if above else 0, f"saved x29 of {frame.text}")
            if above:
                self.returns.append(Return(self.here, above.resume, above.text))
                self.word(_authenticated(above.resume) if signed else above.resume, above.text)
            else:
                self.word(0, "end of the thread")
            self.locals(frame.alloc, frame.locals)
        return first


def _authenticated(address: int) -> int:
    code = fingerprint(f"pac {address:#x}", 15)
    return address & 0x0080FFFFFFFFFFFF | (code >> 7) << 56 | (code & 0x7F) << 48
