"""A walk over every byte of a scrubbed dump: to which permitted class does it belong?

The classes are stated here once more, from the layouts alone and without the code that scrubs.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator

from smalldump.checking.claims import Claim, file_layout
from smalldump.layout.context import (
    ContextArm64,
    ContextX64,
    ContextX86,
    ExceptionRecord32,
    ExceptionRecord64,
    KtrapFrameX64,
    KtrapFrameX86,
)
from smalldump.layout.debugger_data import KdDebuggerData64
from smalldump.layout.record import Record
from smalldump.layout.structures import StructureOffsets
from smalldump.layout.triage import DriverEntry32, DriverEntry64
from smalldump.model import Absent
from smalldump.sources.small import SmallDump
from smalldump.writer.scrub import ScrubLevel

__all__ = ["SYSTEM_PATH", "strangers"]

_BLOBS = {
    ScrubLevel.FACTS: frozenset[str](),
    ScrubLevel.STACK: frozenset(
        {
            "6c7ac389-4313-47dc-9f34-a8800a0fb56c",
            "bc5c008f-1e3a-44d7-988d-86f6884c6758",
            "d03dc06f-d88e-44c5-ba2a-fae035172d19",
            "2b4ae195-a64d-4f04-8ede-7e4f981bd42a",
        }
    ),
}
_PLAIN: dict[str, tuple[type[ContextX64 | ContextX86 | ContextArm64], str]] = {
    "x64": (ContextX64, "context_flags mx_csr save_mx_csr e_flags rip rsp rbp"),
    "x86": (ContextX86, "context_flags e_flags eip esp ebp"),
    "ARM64": (ContextArm64, "context_flags cpsr fp lr sp pc"),
}
_GENERAL = {
    "x64": "rax rcx rdx rbx rsi rdi r8 r9 r10 r11 r12 r13 r14 r15",
    "x86": "eax ebx ecx edx esi edi",
    "ARM64": "x",
}
_FIELDS = {  # of EPROCESS, ETHREAD and KPRCB, with the sizes of those that are no pointers
    "EPROCESS": "unique_process_id inherited_from image_file_name=15 create_time=8 directory_table_base",
    "ETHREAD": "cid=2p start created=8 initial limit base kernel trap apc_process process state=1 wait=1 priority=1",
    "KPRCB": "current next idle number=4 mhz=4 cpu_type=4 vendor=13 frozen dpc_stack isr_stack dpc_active=1",
}
_STRUCTURAL = {"triage header", "end marker", "MM block", "data block table", "secondary data header", "blob header"}
_MAY_BE_FILL = {"VersionUser", "comment", "reserved", "header fields", "physical memory block"}
SYSTEM_PATH = re.compile(
    r"(\\SystemRoot|(\\\?\?\\)?[A-Z]:\\windows|\\windows|\\winnt)\\system32\\"
    r"(drivers\\((wd|umdf)\\)?|DriverStore\\FileRepository\\[^\\]+\\)?[^\\]+",
    re.IGNORECASE,
)
"""Paths whose folders every Windows has."""


class _Walk:
    def __init__(self, source: SmallDump, result: SmallDump, level: ScrubLevel) -> None:
        self.source, self.result, self.level = source, result, level
        self.word, self.machine = result.machine.pointer, result.machine
        words = {} if isinstance(result.debugger_data, Absent) else result.debugger_data
        build = result.system.build
        self.offsets = StructureOffsets(self.machine.image_type, build if isinstance(build, int) else -1, words)
        self.checks: dict[str, Callable[[Claim, bytes], bool]] = {
            "CONTEXT": lambda _, data: self.within(data, self.context_spans()),
            "EXCEPTION_RECORD": lambda _, data: self.exception(data),
            "driver list": lambda _, data: self.driver_list(data),
            "driver name": lambda claim, _: self.driver_name(claim.detail),
            "unloaded drivers": lambda _, __: result.unloaded_modules == source.unloaded_modules,
            "KPRCB": lambda _, data: self.within(
                data, [*self.fields("KPRCB"), *self.registers(data), *self.heads(data)]
            ),
            "EPROCESS": lambda _, data: self.within(data, self.fields("EPROCESS")),
            "ETHREAD": lambda _, data: self.within(data, self.fields("ETHREAD")),
            "call stack": lambda _, data: self.stack(data),
            "debugger data block": lambda _, data: self.debugger_data(data),
            "blob": lambda claim, _: self.tags[claim.start] in _BLOBS[level],
        }
        self.tags = {blob.offset: blob.guid for blob in result.blobs}

    def permitted(self, claim: Claim, data: bytes) -> bool:
        """Whether all bytes of a claim that are not zero belong to a class that the level permits."""
        if not any(data) or claim.name in _STRUCTURAL:
            return True
        if claim.name in _MAY_BE_FILL and not data.strip(b"PAGE"):
            return True
        if claim.name in ("header fields", "physical memory block"):
            return self.header_fields(claim)
        if claim.name.startswith("data block "):
            return self.block(int(claim.name.rpartition(" ")[2]))
        return claim.name in self.checks and self.checks[claim.name](claim, data)

    def within(self, data: bytes, spans: list[tuple[int, int]]) -> bool:
        """Whether nothing but zeros lies outside of the spans."""
        rest = bytearray(data)
        for start, end in spans:
            rest[start:end] = bytes(len(rest[start:end]))
        return not any(rest)

    def header_fields(self, claim: Claim) -> bool:
        """Every byte of the header is fill, or the source has it too."""
        for at in range(claim.start, claim.end):
            data = self.result.file.data
            if data[at] not in (b"PAGE"[at % 4], self.source.file.data[at]) and not self.own_word(at):
                return False
        return True

    def own_word(self, at: int) -> bool:
        # What the writer says of itself: its version, the form's and the file's size, the fields that it writes.
        names = "required_dump_space mini_dump_fields writer_status kd_secondary_version major_version attributes"
        kind = type(self.result.file.header)
        return any(getattr(kind, n).offset <= at < getattr(kind, n).end for n in names.split() if hasattr(kind, n))

    def context_spans(self, base: int = 0) -> list[tuple[int, int]]:
        kind, plain = _PLAIN[self.machine.name]
        names = plain + " " + (_GENERAL[self.machine.name] if self.level is ScrubLevel.STACK else "")
        fields = [field for field in kind.FIELDS if field.name in names.split() or field.name.startswith("seg_")]
        return [(base + field.offset, base + field.end) for field in fields]

    def exception(self, data: bytes) -> bool:
        kind = ExceptionRecord64 if self.machine.bits == 64 else ExceptionRecord32
        count = kind(data).number_parameters
        first = kind.exception_information.offset + count * self.word
        return not any(data[first:]) and all(
            value >= self.machine.kernel_start or value < 0x10000 or value in self.parameters()
            for value in kind(data).exception_information
        )

    def parameters(self) -> tuple[int, ...]:
        stop = self.result.bug_check
        return () if isinstance(stop, Absent) else stop.parameters

    def driver_list(self, data: bytes) -> bool:
        kind: type[Record] = DriverEntry64 if self.machine.bits == 64 else DriverEntry32
        names = ("driver_name_offset", "dll_base", "size_of_image", "check_sum", "time_date_stamp")
        spans = [(field.offset, field.end) for field in kind.FIELDS if field.name in names]
        entries = range(0, len(data), kind.SIZE)
        return self.within(data, [(at + start, at + end) for at in entries for start, end in spans])

    def driver_name(self, text: str) -> bool:
        known = {re.split(r"[\\/:]", module.path)[-1] for module in self.source.modules}
        if not isinstance(self.source.broken_driver, Absent):
            known.add(re.split(r"[\\/:]", self.source.broken_driver)[-1])
        folders = self.level is ScrubLevel.STACK and SYSTEM_PATH.fullmatch(text) is not None
        return text in known or (folders and text.rpartition("\\")[2] in known)

    def fields(self, kind: str) -> list[tuple[int, int]]:
        spans = []
        for entry in _FIELDS[kind].split():
            name, _, size = entry.partition("=")
            offset = self.offsets.offset(kind, name)
            length = 2 * self.word if size == "2p" else int(size or self.word)
            if offset is not None:
                spans.append((offset, offset + length))
        return spans

    def registers(self, data: bytes) -> Iterator[tuple[int, int]]:
        context, special = self.offsets.offset("KPRCB", "context"), self.offsets.offset("KPRCB", "special")
        size = _PLAIN[self.machine.name][0].SIZE
        # On builds that nobody looked at the CONTEXT can be anywhere.
        for at in range(0, len(data) - size, 4) if context is None else (context,):
            if self._is_context(data[at : at + size]):
                yield from self.context_spans(at)
        if special is not None:
            yield special, special + (0xA8 if self.machine.bits == 64 else 0x3C)

    def heads(self, data: bytes) -> Iterator[tuple[int, int]]:
        address = self.result.structures["KPRCB"].address
        if isinstance(address, Absent):
            return
        for at in range(0, len(data) - self.word, self.word):
            if data[at : at + 2 * self.word] == (address + at).to_bytes(self.word, "little") * 2:
                yield at, at + 2 * self.word

    def debugger_data(self, data: bytes) -> bool:
        spans = [(field.offset, field.end) for field in KdDebuggerData64.FIELDS]
        words = (int.from_bytes(data[a:b], "little") for a, b in spans if b - a == 8 and b <= len(data))
        small = all(w & self.machine.mask >= self.machine.kernel_start or w < 0x10000 or w % 2**32 == 0 for w in words)
        return small and self.within(data, spans)

    def stack(self, data: bytes) -> bool:
        """Words lead to code, the stack or a structure, or lie in a register set, where they have other forms."""
        window = self.result.stack
        assert not isinstance(window, Absent)
        code = "Q" if self.word == 8 else "I"
        skip = -window.start % self.word
        words = struct.unpack_from(f"<{(len(data) - skip) // self.word}{code}", data, skip)
        loose = [(window.start + skip + self.word * at, word) for at, word in enumerate(words) if word]
        return all(self.leads_somewhere(word) or self.in_register_set(address) for address, word in loose)

    def leads_somewhere(self, word: int) -> bool:
        if self.source.modules.at(word) or self.source.unloaded_at(word):
            return True
        window, thread = self.source.stack, self.source.thread
        assert not isinstance(window, Absent)
        limit, base = (0, 0) if isinstance(thread, Absent) else (thread.stack_limit, thread.stack_base)
        if not isinstance(limit, Absent) and not isinstance(base, Absent) and limit <= word < base:
            return True
        return word in window or any(
            not isinstance(s.address, Absent) and s.address <= word < s.address + len(s.data)
            for s in self.source.structures.values()
        )

    def in_register_set(self, address: int) -> bool:
        """Whether a CONTEXT, trap frame or exception record of the result covers the word."""
        memory = self.result.memory
        frame = KtrapFrameX64.SIZE if self.machine.bits == 64 else KtrapFrameX86.SIZE
        context = _PLAIN[self.machine.name][0].SIZE
        for start in range((address & -self.word) - context, address + 1, 4):
            data = memory.read_some(start, context)
            if len(data) == context and self._is_context(data):
                at = (address & -self.word) - start
                word = bytes(at) + data[at : at + self.word]  # others may overlay the rest
                if self.within(word, self.context_spans()):
                    return True
            if address - start < frame and self._is_trap_frame(data[:frame]):
                return True
            if address - start < 0x98 and self._is_exception(data[:0x98]):
                return True
        return False

    def _is_context(self, data: bytes) -> bool:
        return _PLAIN[self.machine.name][0](data).context_flags in (0x100007, 0x10007, 0x400003, 0x10003)

    def _is_trap_frame(self, data: bytes) -> bool:
        if self.machine.name == "x64" and len(data) == KtrapFrameX64.SIZE:
            x64 = KtrapFrameX64(data)
            return x64.seg_cs in (0x10, 0x33) and x64.e_flags & 2 == 2 and not any(x64.xmm_registers)
        if self.machine.name == "x86" and len(data) == KtrapFrameX86.SIZE:
            x86 = KtrapFrameX86(data)
            return x86.seg_cs in (0x8, 0x1B) and x86.e_flags & 2 == 2
        return False

    def _is_exception(self, data: bytes) -> bool:
        kind = ExceptionRecord64 if self.machine.bits == 64 else ExceptionRecord32
        if len(data) < kind.SIZE:
            return False
        record = kind(data)
        return record.exception_code >> 31 == 1 and self.exception(data[: kind.SIZE])

    def block(self, index: int) -> bool:
        """Code, headers or unwind data of an image, build string, the kernel's copy of the bug check, registers."""
        block = self.result.data_blocks[index]
        words = {} if isinstance(self.result.debugger_data, Absent) else self.result.debugger_data
        if self.source.modules.at(block.address) and self.source.modules.at(block.address + block.size - 1):
            module = self.source.modules.at(block.address)
            assert module is not None
            return block.address >= module.base + 0x1000 or self.in_headers(module.base, block.address + block.size)
        if block.address in (words.get("nt_build_lab"), words.get("ki_bugcheck_data")):
            return True
        return self.in_register_set(block.address)

    def in_headers(self, base: int, end: int) -> bool:
        """Whether a PE image's headers, of a size that they state, go that far."""
        start = self.source.memory.read_some(base, 0x400)
        if start[:2] != b"MZ":
            return False
        (pe,) = struct.unpack_from("<I", start, 0x3C)
        (size,) = struct.unpack_from("<I", self.source.memory.read_some(base + pe + 0x18 + 0x3C, 4))
        return bool(end <= base + size <= base + 0x1000)


def strangers(source: SmallDump, data: bytes, level: ScrubLevel) -> list[str]:
    """The claims of a scrubbed file that hold anything but permitted classes, and what nothing claims."""
    result = SmallDump(memoryview(data))
    layout, walk = file_layout(result.file), _Walk(source, result, level)
    odd = [f"{c.name} {c.start:#x}" for c in layout.claims if not walk.permitted(c, bytes(data[c.start : c.end]))]
    odd += [f"unclaimed {piece.start:#x}" for piece in layout.unclaimed]
    odd += [f"overlap {overlap.claim.name}" for overlap in layout.overlaps]
    assert sum(claim.end - claim.start for claim in layout.claims) == len(data) or odd
    return odd
