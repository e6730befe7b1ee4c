"""The file of the description: Mini022900-01.dmp, the first small dump of 29 February 2000.

Windows 2000 Professional was twelve days in the shops: build 2195, no service pack. The tape back-up driver
`tapemill.sys` (invented) copies a write request at DISPATCH_LEVEL into a buffer that the memory manager has paged out.
What no public source lists for Windows 2000, and what came with XP, is left out or left as fill.
"""

from __future__ import annotations

from dataclasses import replace

from tests.synth.builder import DumpBuilder, filetime
from tests.synth.parts import STYLE_K, Driver, Process, Processor, Thread
from tests.synth.registers import trap_frame
from tests.synth.stack import Frame, Stack
from tests.synth.stories.common import anchored
from tests.synth.stories.modules import WINDOWS_2000, laid_out, names
from tests.synth.windows import WIN2000

__all__ = ["FILE", "builder"]

FILE = "Mini022900-01.dmp"

KERNEL = 0x80400000
MODULES = {
    d.name.lower(): d
    for d in laid_out(
        names(WINDOWS_2000),
        KERNEL,
        0xF7E00000,
        step=0x1000,
        build=2195,
        linked=("1999-09-25", "1999-12-07"),
        root="\\WINNT",
    )
}
NT = MODULES["ntoskrnl.exe"]
TAPEMILL = Driver("\\WINNT\\system32\\drivers\\tapemill.sys", 0xBFF12000, 0x9000, 0x3834E5A0, 0x0000C3F1)

STACK_BASE, THREAD, PROCESS, PRCB = 0xF7489000, 0x812C4D20, 0x81316A60, 0xFFDFF120
IRP, DEVICE, BUFFER = 0x8130F2C8, 0x81428E30, 0xE1C57000
FAULT = TAPEMILL.at(0x2E4D)
POOL = (IRP, DEVICE, THREAD, PROCESS, 0x812F8008, STACK_BASE - 0x1F4)
STALE = (NT.at(0x1A7C2), NT.at(0x52F06), MODULES["ntfs.sys"].at(0x3D1A), NT.at(0x66DC1))
BUG_CHECK = (0xD1, BUFFER, 2, 0, FAULT)

# Came with Windows XP or later, or nobody has published that Windows 2000 fills it.
_FILL_ONLY = (
    "MiniDumpFields",
    "SecondaryDataState",
    "ProductType",
    "SuiteMask",
    "WriterStatus",
    "RequiredDumpSpace",
    "SystemUpTime",
    "Attributes",
    "BootId",
    "KdSecondaryVersion",
)


def _stack(low: int) -> Stack:
    stack = Stack(low, 4, seed="tapemill", pool=POOL, stale=STALE)
    trap = low + 0x40 + 8 + 0x14
    inner = [
        Frame(
            "nt!KeBugCheckEx",
            NT.at(0x2A6D8),
            NT.at(0x2A711),
            0x40,
            locals={0: NT.at(0x2A6F4), 4: bytes(0x3C)},
            arguments=BUG_CHECK,
        )
    ]
    stack.marks["ebp"] = stack.frames_x86(inner, (NT.at(0x6672E), "nt!KiTrap0E+0x20c"), trap)
    ebp = trap + 0x74 + 0x18 + 12
    registers = {"eip": FAULT, "ebp": ebp, "esi": BUFFER, "edi": DEVICE + 0x200, "ecx": 0x80, "ebx": IRP, "eax": 0x200}
    data = bytearray(trap_frame(0x14C, registers))
    data[0:8] = ebp.to_bytes(4, "little") + FAULT.to_bytes(4, "little")
    stack.put(bytes(data[:0x74]), "KTRAP_FRAME")
    three = ("ebx", "esi", "edi")
    frames = [
        Frame(
            "tapemill!TmCopyBlock", TAPEMILL.at(0x2E10), FAULT, 0x18, three, (IRP, 0x200, 0), arguments=(DEVICE, BUFFER)
        ),
        Frame(
            "tapemill!TmStartIo",
            TAPEMILL.at(0x2A00),
            TAPEMILL.at(0x2B66),
            0x2C,
            three,
            (0, IRP, DEVICE),
            arguments=(DEVICE, IRP),
        ),
        Frame(
            "tapemill!TmWrite",
            TAPEMILL.at(0x1880),
            TAPEMILL.at(0x191C),
            0x10,
            ("esi",),
            (IRP,),
            arguments=(DEVICE, IRP),
        ),
        Frame("nt!IopfCallDriver", NT.at(0x1F4C0), NT.at(0x1F4F5), 0, ("esi",), (IRP,)),
        Frame(
            "nt!IopSynchronousServiceTail",
            NT.at(0xB5E10),
            NT.at(0xB5E6E),
            0x1C,
            three,
            (0, 1, IRP),
            arguments=(DEVICE, IRP, 0x812F8008, 1, 1, 1),
        ),
        Frame(
            "nt!NtWriteFile",
            NT.at(0xC18B0),
            NT.at(0xC1EC2),
            0x9C,
            three,
            (0, 0, 0x812F8008),
            arguments=(0x8C, 0, 0, 0, 0x12FEA8, 0x12F4A0, 0x8000, 0, 0),
        ),
    ]
    user = trap_frame(
        0x14C,
        {
            "eip": 0x77F8C551,
            "cs": 0x1B,
            "eflags": 0x202,
            "esp": 0x12FE78,
            "ebp": 0x12FED0,
            "eax": 0xED,
            "edx": 0x12FE7C,
        },
    )
    size = sum(8 + f.alloc + 4 * len(f.pushes) + 4 * len(f.arguments) for f in frames)
    stack.frames_x86(frames, (NT.at(0x65091), "nt!KiSystemService+0xc9"), trap + 0x74 + size)
    stack.mark("system call")
    stack.put(user[:0x78] + (0x23).to_bytes(4, "little") + user[0x7C:], "KTRAP_FRAME of the system call")
    stack.put(bytes(0x210), "floating point save area")
    return stack


def builder() -> DumpBuilder:
    """The facts of this crash."""
    stack = anchored(_stack, "system call", STACK_BASE - 0x210 - 0x8C)
    registers = {
        "eip": NT.at(0x2A711),
        "esp": stack.low,
        "ebp": stack.marks["ebp"],
        "eax": 0xFFDFF13C,
        "ebx": 2,
        "ecx": 0,
        "edx": 0x80010031,
        "esi": BUFFER,
        "edi": FAULT,
        "cs": 8,
    }
    order = ("mm", "prcb", "process", "thread", "stack", "drivers", "strings")
    return DumpBuilder(
        windows=WIN2000,
        style=replace(STYLE_K, order=order, triage_options=0, unloaded_slots=0),
        bug_check=BUG_CHECK,
        registers=registers,
        drivers=[*MODULES.values(), TAPEMILL],
        stack=stack,
        processor=Processor(
            PRCB,
            family=6,
            model=8,
            stepping=3,
            mhz=0,
            cr0=0x80010031,
            cr2=BUFFER,
            cr4=0x6D1,
            gdt=0x80036000,
            idt=0x80036400,
            idle_thread=NT.at(0x704C0),
        ),
        process=Process(
            PROCESS,
            "tapeback.exe",
            0x31C,
            0xF8,
            0x7FFDF000,
            filetime("2000-02-29 17:58:03.015"),
            0x02F1B000,
            (NT.at(0x83B98), 0x813BB0C0),
        ),
        thread=Thread(
            THREAD,
            0x330,
            0x77E87532,
            0x00401F0C,
            0x7FFDE000,
            stack_limit=STACK_BASE - 0x3000,
            stack_base=STACK_BASE,
            kernel_stack=STACK_BASE - 0x29C,
        ),
        unloaded=None,
        standard_blocks=False,
        size=0x10000,
        system_time=filetime("2000-02-29 18:06:27.640"),
        uptime=None,
        processors=1,
        product_type=None,
        suite_mask=None,
        pae=False,
        pfn_database=0x81007000,
        physical_runs=[(1, 0x9E), (0x100, 0x7EF0)],
        mm={
            "MmMaximumNonPagedPool": 0x3A00,
            "MmAllocatedNonPagedPool": 0x2F4,
            "PagedPoolMaximum": 0x2A400,
            "PagedPoolAllocated": 0xB21,
            "CommittedPages": 0x4C0A,
            "CommittedPagesPeak": 0x5E33,
            "CommitLimitMaximum": 0x13C7D,
        },
        data_rva=0x70000,
        header=dict.fromkeys(_FILL_ONLY),
    )
