"""Record true call stacks: `python -m tests.truth.images.record [--all DEST]`, after a change of `frames.cpp`.

The images run in the Unicorn emulator (`pip install unicorn`; GPL-2.0, so nothing here depends on it and it is only
needed to record). A second stack is kept of the CALL and RET instructions that were executed: it says who the callers
are. No unwinder and no unwind information takes part.
"""

from __future__ import annotations

import base64
import json
import lzma
import random
import struct
import sys
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.truth.images.build import VARIANTS, Variant, build, compiler, frame_data
from tests.truth.images.cases import FOLDER, mapped

_SEED = 4
_CASES = 128
"""Moments that are kept of each image, each at another instruction."""
_RUNS = 12
"""Runs of each exported function."""
_MOST_INSTRUCTIONS = 20000
_DEEPEST = 24
_LONGEST_STACK = 0x4000
_STACK_SIZE = 0x40000
_DATA_SIZE = 0x8000
_TEB = 0


class _Processor:
    # Registers and instructions of an architecture, as far as the recording needs them.
    def __init__(self, arch: str) -> None:
        unicorn = import_module("unicorn")
        self.arch, self.x86 = arch, arch != "arm64"
        self.pointer = 4 if arch == "x86" else 8
        constants = import_module("unicorn.x86_const" if self.x86 else "unicorn.arm64_const")
        self._constants, self._prefix = constants, "UC_X86_REG_" if self.x86 else "UC_ARM64_REG_"
        self.pc, self.sp = _POINTERS[arch]
        self.saved, self.shown, self.arguments = _SAVED[arch], _SHOWN[arch], _ARGUMENTS[arch]
        mode = {"x86": unicorn.UC_MODE_32, "x64": unicorn.UC_MODE_64, "arm64": unicorn.UC_MODE_ARM}[arch]
        self.new = partial(unicorn.Uc, unicorn.UC_ARCH_X86 if self.x86 else unicorn.UC_ARCH_ARM64, mode)
        self.hook_code, self.error = unicorn.UC_HOOK_CODE, unicorn.UcError
        self.stack, self.heap, self.sentinel = 0x20000000, 0x30000000, 0x71000000
        # The linker's choice: the images are not relocated.
        self.base = 0x10000000 if arch == "x86" else 0x180000000

    def number(self, name: str) -> int:
        return int(getattr(self._constants, self._prefix + _UNICORN.get(name, name).upper()))

    def calls(self, code: bytes) -> bool:
        if not self.x86:
            word = int.from_bytes(code[:4], "little")
            return word >> 26 == 0x25 or word & 0xFFFFFC1F == 0xD63F0000
        code = code[1:] if self.arch == "x64" and code[0] & 0xF0 == 0x40 else code
        return code[0] == 0xE8 or (code[0] == 0xFF and code[1] >> 3 & 7 == 2)

    def returns(self, code: bytes) -> bool:
        if not self.x86:
            return int.from_bytes(code[:4], "little") & 0xFFFFFC1F == 0xD65F0000
        return code[0] in (0xC3, 0xC2)


_UNICORN = {"fp": "x29", "lr": "x30"}
_VECTORS = [f"xmm{index}" for index in range(6, 16)]
_POINTERS = {"x86": ("eip", "esp"), "x64": ("rip", "rsp"), "arm64": ("pc", "sp")}
_SAVED = {
    "x86": ["ebx", "ebp", "esi", "edi"],
    "x64": ["rbx", "rbp", "rsi", "rdi", "r12", "r13", "r14", "r15", *_VECTORS],
    "arm64": [*(f"x{index}" for index in range(19, 29)), "fp", *(f"d{index}" for index in range(8, 16))],
}
_SHOWN = {
    "x86": ["eax", "ecx", "edx"],
    "x64": ["rax", "rcx", "rdx", "r8", "r9", "r10", "r11"],
    "arm64": [*(f"x{index}" for index in range(19)), "lr"],
}
_ARGUMENTS = {"x86": ["ecx", "edx"], "x64": ["rcx", "rdx", "r8", "r9"], "arm64": ["x0", "x1", "x2", "x3"]}
_VECTOR_BITS = {"x": 128, "d": 64}


class _Recorder:
    def __init__(self, arch: str, image: bytes, chance: random.Random) -> None:
        self.processor, self.image, self.chance = _Processor(arch), mapped(image), chance
        self.cases: dict[int, dict[str, Any]] = {}
        self.code = _section(self.image, b".text")

    def run(self, entry: int) -> None:
        """Run the function at an RVA once, with arguments of chance."""
        processor = self.processor
        self.machine = machine = processor.new()
        base, size = processor.base, (len(self.image) + 0xFFF) & ~0xFFF
        for place, length in (
            (base, size),
            (processor.stack, _STACK_SIZE),
            (processor.heap, _DATA_SIZE),
            (_TEB, 0x1000),
            (processor.sentinel, 0x1000),
        ):
            machine.mem_map(place, length)
        machine.mem_write(base, self.image)
        self._start()
        machine.hook_add(processor.hook_code, self._instruction)
        try:
            machine.emu_start(base + entry, processor.sentinel, count=_MOST_INSTRUCTIONS)
        except processor.error as error:
            print(f"  stopped in {entry:#x}: {error}")

    def _start(self) -> None:
        processor, machine, chance = self.processor, self.machine, self.chance
        self._write_environment()
        for name in processor.saved:
            wide = name.startswith(("xmm", "d")) and processor.arch != "x86"
            self._set(name, chance.getrandbits(_VECTOR_BITS[name[0]] if wide else 8 * processor.pointer))
        arguments = [chance.choice([chance.getrandbits(5), chance.getrandbits(31), processor.heap]) for _ in range(8)]
        for name, value in zip(processor.arguments, arguments, strict=False):
            self._set(name, value)
        sp = processor.stack + _STACK_SIZE - 0x1000 - 16 * chance.randrange(16)
        if processor.x86:
            sp -= processor.pointer
            words = [processor.sentinel, *(arguments if processor.arch == "x86" else [0] * 8)]
            machine.mem_write(sp, struct.pack(f"<9{'I' if processor.pointer == 4 else 'Q'}", *words))
        else:
            self._set("lr", processor.sentinel)
        self._set(processor.sp, sp)
        first = {"slot": sp, "sp": sp + processor.pointer if processor.x86 else sp}
        self.shadow: list[dict[str, Any]] = [{**self._caller(processor.sentinel), **first}]
        self.pending: dict[str, Any] | None = None
        self.returned = False

    # On x86 the list of exception handlers begins at FS:0; the emulator's segments all begin at 0.
    def _write_environment(self) -> None:
        if self.processor.arch == "x86":
            self.machine.mem_write(_TEB, struct.pack("<I", 0xFFFFFFFF))
        elif self.processor.arch == "arm64":
            self.machine.reg_write(self.processor.number("cpacr_el1"), 3 << 20)

    def _instruction(self, machine: Any, address: int, size: int, _: Any) -> None:
        processor, sp = self.processor, self._get(self.processor.sp)
        self._follow(address, sp)
        rva = address - processor.base
        if not self.shadow or not 0 <= rva < len(self.image):
            machine.emu_stop()
            return
        if rva in self.code and (rva not in self.cases or self.chance.random() < 0.2):
            self._keep(rva, sp)
        code = bytes(machine.mem_read(address, max(size, 4)))
        if processor.calls(code):
            self.pending = {**self._caller(address + size), "before": sp}
        self.returned = processor.returns(code)

    # A call has been made when the next instruction runs; a return goes to the innermost caller that waits there.
    def _follow(self, address: int, sp: int) -> None:
        if self.pending is not None:
            self.shadow.append({**self.pending, "sp": self.pending.pop("before"), "slot": sp})
            self.pending = None
        if self.returned:
            while self.shadow and self.shadow[-1]["ret"] != address:
                self.shadow.pop()
            if self.shadow:
                self.shadow.pop()

    def _keep(self, rva: int, sp: int) -> None:
        length = self.shadow[0]["sp"] + 64 - sp
        if len(self.shadow) > _DEEPEST or length > _LONGEST_STACK:
            return
        names = [self.processor.pc, self.processor.sp, *self.processor.saved, *self.processor.shown]
        self.cases[rva] = {
            "registers": {name: self._get(name) for name in names},
            "at": sp,
            "stack": base64.b64encode(bytes(self.machine.mem_read(sp, length))).decode(),
            "frames": [{key: frame[key] for key in ("ret", "sp", "saved")} for frame in reversed(self.shadow)],
        }

    def _caller(self, address: int) -> dict[str, Any]:
        return {"ret": address, "saved": {name: self._get(name) for name in self.processor.saved}}

    def _get(self, name: str) -> int:
        value = self.machine.reg_read(self.processor.number(name))
        assert isinstance(value, int)
        return value

    def _set(self, name: str, value: int) -> None:
        self.machine.reg_write(self.processor.number(name), value)


def _section(image: bytes, name: bytes) -> range:
    at = struct.unpack_from("<I", image, 0x3C)[0]
    size, rva = struct.unpack_from("<II", image, image.index(name.ljust(8, b"\0"), at) + 8)
    return range(rva, rva + size)


def _exports(image: bytes) -> Iterator[int]:
    # RVAs of exported functions, in order of name.
    at = struct.unpack_from("<I", image, 0x3C)[0]
    plus = struct.unpack_from("<H", image, at + 24)[0] == 0x20B
    table = struct.unpack_from("<I", image, at + 24 + (112 if plus else 96))[0]
    count, functions, _, ordinals = struct.unpack_from("<4x4I", image, table + 0x14)
    for index in range(count):
        ordinal = struct.unpack_from("<H", image, ordinals + 2 * index)[0]
        yield int(struct.unpack_from("<I", image, functions + 4 * ordinal)[0])


def record(variant: Variant, most: int) -> Mapping[str, Any]:
    """Build an image, run it, and return what is kept of that."""
    with tempfile.TemporaryDirectory() as folder:
        path, pdb = build(variant, Path(folder))
        image, programs = path.read_bytes(), frame_data(pdb)
    chance = random.Random(_SEED)
    recorder = _Recorder(variant.arch, image, chance)
    for entry in _exports(recorder.image):
        for _ in range(_RUNS):
            recorder.run(entry)
    places = sorted(recorder.cases)
    kept = sorted(chance.sample(places, min(most, len(places))))
    print(variant.name, len(places), "instructions ran,", len(kept), "kept")
    return {
        "arch": variant.arch,
        "compiler": compiler(),
        "image": base64.b64encode(image).decode(),
        "base": recorder.processor.base,
        "sentinel": recorder.processor.sentinel,
        "programs": programs,
        "cases": [recorder.cases[place] for place in kept],
    }


def main() -> None:
    """Record all images: what the repository holds, or every instruction that runs."""
    everything = sys.argv[1:2] == ["--all"]
    folder = Path(sys.argv[2]) if everything else FOLDER
    folder.mkdir(exist_ok=True)
    for variant in VARIANTS:
        found = record(variant, sys.maxsize if everything else _CASES)
        with lzma.open(folder / f"{variant.name}.json.xz", "wt") as file:
            json.dump(found, file)


if __name__ == "__main__":
    main()
