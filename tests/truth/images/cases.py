"""What was recorded of the images that `frames.cpp` makes: the image, its frame programs, and true call stacks."""

from __future__ import annotations

import base64
import bisect
import json
import lzma
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from smalldump.memory import AddressSpace, BytesSpace
from smalldump.model.symbols import FrameProgram

__all__ = ["FOLDER", "BuiltImage", "Frame", "Stack", "load", "mapped"]

FOLDER = Path(__file__).with_name("recorded")


@dataclass(frozen=True)
class Frame:
    """A caller at its call: where it goes on, its stack pointer behind the return, its callee-saved registers."""

    ret: int
    sp: int
    saved: Mapping[str, int]


@dataclass(frozen=True)
class Stack:
    """A moment: registers by WinDbg's name, the stack from `at` on, and the true callers, innermost first.

    The last caller is the sentinel, which lies outside of the image.
    """

    registers: Mapping[str, int]
    at: int
    data: bytes
    frames: tuple[Frame, ...]


@dataclass(frozen=True)
class BuiltImage:
    """An image and what happened when it ran."""

    arch: str
    compiler: str
    data: bytes
    base: int
    sentinel: int
    programs: tuple[FrameProgram, ...]
    stacks: tuple[Stack, ...]

    @cached_property
    def mapped(self) -> bytes:
        """The image as it lies in memory."""
        return mapped(self.data)

    def memory(self, stack: Stack) -> AddressSpace:
        """What could be read at that moment."""
        return BytesSpace({self.base: self.mapped, stack.at: stack.data})

    def holds_code(self, address: int) -> bool:
        """Whether an address lies in the image, or is the sentinel."""
        return address == self.sentinel or self.base <= address < self.base + len(self.mapped)

    def program(self, address: int) -> FrameProgram | None:
        """The innermost record that holds an address."""
        rva = address - self.base
        first = bisect.bisect_right(self._starts, rva) - 1
        return next((program for program in reversed(self.programs[: first + 1]) if _holds(program, rva)), None)

    @cached_property
    def _starts(self) -> list[int]:
        return [program.rva for program in self.programs]


def _holds(program: FrameProgram, rva: int) -> bool:
    return program.rva <= rva < program.rva + program.size


@cache
def load(name: str) -> BuiltImage:
    """What was recorded under a name: `x86-omit`."""
    with lzma.open(FOLDER / f"{name}.json.xz", "rt") as file:
        found = json.load(file)
    return BuiltImage(
        found["arch"],
        found["compiler"],
        base64.b64decode(found["image"]),
        found["base"],
        found["sentinel"],
        tuple(FrameProgram(*record) for record in found["programs"]),
        tuple(map(_stack, found["cases"])),
    )


def _stack(case: Mapping[str, Any]) -> Stack:
    frames = tuple(Frame(frame["ret"], frame["sp"], frame["saved"]) for frame in case["frames"])
    return Stack(case["registers"], case["at"], base64.b64decode(case["stack"]), frames)


def mapped(data: bytes) -> bytes:
    """A PE file as its loader lays it out, without relocations."""
    at = struct.unpack_from("<I", data, 0x3C)[0]
    count, optional = struct.unpack_from("<H12xH", data, at + 6)
    size, headers = struct.unpack_from("<II", data, at + 24 + 56)
    image = bytearray(size)
    image[:headers] = data[:headers]
    for index in range(count):
        virtual, rva, raw, offset = struct.unpack_from("<4I", data, at + 24 + optional + 40 * index + 8)
        piece = data[offset : offset + min(virtual, raw)]
        image[rva : rva + len(piece)] = piece
    return bytes(image)
