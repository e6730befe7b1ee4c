"""The demo: a third-party file-system filter at fault, on Windows 10, dbgeng-written.

An invented "Meadowlark" desktop runs a backup program. Its file-system filter `wobblefs.sys` keeps a spin lock
while it walks a list of stream contexts; one entry was freed meanwhile, and the walk reads through the pointer in it.
"""

from __future__ import annotations

import struct

from tests.synth import blobs
from tests.synth.builder import DumpBuilder, filetime
from tests.synth.code import Code, call_x64, epilogue_x64, prologue_x64
from tests.synth.noise import Noise
from tests.synth.parts import Blob, Block, Driver, Process, Processor, Thread, UnloadedDriver
from tests.synth.registers import trap_frame
from tests.synth.stack import Frame, Stack
from tests.synth.stories.common import anchored, cpu_blobs, machine_blob, page, pte_blocks, return_blocks
from tests.synth.stories.modules import WINDOWS_10, laid_out, names
from tests.synth.windows import WIN10_2004

__all__ = ["FILE", "MODULES", "builder"]

FILE = "112226-8765-01.dmp"

KERNEL = 0xFFFFF8046AE00000
MODULES = {
    driver.name.lower(): driver
    for driver in laid_out(
        [*names(WINDOWS_10), ("dump_storport.sys", 0xF000), ("dump_storahci.sys", 0x2E000), ("wobblefs.sys", 0x1C000)],
        KERNEL,
        0xFFFFF80468200000,
        build=19041,
        paged_out=("cdrom.sys",),
    )
}
NT, FLTMGR, WOBBLE = MODULES["ntoskrnl.exe"], MODULES["fltmgr.sys"], MODULES["wobblefs.sys"]
WOBBLE = Driver(WOBBLE.path, WOBBLE.base, WOBBLE.size, 0x68B0F2A1, 0x23C71)
MODULES["wobblefs.sys"] = WOBBLE

STACK_BASE = 0xFFFFA08F2B1C7000
THREAD, PROCESS = 0xFFFFC48F6D2A5080, 0xFFFFC48F6C9E10C0
PRCB, GDT, CONTEXT = 0xFFFFD38112340180, 0xFFFFD38112351FB0, 0xFFFFC48F69A0C040
STREAM, FREED = 0xFFFFC48F6B7C3A90, 0xFFFFE50A1D3C7FD0
FAULT = WOBBLE.at(0x2D4C)
BAD_ADDRESS = FREED + 0x48

POOL = (STREAM, THREAD, PROCESS, 0xFFFFC48F6B118010, 0xFFFFC48F6E0041A0, 0xFFFFE50A1C229B30, STACK_BASE - 0x1A40)
STALE = (NT.at(0x2C1F55), NT.at(0x209F6B), FLTMGR.at(0x6A2C), NT.at(0x60F8E1), MODULES["ntfs.sys"].at(0x4C1E7))

# mov rdi,[rbx+10h]; test rdi,rdi; je out; mov eax,[rdi+48h]; test al,1; jne out; mov rcx,rdi; mov rbx,rdi; jmp back
_WALK = bytes.fromhex("488b7b104885ff741a8b4748a8017513488bcf488bdfebe8").ljust(0x23, b"\x90")
_BEFORE_FAULT = 9


def _frames() -> list[Frame]:
    """The thread's calls, innermost first, up to the system call."""
    return [
        Frame("wobblefs!WfsFindStream", WOBBLE.at(0x2D10), FAULT, 0x28, ("rbx", "rdi"), (STREAM, 0x12)),
        Frame(
            "wobblefs!WfsTrackWrite",
            WOBBLE.at(0x2A80),
            WOBBLE.at(0x2B17),
            0x48,
            ("rbx", "rsi", "rdi", "r14"),
            (0xFFFFC48F6E0041A0, 0, STREAM, 1),
            {0x20: 0x10000, 0x30: STREAM},
        ),
        Frame(
            "wobblefs!WfsPreWrite",
            WOBBLE.at(0x1760),
            WOBBLE.at(0x18A5),
            0x60,
            ("rbx", "rbp", "rsi", "rdi", "r15"),
            (0xFFFFC48F6B118010, 0, 0, 0xFFFFC48F6E0041A0, 2),
            {0x20: 0xFFFFC48F6B118010, 0x28: 3},
        ),
        Frame(
            "FLTMGR!FltpPerformPreCallbacksWorker",
            FLTMGR.at(0x4A70),
            FLTMGR.at(0x4DF4),
            0xC8,
            ("rbp", "rbx", "rsi", "rdi", "r12", "r13", "r14", "r15"),
            (0, THREAD, 0xFFFFC48F6B118010, 0, 0, 0, 0xFFFFC48F6E0041A0, 1),
            {0x28: WOBBLE.at(0x1760)},
            via=FLTMGR.at(0x30F0),
        ),
        Frame("FLTMGR!FltpPassThroughInternal", FLTMGR.at(0x4950), FLTMGR.at(0x49FC), 0x28, ("rbx", "rsi"), (4, 0)),
        Frame(
            "FLTMGR!FltpPassThrough",
            FLTMGR.at(0x46A0),
            FLTMGR.at(0x4846),
            0x90,
            ("rbx", "rbp", "rsi", "rdi", "r14"),
            (0xFFFFC48F6B118010, 0, 1, 0, 0),
        ),
        Frame("FLTMGR!FltpDispatch", FLTMGR.at(0x4570), FLTMGR.at(0x45FB), 0x60, ("rbx", "rsi", "rdi"), (0, 0, 2)),
        Frame("nt!IofCallDriver", NT.at(0x2D1850), NT.at(0x2D18A9), 0x38, via=NT.at(0x407C40)),
        Frame(
            "nt!IopSynchronousServiceTail",
            NT.at(0x5F3DA0),
            NT.at(0x5F3F48),
            0x58,
            ("rbx", "rbp", "rsi", "rdi", "r12", "r14"),
            (0xFFFFC48F6B118010, 0, 0xFFFFC48F6E0041A0, 1, 0, 0x10000),
            {0x20: 0x10000},
        ),
        Frame(
            "nt!NtWriteFile",
            NT.at(0x5F1A30),
            NT.at(0x5F20E6),
            0xC8,
            ("rbp", "rbx", "rsi", "rdi", "r12", "r13", "r14", "r15"),
            (0, THREAD, 0, 0x2D4, 0, 0, 0x1F2C8B40, 0),
        ),
    ]


def _dispatch(stack: Stack, code: Code, bug_check: tuple[int, ...]) -> None:
    """From KeBugCheckEx's return address up to the trap frame of the fault."""
    enter, dispatch, fault = NT.at(0x3FDFD0), NT.at(0x40A1C0), NT.at(0x406000)
    code.put(enter, bytes.fromhex("48894c240848895424104c894424184c894c24209c4883ec30fa"))
    code.put(dispatch + 0x64, call_x64(dispatch + 0x69, enter) + b"\x90\xcc")
    code.put(fault + 0x460, call_x64(fault + 0x465, dispatch) + b"\x90\xcc")
    stack.return_to(dispatch + 0x69, "nt!KiBugCheckDispatch+0x69")
    stack.locals(0x138, {8 * i: value for i, value in enumerate(bug_check)})
    stack.return_to(fault + 0x465, "nt!KiPageFault+0x465")


def _code() -> Code:
    code = Code(0x8664)
    frame = _frames()[0]
    start = prologue_x64(frame.pushes, frame.alloc) + bytes.fromhex("488bd9")
    code.put(frame.start, start.ljust(FAULT - _BEFORE_FAULT - frame.start, b"\x90"))
    code.put(FAULT - _BEFORE_FAULT, _WALK + epilogue_x64(frame.pushes, frame.alloc) + b"\xcc" * 8)
    return code


BUG_CHECK = (0xD1, BAD_ADDRESS, 2, 0, FAULT)
AT_FAULT = {
    "rax": 0x21,
    "rcx": STREAM,
    "rdx": 0x10000,
    "rbx": STREAM,
    "rbp": 0,
    "rsi": 0xFFFFC48F6E0041A0,
    "rdi": FREED,
    "r8": 0,
    "r9": 1,
    "r10": NT.at(0x2D1850),
    "r11": 0xFFFFA08F2B1C6AB0,
    "r14": 1,
    "rip": FAULT,
}


def _stack(low: int, code: Code) -> Stack:
    stack = Stack(low, seed="demo", pool=POOL, stale=STALE)
    _dispatch(stack, code, BUG_CHECK)
    trap = stack.mark("trap frame")
    registers = AT_FAULT | {"rsp": trap + 0x190, "faultaddress": BAD_ADDRESS}
    stack.put(trap_frame(0x8664, registers, irql=2), "KTRAP_FRAME of the fault")
    stack.frames_x64(_frames(), code, end=(NT.at(0x40BCB8), "nt!KiSystemServiceCopyEnd+0x28"))
    stack.mark("system call")
    user = {"rip": 0x7FFC3B2ED0C4, "rsp": 0x4A3D5FF2C8, "cs": 0x33, "ss": 0x2B, "eflags": 0x246, "rbp": 0x4A3D5FF3A0}
    stack.put(trap_frame(0x8664, user), "KTRAP_FRAME of the system call")
    stack.put(bytes(0x370), "room for extended state")
    return stack


def _blocks(stack: Stack, code: Code, pte_base: int) -> dict[str, list[Block]]:
    """The dump's own blocks by the component that asked for them."""
    code_page = Block(FAULT & ~0xFFF, code.read(FAULT & ~0xFFF, 0x1000), "code of P4")
    caller = Block(WOBBLE.at(0x1000), code.read(WOBBLE.at(0x1000), 0x1000), "code of wobblefs")
    entries = (0, 0x0A000001_08C63863, 0x0A000001_08C5F863, 0x0A000000_01115863)
    stream = page(STREAM, "stream", POOL, [(STREAM + 0x10, FREED), (STREAM + 0x18, STREAM), (STREAM, 0x53665753)])
    request = Noise("irp").bytes(0x20) + struct.pack("<4Q", 0x01180006, THREAD, 0, 0xFFFFC48F6B118010) + bytes(0xC0)
    return {
        "": [
            *pte_blocks(pte_base, BAD_ADDRESS, entries),
            code_page,
            caller,
            stream,
            Block(NT.at(0x3FDFD0), code.read(NT.at(0x3FDFD0), 0x100), "code at rip"),
            *(b for b in return_blocks(stack, code) if not WOBBLE.base <= b.address < WOBBLE.end),
        ],
        "IoTriageDumpData": [
            Block(0xFFFFC48F6B118010, request, "IRP"),
            Block(0xFFFFC48F6E0041A0, bytes(0x150), "DEVICE_OBJECT"),
        ],
        "WobbleFsTriage": [
            Block(0xFFFFC48F6A004000, b"WFS stream table 17/512 dirty\0".ljust(0x80, b"\0"), "wobblefs")
        ],
    }


def _secondary(requests: dict[str, list[Block]]) -> list[Blob]:
    processor = "Intel(R) Core(TM) i7-8700 CPU @ 3.20GHz"
    return [
        blobs.triage_requests(requests),
        *cpu_blobs(processor, "Intel64 Family 6 Model 158 Stepping 10", 3192, 4),
        machine_blob("Meadowlark Computers", "ML-350 Tower", ("Meadowlark", "F12", "08/14/2025"), processor),
        blobs.boot_status(filetime("2026-11-22 07:46:40"), 41),
        blobs.winlogon("Session 1: user logged on; no transition pending"),
        blobs.unknown(b"WFSB\x01\0\0\0" + Noise("unknown blob").bytes(0x78)),
        Blob("00000000-0000-0000-0000-000000000000", b""),
    ]


def builder() -> DumpBuilder:
    """The facts of this crash."""
    code, pte_base = _code(), 0xFFFFB98000000000
    stack = anchored(lambda low: _stack(low, code), "system call", STACK_BASE - 0x500)
    asked = _blocks(stack, code, pte_base)
    registers = AT_FAULT | {
        "rip": NT.at(0x3FDFD0),
        "rsp": stack.low,
        "rcx": 0xD1,
        "rdx": BAD_ADDRESS,
        "r8": 2,
        "r9": 0,
        "rbp": stack.low + 0x180,
    }
    return DumpBuilder(
        windows=WIN10_2004,
        bug_check=BUG_CHECK,
        registers=registers,
        drivers=list(MODULES.values()),
        stack=stack,
        processor=Processor(
            PRCB,
            number=2,
            cr2=BAD_ADDRESS,
            irql=2,
            context_address=CONTEXT,
            gdt=GDT,
            idt=GDT - 0x2FB0 + 0x1000,
            idle_thread=0xFFFFD3811234B240,
        ),
        process=Process(
            PROCESS,
            "tidybackup.exe",
            0x1A6C,
            0x1168,
            0x4A3D412000,
            filetime("2026-11-22 07:31:12.482"),
            0x1F2C4A000,
            (0xFFFFC48F6CA324C8, 0xFFFFC48F6C71A508),
        ),
        thread=Thread(
            THREAD,
            0x1D44,
            0x7FFC3B2A2680,
            0x7FF6A1B41A20,
            0x4A3D41E000,
            stack_limit=STACK_BASE - 0x6000,
            stack_base=STACK_BASE,
            kernel_stack=STACK_BASE - 0x1240,
            trap_frame=STACK_BASE - 0x500,
        ),
        unloaded=[
            UnloadedDriver("WobbleSetup.sys", 0xFFFFF8046E900000, 0xFFFFF8046E90B000),
            UnloadedDriver("dump_storport.sys", 0xFFFFF8046E3D0000, 0xFFFFF8046E3DF000),
            UnloadedDriver("dump_dumpfve.sys", 0xFFFFF8046E420000, 0xFFFFF8046E43E000),
            UnloadedDriver("hwpolicy.sys", 0xFFFFF80468E10000, 0xFFFFF80468E1E000),
            UnloadedDriver("WdBoot.sys", 0xFFFFF80468B70000, 0xFFFFF80468B80000),
        ],
        blocks=[block for blocks in asked.values() for block in blocks],
        blobs=_secondary({name: blocks for name, blocks in asked.items() if name}),
        processors=12,
        system_time=filetime("2026-11-22 07:55:01.250"),
        uptime=48_345_670_000,
        pte_base=pte_base,
    )
