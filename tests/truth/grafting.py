"""Emulated code in a kernel: an oracle case, moved to kernel addresses, as a stopped machine that can be dumped.

The cases ran at addresses of user mode. Image and stack are moved by a constant each, and every word of the stack and
every register that points into one of them moves along. What is none of these stays as it is.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from smalldump.model import Module, Snapshot
from smalldump.model.machine import ARM64, X64, X86, Machine
from smalldump.sources.builder import SnapshotBuilder, ThreadFacts, driver
from tests.truth.oracle_cases import Case, CaseFile

__all__ = ["MACHINES", "Graft", "graft"]

MACHINES: Mapping[str, Machine] = {"x64": X64, "arm64": ARM64, "x86": X86}
_AWAY = {64: (0xFFFFF80000000000, 0xFFFFA00000000000), 32: (0xE0000000, 0x70000000)}
"""By pointer size: how far images and stacks are moved."""
_KERNEL = {64: (0xFFFFF80010000000, 0xA00000), 32: (0x80800000, 0x600000)}
_AROUND = 0x10000  # of the stack, whose borders frames may point beyond


@dataclass(frozen=True)
class Graft:
    """A case in a kernel.

    Attributes:
        machine: The stopped machine.
        module: The image.
        frames: The true callers, innermost first: return address and stack pointer; the last one leads to user mode.
    """

    machine: Snapshot
    module: Module
    frames: tuple[tuple[int, int], ...]


class _Move:
    """The way from a case's addresses to the kernel's."""

    def __init__(self, file: CaseFile, case: Case) -> None:
        self.kind = MACHINES[file.arch]
        self.image_by, self.stack_by = _AWAY[self.kind.bits]
        self._image = range(file.base, file.base + file.pe.size_of_image)
        self._stack = range(case.stack_at - _AROUND, case.stack_at + len(case.stack) + _AROUND)

    def word(self, value: int) -> int:
        """A word, moved if it is an address of the image or the stack; the signature of a pointer moves along."""
        plain = value & 0xFFFFFFFFFFFF if self.kind is ARM64 else value
        if plain in self._image:
            return plain + self.image_by & self.kind.mask
        return plain + self.stack_by & self.kind.mask if plain in self._stack else value

    def stack(self, data: bytes) -> bytes:
        """All words of a stack."""
        code = "Q" if self.kind.pointer == 8 else "I"
        form = f"<{len(data) // self.kind.pointer}{code}"
        size = struct.calcsize(form)
        return struct.pack(form, *map(self.word, struct.unpack(form, data[:size]))) + data[size:]


def graft(file: CaseFile, case: Case) -> Graft:
    """A machine that stopped in the case's innermost function."""
    move = _Move(file, case)
    kind, start = move.kind, case.stack_at + move.stack_by & move.kind.mask
    base = file.base + move.image_by & kind.mask
    path = rf"\SystemRoot\system32\drivers\{file.image}"
    module = driver(path, base, file.pe.size_of_image, file.pe.timestamp, file.pe.checksum)
    kernel = driver(r"\SystemRoot\system32\ntoskrnl.exe", *_KERNEL[kind.bits], 0x5A5A5A5A, 0)
    values = {name: value for name, value in case.registers.items() if not name.startswith(("xmm", "d"))}
    builder = SnapshotBuilder(
        machine=kind,
        build_number=7601 if kind is X86 else 22000,
        registers={name: move.word(value) for name, value in values.items()},
        vectors=_vectors(case.registers),
        modules=[kernel, module],
        stack=(start, move.stack(case.stack)),
        thread=ThreadFacts(stack_base=start + len(case.stack) + 15 & -16, stack_limit=start & -0x1000),
    )
    return Graft(builder.build(), module, tuple((move.word(f.ret), move.word(f.sp)) for f in case.frames))


def _vectors(registers: Mapping[str, int]) -> dict[str, int]:
    found = {name: value for name, value in registers.items() if name.startswith("xmm")}
    return found | {
        f"v{name[1:]}": value for name, value in registers.items() if name[:1] == "d" and name[1:].isdigit()
    }
