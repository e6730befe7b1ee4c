"""A bad pointer out of an IOCTL: 0x1000008E on Windows 7 SP1 x86, dbgeng-written.

The invented camera driver `puddlcam.sys` trusts a length that `videochat.exe` passes and runs off the end of its
buffer. The writer replaced the header's context by the trap frame at P3, so the saved stack begins at the fault; the
PRCB still holds the registers of KeBugCheckEx.
"""

from __future__ import annotations

from tests.synth.builder import DumpBuilder, filetime
from tests.synth.parts import STYLE_D, Block, Driver, Process, Processor, Thread, UnloadedDriver
from tests.synth.registers import trap_frame
from tests.synth.stack import Frame, Stack
from tests.synth.stories.common import anchored, page
from tests.synth.stories.modules import WINDOWS_XP, laid_out, names
from tests.synth.windows import WIN7_X86

__all__ = ["FILE", "builder"]

FILE = "101912-19422-01.dmp"

KERNEL = 0x82A1B000
MODULES = {
    d.name.lower(): d
    for d in laid_out(
        [("ntkrnlpa.exe", 0x412000), *names(WINDOWS_XP)[1:]],
        KERNEL,
        0x8BA00000,
        step=0x1000,
        build=7601,
        linked=("2009-07-13", "2010-11-21"),
    )
}
NT = MODULES["ntkrnlpa.exe"]
PUDDLE = Driver("\\SystemRoot\\system32\\DRIVERS\\puddlcam.sys", 0x9A4C2000, 0xC000, 0x50655C1F, 0x12A40)

STACK_BASE, THREAD, PROCESS, PRCB = 0x9DC43000, 0x86B1AD48, 0x86A3C030, 0x82B5BD20
IRP, DEVICE, BUFFER = 0x869D4E28, 0x8640B028, 0x8C5D0FF8
FAULT = PUDDLE.at(0x34A1)
POOL = (IRP, DEVICE, THREAD, PROCESS, BUFFER, STACK_BASE - 0x2F0)
STALE = (NT.at(0x4D8B1), NT.at(0x253C1A), MODULES["usbport.sys"].at(0x9C13))
AT_FAULT = {"eip": FAULT, "esi": BUFFER + 8, "edi": 0x0012EC40, "eax": 0x1000, "ebx": IRP, "ecx": 0x200, "edx": DEVICE}


def _stack(low: int) -> Stack:
    stack = Stack(low, 4, seed="puddle", pool=POOL, stale=STALE)
    three = ("ebx", "esi", "edi")
    frames = [
        Frame(
            "puddlcam!CopyFrame", PUDDLE.at(0x3470), FAULT, 0x10, three, (IRP, BUFFER, 0), arguments=(DEVICE, 0x1200)
        ),
        Frame(
            "puddlcam!DeviceControl",
            PUDDLE.at(0x2110),
            PUDDLE.at(0x21D8),
            0x28,
            three,
            (0, IRP, DEVICE),
            arguments=(DEVICE, IRP),
        ),
        Frame("nt!IofCallDriver", NT.at(0x3C540), NT.at(0x3C593), 0, ("esi",), (IRP,)),
        Frame(
            "nt!IopSynchronousServiceTail",
            NT.at(0x237E00),
            NT.at(0x237F6D),
            0x18,
            three,
            (0, 1, IRP),
            arguments=(DEVICE, IRP, 0x86B3A718, 0, 1, 0),
        ),
        Frame(
            "nt!IopXxxControlFile",
            NT.at(0x23A700),
            NT.at(0x23ADDE),
            0xC0,
            three,
            (0, 0, 0),
            arguments=(0x2E8, 0x2F0, 0, 0, 0x12EA40, 0x222004),
        ),
        Frame(
            "nt!NtDeviceIoControlFile",
            NT.at(0x241980),
            NT.at(0x2419AA),
            0,
            arguments=(0x2E8, 0x2F0, 0, 0, 0x12EA40, 0x222004),
        ),
    ]
    size = sum(8 + f.alloc + 4 * len(f.pushes) + 4 * len(f.arguments) for f in frames)
    stack.marks["ebp"] = stack.frames_x86(frames, (NT.at(0x43A7A), "nt!KiFastCallEntry+0x12a"), low + size)
    stack.mark("system call")
    user = {"eip": 0x76FE64F4, "cs": 0x1B, "eflags": 0x246, "esp": 0x12E9C8, "ebp": 0x12EA60, "edx": 0x76FE64F4}
    stack.put(trap_frame(0x14C, user)[:0x78] + (0x23).to_bytes(4, "little") + bytes(0x10), "KTRAP_FRAME")
    stack.put(bytes(0x210), "floating point save area")
    return stack


def builder() -> DumpBuilder:
    """The facts of this crash."""
    stack = anchored(_stack, "system call", STACK_BASE - 0x210 - 0x8C)
    trap, ebp = stack.low - 0x74, stack.marks["ebp"]
    frame = bytearray(trap_frame(0x14C, AT_FAULT | {"ebp": ebp}))
    frame[0:8] = ebp.to_bytes(4, "little") + FAULT.to_bytes(4, "little")
    below = {"eip": NT.at(0xDEC5A), "esp": trap - 0x5D8, "ebp": trap - 0x5B8, "eax": 0x82B5BD3C, "ecx": 0xC0000005}
    return DumpBuilder(
        windows=WIN7_X86,
        style=STYLE_D,
        bug_check=(0x1000008E, 0xC0000005, FAULT, trap, 0),
        registers=AT_FAULT | {"esp": stack.low, "ebp": ebp, "eflags": 0x10246},
        prcb_registers=below,
        drivers=[*MODULES.values(), PUDDLE],
        stack=stack,
        processor=Processor(
            PRCB,
            number=0,
            model=0x2A,
            stepping=7,
            mhz=2494,
            cr0=0x8001003B,
            cr2=BUFFER + 8,
            cr4=0x406F9,
            gdt=0x80B95000,
            idt=0x80B95400,
            idle_thread=NT.at(0x14A280),
        ),
        process=Process(
            PROCESS,
            "videochat.exe",
            0xB58,
            0x5F4,
            0x7FFD7000,
            filetime("2012-10-19 18:21:05.220"),
            0xBF3A4480,
            (0x86C1B0E8, 0x869E40E8),
        ),
        thread=Thread(
            THREAD,
            0xC04,
            0x76FE0184,
            0x00401C5B,
            0x7FFDE000,
            stack_limit=STACK_BASE - 0x3000,
            stack_base=STACK_BASE,
            kernel_stack=STACK_BASE - 0x2B4,
            trap_frame=STACK_BASE - 0x29C,
        ),
        unloaded=[
            UnloadedDriver("crashdmp.sys", 0x8C1D0000, 0x8C1DD000),
            UnloadedDriver("spsys.sys", 0x9A0B4000, 0x9A11E000),
        ],
        blocks=[
            Block(trap, bytes(frame[:0x74]), "KTRAP_FRAME at P3"),
            page(BUFFER, "puddle buffer", (), [(BUFFER, 0x46445550)], code="I"),
            Block(
                FAULT & ~0xFF,
                bytes.fromhex("8bff558bec83ec10").ljust(0xA1, b"\x90") + bytes.fromhex("f3a5").ljust(0x5F, b"\xcc"),
                "code at eip",
            ),
        ],
        processors=1,
        system_time=filetime("2012-10-19 18:47:30.806"),
        uptime=36_125_310_000,
        data_rva=0x140000,
    )
