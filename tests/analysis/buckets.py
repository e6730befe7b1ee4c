"""Machines whose bucket is known: those that people posted buckets of, rebuilt from what their posts tell."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from smalldump.analysis import Analysis, analyse
from smalldump.model import BugCheck, Module, Snapshot
from smalldump.model.symbols import FrameProgram, InlineSite, SourceLine, Symbol, SymbolOrigin
from smalldump.sources.builder import SnapshotBuilder, driver

__all__ = [
    "DRIVER",
    "GONE",
    "IRP",
    "KERNEL",
    "OTHER",
    "PDO",
    "STACK",
    "Named",
    "built",
    "named_analysis",
    "power_objects",
    "unicode_string",
]

KERNEL, DRIVER, OTHER, GONE = 0xFFFFF80010000000, 0xFFFFF80020000000, 0xFFFFF80030000000, 0xFFFFF80040000000
STACK, IRP, PDO = 0xFFFFA00000010000, 0xFFFFC00000001000, 0xFFFFC00000003000
_IMAGE = 0x800000


class Named:
    """Symbols for one module: all of its code is one function."""

    def __init__(self, place: str, origin: SymbolOrigin = SymbolOrigin.PDB) -> None:
        """`place` is `module!function`."""
        self._module, _, function = place.partition("!")
        self._symbol = Symbol(function, 0x1000, None, origin)

    def image(self, _: Module, /) -> None:
        """None: no images."""

    def files(self, _: Module, /) -> None:
        """None: nothing was looked for."""

    def symbols(self, module: Module, /) -> Named | None:
        return self if module.name == self._module else None

    def nearest(self, _rva: int) -> Symbol:
        return self._symbol

    def line(self, _rva: int) -> SourceLine | None:
        return None

    def inlines(self, _rva: int) -> tuple[InlineSite, ...]:
        return ()

    def frame_program(self, _rva: int) -> FrameProgram | None:
        return None


def built(code: int, parameters: tuple[int, int, int, int], file: str = "", **facts: Any) -> Snapshot:
    """A machine that stopped in the driver `file`, or in the kernel if there is none; `other` is another driver."""
    other = facts.pop("other", "")
    modules = [driver("ntoskrnl.exe", KERNEL, _IMAGE)]
    modules += [driver(file, DRIVER, _IMAGE)] if file else []
    modules += [driver(other, OTHER, _IMAGE)] if other else []
    registers = {"rip": (DRIVER if file else KERNEL) + 0x1010, "rsp": STACK}
    return SnapshotBuilder(
        bug_check=BugCheck(code, parameters),
        modules=modules,
        registers=registers,
        stack=(STACK, bytes(0x1000)),
        **facts,
    ).build()


def named_analysis(machine: Snapshot, function: str = "") -> Analysis:
    """Its analysis, with symbols for `module!function`."""
    return analyse(machine, Named(function)) if function else analyse(machine)


def unicode_string(address: int, text: str) -> Mapping[int, bytes]:
    """Memory with a UNICODE_STRING at an address, its buffer behind it."""
    raw = text.encode("utf-16-le")
    return {address: struct.pack("<HHIQ", len(raw), len(raw), 0, address + 0x10) + raw}


def power_objects(holder: int, bus: int) -> Mapping[int, bytes]:
    """An IRP at `IRP` that the driver at `holder` has, and the device at `PDO`, of the driver at `bus`."""
    location, device, first, second = IRP + 0x100, IRP + 0x800, IRP + 0xC00, PDO + 0x800
    return {
        IRP: _object(6, 0xD0, {0xB8: location}),
        location: _object(0, 0x48, {0x28: device}),
        device: _object(3, 0x20, {0x08: first}),
        first: _object(4, 0x40, {0x18: holder}),
        PDO: _object(3, 0x20, {0x08: second}),
        second: _object(4, 0x40, {0x18: bus}),
    }


def _object(kind: int, size: int, pointers: Mapping[int, int]) -> bytes:
    data = bytearray(size)
    data[0] = kind
    for offset, value in pointers.items():
        data[offset : offset + 8] = value.to_bytes(8, "little")
    return bytes(data)
