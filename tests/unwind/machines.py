"""Small stopped machines, given by their stack: what the tests of the walk look at.

Three modules, whose bases end in the same digits on every architecture: `nt`, `disk` and `filter`; and `gone`, which
was unloaded. Each is 0x10000 bytes long.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from smalldump.memory import BytesSpace
from smalldump.model import (
    Absent,
    Contexts,
    Module,
    ModuleList,
    Registers,
    Snapshot,
    StackWindow,
    System,
    UnloadedModule,
)
from smalldump.model.machine import ARM64, X64, X86, Machine
from smalldump.unwind import CallStack, FrameTrust

__all__ = ["DISK", "DISK32", "FILTER", "GONE", "NT", "NT32", "STACK", "STACK32", "StoppedMachine", "words32", "words64"]

NT, DISK, FILTER, GONE = 0xFFFFF80100000000, 0xFFFFF80100100000, 0xFFFFF80100200000, 0xFFFFF80100300000
NT32, DISK32, FILTER32, GONE32 = 0x80400000, 0x80500000, 0x80600000, 0x80700000
STACK, STACK32 = 0xFFFF850000010000, 0xF7A30000
SIZE = 0x10000


class StoppedMachine(Snapshot):
    """A machine of which only stack, modules and registers are known."""

    window: StackWindow

    def __init__(
        self,
        machine: Machine,
        start: int,
        stack: bytes,
        crash: Mapping[str, int] | None,
        *,
        header: Mapping[str, int] | None = None,
        code: Mapping[int, bytes] | None = None,
        cut: int | Absent = 0,
        crash_address: int | None = None,
    ) -> None:
        """`stack` lies at `start`; `crash` and `header` are registers, `header` is the same as `crash` if left out."""
        bases = (NT32, DISK32, FILTER32, GONE32) if machine is X86 else (NT, DISK, FILTER, GONE)
        named = zip(("nt", "disk", "filter"), bases, strict=False)
        self.system = System(machine, **dict.fromkeys(_FACTS, Absent.NOT_CAPTURED))
        self.modules = ModuleList(Module(name, f"{name}.sys", name, base, SIZE, 0, 0) for name, base in named)
        self.unloaded_modules = (UnloadedModule("gone.sys", bases[3], bases[3] + SIZE, False),)
        self.stack = self.window = StackWindow(start, memoryview(stack), cut)
        self.memory = BytesSpace({**(code or {}), start: stack})
        at_crash = Absent.NOT_CAPTURED if crash is None else Registers(machine, crash, "crash", crash_address)
        at_stop = at_crash if header is None else Registers(machine, header, "header")
        self.contexts = Contexts(at_stop, Absent.NOT_CAPTURED, at_crash)


_FACTS = [name for name in System._fields if name != "machine"]


def words64(*values: int) -> bytes:
    """A stack of 64-bit words, the lowest address first."""
    return struct.pack(f"<{len(values)}Q", *values)


def words32(*values: int) -> bytes:
    """A stack of 32-bit words, the lowest address first."""
    return struct.pack(f"<{len(values)}I", *values)


def x64(stack: bytes, rip: int, rsp: int = STACK, **more: object) -> StoppedMachine:
    """An x64 machine that stopped at `rip`."""
    return StoppedMachine(X64, STACK, stack, {"rip": rip, "rsp": rsp}, **more)  # type: ignore[arg-type]


def x86(stack: bytes, eip: int, ebp: int, esp: int = STACK32, **more: object) -> StoppedMachine:
    """An x86 machine that stopped at `eip`."""
    return StoppedMachine(X86, STACK32, stack, {"eip": eip, "esp": esp, "ebp": ebp}, **more)  # type: ignore[arg-type]


def arm64(stack: bytes, pc: int, fp: int, lr: int = 0, **more: object) -> StoppedMachine:
    """An ARM64 machine that stopped at `pc`."""
    return StoppedMachine(ARM64, STACK, stack, {"pc": pc, "sp": STACK, "fp": fp, "lr": lr}, **more)  # type: ignore[arg-type]


def shown(stack: CallStack, bits: int = 64) -> Sequence[tuple[str, FrameTrust]]:
    """The frames as people see them: place and trust."""
    return [(frame.text(bits), frame.trust) for frame in stack.frames]
