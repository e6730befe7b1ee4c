"""A driver that went too early: 0xCE on Windows XP SP3, written by the kernel, exactly 64 KB.

The invented `scanbud.sys` starts a system thread that polls a scanner. When the scanner is unplugged the driver is
unloaded without waiting for the thread; the thread wakes up and goes on where no code is any more.
"""

from __future__ import annotations

from tests.synth.builder import DumpBuilder, filetime
from tests.synth.parts import STYLE_K, Block, Process, Processor, Thread, UnloadedDriver
from tests.synth.registers import trap_frame
from tests.synth.stack import Frame, Stack
from tests.synth.stories.common import anchored, page
from tests.synth.stories.modules import WINDOWS_XP, laid_out, names
from tests.synth.windows import XP_SP3

__all__ = ["FILE", "builder"]

FILE = "Mini041408-02.dmp"

KERNEL = 0x804D7000
MODULES = {
    d.name.lower(): d
    for d in laid_out(
        names(WINDOWS_XP), KERNEL, 0xF7400000, step=0x1000, build=2600, linked=("2008-04-13", "2008-04-15")
    )
}
NT = MODULES["ntoskrnl.exe"]
SCANBUD = UnloadedDriver("scanbud.sys", 0xF7B9C000, 0xF7BA4000)
WAKES_UP = SCANBUD.start + 0x13C6

STACK_BASE, THREAD, SYSTEM, PRCB = 0xF7A91000, 0x863D2020, 0x867C6830, 0xFFDFF120
DEVICE, TIMER = 0x862F1E38, 0x8640A1B0
POOL = (DEVICE, TIMER, THREAD, SYSTEM, 0xE1A3C008, STACK_BASE - 0x2C0)
STALE = (NT.at(0x2D1B4), NT.at(0xF1A2), MODULES["usbscan.sys"].at(0x14D2), NT.at(0x6B5C0))
BUG_CHECK = (0xCE, WAKES_UP, 0, WAKES_UP, 0)


def _stack(low: int) -> Stack:
    stack = Stack(low, 4, seed="scanbud", pool=POOL, stale=STALE)
    # KeBugCheckEx 0x18 + 0x14 arguments, MmAccessFault 0x54 + 0x10 arguments, each with EBP and return address
    trap = low + 0x18 + 8 + 0x14 + 0x54 + 8 + 0x10
    inner = [
        Frame("nt!KeBugCheckEx", NT.at(0x22F10), NT.at(0x22F2B), 0x18, arguments=BUG_CHECK),
        Frame("nt!MmAccessFault", NT.at(0x44C80), NT.at(0x44FD3), 0x54, arguments=(0, WAKES_UP, 0, trap)),
    ]
    stack.marks["ebp"] = stack.frames_x86(inner, (NT.at(0x69F4E), "nt!KiTrap0E+0xcc"), trap)
    if stack.here != trap:
        raise AssertionError("the trap frame lies elsewhere")
    thread = [
        Frame(
            "scanbud!poll", SCANBUD.start + 0x1370, WAKES_UP, 0x24, ("esi", "edi"), (DEVICE, TIMER), arguments=(DEVICE,)
        ),
        Frame(
            "nt!PspSystemThreadStartup",
            NT.at(0xF5F4C),
            NT.at(0xF5F80),
            0x24,
            arguments=(SCANBUD.start + 0x1370, DEVICE),
        ),
    ]
    ebp = trap + 0x74 + 8 + 0x24
    registers = {"eip": WAKES_UP, "ebp": ebp, "esi": DEVICE, "edi": TIMER, "eax": 0, "ecx": 0x2710, "errorcode": 0}
    data = bytearray(trap_frame(0x14C, registers))
    data[0:8] = ebp.to_bytes(4, "little") + WAKES_UP.to_bytes(4, "little")
    stack.put(bytes(data[:0x74]), "KTRAP_FRAME: from kernel mode it ends before HardwareEsp")
    stack.mark("trap end")
    stack.frames_x86(thread, (NT.at(0x70E22), "nt!KiThreadStartup+0x16"))
    stack.mark("top")
    stack.up_to(max((stack.here | 0xFFF) + 1, stack.here))
    return stack


def builder() -> DumpBuilder:
    """The facts of this crash."""
    stack = anchored(_stack, "top", STACK_BASE - 0x214)
    stack.data = stack.data[: STACK_BASE - stack.low]
    registers = {
        "eip": NT.at(0x22F2B),
        "esp": stack.low,
        "ebp": stack.marks["ebp"],
        "eax": 0xFFDFF13C,
        "ebx": 0,
        "ecx": 0,
        "edx": 0x40,
        "esi": DEVICE,
        "edi": TIMER,
    }
    return DumpBuilder(
        windows=XP_SP3,
        style=STYLE_K,
        bug_check=BUG_CHECK,
        registers=registers,
        drivers=list(MODULES.values()),
        stack=stack,
        processor=Processor(
            PRCB,
            vendor="GenuineIntel",
            family=0xF,
            model=4,
            stepping=3,
            mhz=2992,
            cr0=0x8001003B,
            cr2=WAKES_UP,
            cr4=0x6F9,
            gdt=0x8003F000,
            idt=0x8003F400,
            idle_thread=NT.at(0x83160),
            dpc_stack=0xF78B0000,
        ),
        process=Process(SYSTEM, "System", 4, 0, 0, 0, 0x00AE5020, (NT.at(0x8A1D8), NT.at(0x8A1D8))),
        thread=Thread(
            THREAD,
            0x2A4,
            SCANBUD.start + 0x1370,
            stack_limit=STACK_BASE - 0x3000,
            stack_base=STACK_BASE,
            kernel_stack=STACK_BASE - 0x2B4,
        ),
        unloaded=[
            SCANBUD,
            UnloadedDriver("kmixer.sys", 0xED5A4000, 0xED5CF000),
            UnloadedDriver("splitter.sys", 0xF7C1A000, 0xF7C1C000),
            UnloadedDriver("aec.sys", 0xEDA11000, 0xEDA34000),
            UnloadedDriver("Cdaudio.SYS", 0xF7A10000, 0xF7A15000),
        ],
        standard_blocks=False,
        blocks=[
            Block(page(TIMER, "timer").address, page(TIMER, "timer", POOL, code="I").data, "page of edi"),
            Block(
                NT.at(0x22F10) & ~0xFFF,
                bytes(0xF10) + bytes.fromhex("8bff558bec6a00ff7518ff7514ff7510ff750cff7508e8").ljust(0xF0, b"\x90"),
                "page of eip",
            ),
        ],
        data_page=page(DEVICE, "device", POOL, [(DEVICE, 0x01000003), (DEVICE + 8, 0x863A1BD0)], code="I"),
        size=0x10000,
        system_time=filetime("2008-04-14 09:12:44.171"),
        uptime=26_731_250_000,
        processors=2,
        product_type=None,
        suite_mask=None,
        pfn_database=0x81000000,
        physical_runs=[(1, 0x9E), (0x100, 0xEFF), (0x1000, 0x1EF70)],
        mm={
            "MmMaximumNonPagedPool": 0x10000,
            "MmAllocatedNonPagedPool": 0x6D2,
            "PagedPoolMaximum": 0x14C00,
            "PagedPoolAllocated": 0x1A3F,
            "CommittedPages": 0xBC1E,
            "CommittedPagesPeak": 0x12D08,
            "CommitLimitMaximum": 0x3B9E1,
        },
        data_rva=0x80000,
        header={"Attributes": None, "SecondaryDataState": None, "MiniDumpFields": 0xFFF},
    )
