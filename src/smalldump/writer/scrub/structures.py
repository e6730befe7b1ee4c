"""Scrubbing of kernel structures: only the fields that smalldump and debuggers read, each by the form it must have."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from smalldump.layout.context import KspecialRegistersX64, KspecialRegistersX86
from smalldump.layout.debugger_data import KdDebuggerData64
from smalldump.layout.structures import StructureOffsets
from smalldump.model import Machine
from smalldump.model.machine import ARM64, X64
from smalldump.writer.scrub.classes import Permitted, Tally, Withheld, weight
from smalldump.writer.scrub.records import CONTEXTS, is_context, scrubbed_context
from smalldump.writer.scrub.values import Check, Landmarks, below, plausible_time, small

__all__ = ["VENDORS", "scrub_debugger_data", "scrub_eprocess", "scrub_ethread", "scrub_kprcb"]

_ONE_WORD = "GenuineIntel AuthenticAMD HygonGenuine CentaurHauls CyrixInstead GenuineTMx86 TransmetaCPU"
VENDORS = frozenset({*_ONE_WORD.split(), "  Shanghai  ", "Geode by NSC"})
"""Vendor strings of x86 processors, as CPUID gives them."""

_PROCESSES = (
    "system idle registry memcompression smss.exe csrss.exe wininit.exe winlogon.exe services.exe lsass.exe lsm.exe "
    "svchost.exe dwm.exe explorer.exe werfault.exe wininit conhost.exe spoolsv.exe fontdrvhost.ex lsaiso.exe "
    "taskhost.exe taskhostw.exe taskhostex.exe logonui.exe sihost.exe runtimebroker. searchindexer. wmiprvse.exe "
    "ntoskrnl.exe vmmem wudfhost.exe rundll32.exe ctfmon.exe userinit.exe"
)
_WINDOWS_PROCESSES = frozenset(_PROCESSES.split())
_NAME_BYTES = 15
_PHYSICAL = 1 << 52
_MOST_MHZ = 100_000
_MOST_OFFSET, _MOST_SELECTOR = 1 << 24, 0x400
_OWNER_TAG = b"KDBG"
_MASK_NAME, _MASK_LEAST = "pointer_auth_mask", 1 << 32  # a mask of bits above the address


class _Rebuilt:
    """A structure of zeros into which single fields are copied."""

    def __init__(self, kind: str, source: bytes, offsets: StructureOffsets, landmarks: Landmarks) -> None:
        self.kind, self.source, self.offsets = kind, source, offsets
        self.pointer_size, self.landmarks = landmarks.machine.pointer, landmarks
        self.out = bytearray(len(source))

    def number(self, name: str, size: int, check: Check) -> None:
        """Copy an unsigned integer that passes its check."""
        offset = self.offsets.offset(self.kind, name)
        if offset is not None:
            self.number_at(offset, size, check)

    def number_at(self, offset: int, size: int, check: Check) -> None:
        """Copy the integer at `offset`."""
        raw = self.source[offset : offset + size]
        if len(raw) == size:
            self.out[offset : offset + size] = check(int.from_bytes(raw, "little")).to_bytes(size, "little")

    def pointers(self, names: str) -> None:
        """Copy the fields that are addresses of the kernel."""
        for name in names.split():
            self.number(name, self.pointer_size, self.landmarks.kernel)

    def text(self, name: str, size: int) -> bytes:
        """The NUL-ended text in a field."""
        offset = self.offsets.offset(self.kind, name)
        return b"" if offset is None else self.source[offset : offset + size].partition(b"\0")[0]

    def put(self, name: str, data: bytes) -> None:
        """Write `data` into a field, as far as the structure goes."""
        offset = self.offsets.offset(self.kind, name)
        if offset is not None and offset + len(data) <= len(self.out):
            self.out[offset : offset + len(data)] = data

    def finished(self, tally: Tally) -> bytes:
        """The structure, counted."""
        tally.remove(Withheld.STRUCTURES, self.source, weight(self.out))
        return bytes(self.out)


def _identifier(value: int) -> int:
    return value if value % 4 == 0 and value < 1 << 32 else 0


def scrub_kprcb(
    source: bytes, address: int | None, offsets: StructureOffsets, landmarks: Landmarks, tally: Tally
) -> bytes:
    """The KPRCB: number, threads, type and speed of the processor, its register sets, stacks, empty list heads.

    Where the build's ProcessorState is not known, as on Windows 2000, its CONTEXT is found by its shape: debuggers
    take the registers from there.
    """
    prcb = _Rebuilt("KPRCB", source, offsets, landmarks)
    _copy_list_heads(prcb, address, tally)
    heads = weight(prcb.out)
    for offset in _contexts(source, offsets, landmarks):
        context = scrubbed_context(source[offset:], landmarks)
        prcb.out[offset : offset + len(context)] = context
    _copy_special_registers(prcb)
    prcb.pointers("current next idle frozen dpc_stack isr_stack")
    prcb.number("number", 1 if offsets.build < 7600 else 4, below(landmarks.processors))
    prcb.number("mhz", 4, below(_MOST_MHZ))
    prcb.number("cpu_type", 4, below(1 << 32))
    prcb.number("dpc_active", 1, bool)
    vendor = prcb.text("vendor", 13)
    if landmarks.machine is ARM64:
        prcb.put("vendor", vendor[:1])
    elif vendor.decode("latin-1") in VENDORS:
        prcb.put("vendor", vendor)
    tally.kept[Permitted.STRUCTURE_FIELDS] += weight(prcb.out) - heads
    return prcb.finished(tally)


def _contexts(source: bytes, offsets: StructureOffsets, landmarks: Landmarks) -> Iterator[int]:
    known = offsets.offset("KPRCB", "context")
    if known is not None:
        yield known
        return
    for offset in range(0, len(source), landmarks.machine.pointer):
        if is_context(source[offset : offset + CONTEXTS[landmarks.machine].SIZE], landmarks):
            yield offset


def _copy_list_heads(prcb: _Rebuilt, address: int | None, tally: Tally) -> None:
    # An empty list head holds its own address twice: it tells no more than where the KPRCB lies.
    if address is None or not prcb.landmarks.kernel(address):
        return
    size, source = prcb.pointer_size, prcb.source
    words = memoryview(source)[: len(source) // size * size].cast("Q" if size == 8 else "I").tolist()
    for index, (word, following) in enumerate(pairwise(words)):
        if word == following == address + index * size:
            prcb.out[index * size : (index + 2) * size] = source[index * size : (index + 2) * size]
    tally.keep(Permitted.LIST_HEADS, prcb.out)


def _copy_special_registers(prcb: _Rebuilt) -> None:
    offset, landmarks = prcb.offsets.offset("KPRCB", "special"), prcb.landmarks
    if offset is None or landmarks.machine is ARM64:
        return
    layout = KspecialRegistersX64 if landmarks.machine is X64 else KspecialRegistersX86
    checks: dict[str, Check] = {
        "cr0": below(1 << 32),
        "cr2": landmarks.fault,
        "cr3": below(_PHYSICAL),
        "cr4": below(1 << 32),
        "gdtr_limit": small,
        "gdtr_base": landmarks.kernel,
        "idtr_limit": small,
        "idtr_base": landmarks.kernel,
        "tr": small,
        "ldtr": small,
        "mx_csr": small,
        "cr8": below(16),
    }
    for field in layout.FIELDS:
        if field.name in checks:
            prcb.number_at(offset + field.offset, field.size, checks[field.name])


def scrub_eprocess(source: bytes, offsets: StructureOffsets, landmarks: Landmarks, tally: Tally) -> bytes:
    """The EPROCESS: identifiers, time of creation, page directory, and the name as the level permits."""
    process = _Rebuilt("EPROCESS", source, offsets, landmarks)
    process.number("unique_process_id", landmarks.machine.pointer, _identifier)
    process.number("inherited_from", landmarks.machine.pointer, _identifier)
    process.number("create_time", 8, plausible_time)
    process.number("directory_table_base", landmarks.machine.pointer, below(_PHYSICAL))
    tally.keep(Permitted.STRUCTURE_FIELDS, process.out)
    name = process.text("image_file_name", _NAME_BYTES)
    windows = name.decode("latin-1").lower() in _WINDOWS_PROCESSES
    kind = Permitted.WINDOWS_PROCESS if windows else Permitted.PROCESS_NAME
    if tally.permits(kind) and all(0x20 <= byte < 0x7F for byte in name):
        process.put("image_file_name", name)
        tally.keep(kind, name)
    return process.finished(tally)


def scrub_ethread(source: bytes, offsets: StructureOffsets, landmarks: Landmarks, tally: Tally) -> bytes:
    """The ETHREAD: identifiers, state, priority, kernel stack, kernel start address, time of creation, process."""
    thread = _Rebuilt("ETHREAD", source, offsets, landmarks)
    cid, size = offsets.offset("ETHREAD", "cid"), landmarks.machine.pointer
    if cid is not None:
        thread.number_at(cid, size, _identifier)
        thread.number_at(cid + size, size, _identifier)
    thread.pointers("start initial limit base kernel trap apc_process process")
    thread.number("created", 8, plausible_time)
    thread.number("state", 1, below(0x10))
    thread.number("wait", 1, below(0x80))
    thread.number("priority", 1, below(0x20))
    tally.keep(Permitted.STRUCTURE_FIELDS, thread.out)
    return thread.finished(tally)


def scrub_debugger_data(source: bytes, machine: Machine, tally: Tally) -> bytes:
    """The debugger data block: kernel addresses, offsets and sizes in the places where the block has them.

    Nothing of what does not say that it is that block: a word of two bytes has no form to be known by.
    """
    out = bytearray(len(source))
    tag = KdDebuggerData64.owner_tag
    fields = KdDebuggerData64.FIELDS if source[tag.offset : tag.end] == _OWNER_TAG else ()
    for field in fields:
        raw = source[field.offset : field.end]
        if len(raw) == field.size and _debugger_word_fits(field.name, raw, machine):
            out[field.offset : field.end] = raw
    tally.keep(Permitted.DEBUGGER_DATA, out)
    tally.remove(Withheld.DEBUGGER_DATA, source, weight(out))
    return bytes(out)


def _debugger_word_fits(name: str, raw: bytes, machine: Machine) -> bool:
    if name == "owner_tag":
        return raw == _OWNER_TAG
    value = int.from_bytes(raw, "little")
    if len(raw) < 8:
        return value < (_MOST_SELECTOR if name.startswith("gdt") else _MOST_OFFSET)
    if name == _MASK_NAME:
        return value % _MASK_LEAST == 0
    return bool(small(value)) or _kernel_word(value, machine)


def _kernel_word(value: int, machine: Machine) -> bool:
    # 32-bit pointers are sign-extended by dbgeng, zero-extended elsewhere.
    if machine.bits == 64:
        return value >= machine.kernel_start
    return value >> 32 in (0, 0xFFFFFFFF) and value & machine.mask >= machine.kernel_start
