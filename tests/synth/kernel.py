"""Raw copies of kernel structures: KPRCB, EPROCESS, ETHREAD, and the MM block."""

from __future__ import annotations

from collections.abc import Mapping

from tests.synth.paper import pack
from tests.synth.parts import Process, Processor, Thread
from tests.synth.tables import MM
from tests.synth.windows import Windows

__all__ = ["FIELD_NAMES", "eprocess", "ethread", "kprcb", "mm_block"]


FIELD_NAMES: Mapping[str, Mapping[str, tuple[str, int]]] = {
    "EPROCESS": {
        "DirectoryTableBase": ("ep_dtb", 0),
        "UniqueProcessId": ("ep_pid", 0),
        "ActiveProcessLinks": ("ep_links", 0),
        "InheritedFromUniqueProcessId": ("ep_parent", 0),
        "Peb": ("ep_peb", 0),
        "ImageFileName": ("ep_name", 15),
        "CreateTime": ("ep_create", 8),
    },
    "ETHREAD": {
        "InitialStack": ("kt_initstack", 0),
        "StackLimit": ("kt_stklimit", 0),
        "StackBase": ("kt_stkbase", 0),
        "KernelStack": ("kt_kernstack", 0),
        "Teb": ("kt_teb", 0),
        "State": ("kt_state", 1),
        "ApcState": ("kt_apcstate", 0),
        "TrapFrame": ("kt_trapframe", 0),
        "Cid": ("et_cid", 0),
        "StartAddress": ("et_start", 0),
        "Win32StartAddress": ("et_w32start", 0),
    },
    "PRCB": {
        "CurrentThread": ("pr_current", 0),
        "NextThread": ("pr_next", 0),
        "IdleThread": ("pr_idle", 0),
        "Number": ("pr_number", 4),
        "MHz": ("pr_mhz", 4),
        "CpuType": ("pr_cputype", 4),
        "VendorString": ("pr_vendor", 13),
        "ContextFrame": ("pr_frame", 0),
        "SpecialRegisters": ("pr_special", 0),
        "Context": ("pr_context", 0),
    },
}
"""Microsoft's names of fields of the raw copies: (short name of the offset, size; 0 for a pointer)."""

# Where nothing else is: ready queues and look-aside lists, empty, as most are in a real PRCB.
_LIST_HEADS = 0x6800


class _Structure:
    """A zeroed structure; fields that the build does not have are skipped."""

    def __init__(self, windows: Windows, size: int) -> None:
        self.windows, self.data = windows, bytearray(size)
        self.pointer_code = "Q" if windows.bits == 64 else "I"

    def put(self, where: str | int | None, code: str, value: int | bytes) -> None:
        """Write a value at a named or literal offset; `P` is a pointer."""
        offset = self.windows.at(where) if isinstance(where, str) else where
        if offset is None:
            return
        raw = value if isinstance(value, bytes) else pack(self.pointer_code if code == "P" else code, value)
        self.data[offset : offset + len(raw)] = raw

    def empty_list(self, where: str | int | None, address: int) -> None:
        """A list head that points to itself."""
        offset = self.windows.at(where) if isinstance(where, str) else where
        if offset is not None:
            self.put(offset, "P", address + offset)
            self.put(offset + self.windows.word, "P", address + offset)


def eprocess(windows: Windows, process: Process) -> bytes:
    """The EPROCESS at `process.address`."""
    size, word = windows.offsets["ep_size"], windows.word
    out = _Structure(windows, size)
    out.put(0, "I", 0x00B60003 if word == 8 else 0x001B0003)
    out.empty_list(8, process.address)
    out.put("ep_dtb", "P", process.directory_table_base)
    out.put("ep_pid", "P", process.pid)
    out.put("ep_links", "P", process.links[0])
    out.put(windows.offsets["ep_links"] + word, "P", process.links[1])
    out.put("ep_parent", "P", process.parent_pid)
    out.put("ep_peb", "P", process.peb)
    out.put("ep_name", "15s", process.name.encode()[:15].ljust(15, b"\0"))
    out.put("ep_create", "Q", process.create_time)
    return bytes(out.data)


def ethread(windows: Windows, thread: Thread, process: Process) -> bytes:
    """The ETHREAD at `thread.address`."""
    word, apc = windows.word, windows.offsets["kt_apcstate"]
    out = _Structure(windows, windows.offsets["et_size"])
    out.put(0, "I", 0x00A00006 if word == 8 else 0x006C0006)
    out.empty_list(8, thread.address)
    out.put("kt_initstack", "P", thread.stack_base - (0x370 if word == 8 else 0x210))
    out.put("kt_stklimit", "P", thread.stack_limit)
    out.put("kt_stkbase", "P", thread.stack_base)
    out.put("kt_kernstack", "P", thread.kernel_stack)
    out.put("kt_teb", "P", thread.teb)
    out.put("kt_trapframe", "P", thread.trap_frame)
    out.put("kt_state", "B", thread.state)
    out.put("kt_priority", "B", thread.priority)
    out.empty_list(apc, thread.address)
    out.empty_list(apc + 2 * word, thread.address)
    out.put(apc + 4 * word, "P", thread.process or process.address)
    out.put("kt_process", "P", process.address)
    out.put("et_cid", "P", process.pid if thread.owner_pid is None else thread.owner_pid)
    out.put(windows.offsets["et_cid"] + word, "P", thread.tid)
    out.put("et_start", "P", thread.start)
    out.put("et_w32start", "P", thread.win32_start)
    out.empty_list("et_irplist", thread.address)
    return bytes(out.data)


def kprcb(windows: Windows, processor: Processor, thread: Thread, context: bytes, cr3: int) -> bytes:
    """The KPRCB at `processor.address`, with `context` in its ProcessorState."""
    out = _Structure(windows, windows.offsets["pr_size"])
    out.put("pr_current", "P", thread.address)
    out.put("pr_next", "P", processor.next_thread)
    out.put("pr_idle", "P", processor.idle_thread)
    out.put("pr_number", "I" if windows.build >= 7600 else "B", processor.number)
    out.put("pr_mhz", "I", processor.mhz)
    _cpu_words(out, processor)
    out.put("pr_frame", "", context)
    out.put("pr_context", "P", processor.context_address)
    out.put("pr_dpcstack", "P", processor.dpc_stack)
    _special_registers(out, processor, cr3)
    if windows.bits == 64:
        for offset in range(_LIST_HEADS, _LIST_HEADS + 16 * 128, 16):
            out.empty_list(offset, processor.address)
    return bytes(out.data)


def _cpu_words(out: _Structure, processor: Processor) -> None:
    at = out.windows.at("pr_cputype")
    if at is None:
        return
    if out.windows.machine == 0xAA64:
        out.put(at, "H", processor.model)
        out.put(at + 2, "H", processor.stepping)
        out.put("pr_vendor", "", b"Q")
        return
    out.put(at, "B", processor.family)
    out.put(at + 1, "B", 1)
    out.put(at + 2, "H", processor.model << 8 | processor.stepping)
    out.put("pr_vendor", "", processor.vendor.encode() + b"\0")


def _special_registers(out: _Structure, processor: Processor, cr3: int) -> None:
    special = out.windows.at("pr_special")
    if special is None or out.windows.machine == 0xAA64:
        return
    word = out.windows.word
    for i, value in enumerate((processor.cr0, processor.cr2, cr3, processor.cr4)):
        out.put(special + word * i, "P", value)
    if word == 8:
        out.put(special + 0x56, "H", 0x57)
        out.put(special + 0x58, "Q", processor.gdt)
        out.put(special + 0x66, "H", 0xFFF)
        out.put(special + 0x68, "Q", processor.idt)
        out.put(special + 0x70, "H", 0x40)
        out.put(special + 0xA0, "Q", processor.irql)
    else:
        out.put(special + 0x2A, "H", 0x3FF)
        out.put(special + 0x2C, "I", processor.gdt)
        out.put(special + 0x32, "H", 0x7FF)
        out.put(special + 0x34, "I", processor.idt)
        out.put(special + 0x38, "H", 0x28)


def mm_block(bits: int, values: Mapping[str, int]) -> bytes:
    """DUMP_MM_STORAGE with `values`; version and size are set."""
    table, size = MM[bits], {32: 0x34, 64: 0x50}[bits]
    data = bytearray(size)
    for name, value in ({"Version": 1, "Size": size} | dict(values)).items():
        offset, code = table[name]
        raw = pack(code, value)
        data[offset : offset + len(raw)] = raw
    return bytes(data)
