"""A process that Windows cannot do without ended: 0xEF on Windows 11 22H2, dbgeng-written.

P1 is the EPROCESS of the dump, and that is `svchost.exe`: the invented service host add-on "Thimble Sync" corrupted
its heap, the process ended itself with 0xC0000374. No driver is at fault; the name of the process is the finding.
"""

from __future__ import annotations

from tests.synth import blobs
from tests.synth.builder import DumpBuilder, filetime
from tests.synth.code import Code
from tests.synth.parts import Block, Driver, Process, Processor, Thread, UnloadedDriver
from tests.synth.registers import trap_frame
from tests.synth.stack import Frame, Stack
from tests.synth.stories.common import anchored, cpu_blobs, machine_blob, page, return_blocks
from tests.synth.stories.modules import WINDOWS_10, laid_out, names
from tests.synth.windows import WIN11_22H2

__all__ = ["FILE", "builder"]

FILE = "030924-11375-01.dmp"

KERNEL = 0xFFFFF80556800000
MODULES = {d.name.lower(): d for d in laid_out(names(WINDOWS_10), KERNEL, 0xFFFFF80558000000, build=22621)}
NT = MODULES["ntoskrnl.exe"]
THIMBLE = Driver("\\SystemRoot\\system32\\drivers\\thimblenet.sys", 0xFFFFF8055C400000, 0x1A000, 0x6515A3D8, 0x21F0C)

STACK_BASE = 0xFFFFF60D1C8E3000
THREAD, PROCESS, PRCB = 0xFFFF8C0E5A71D080, 0xFFFF8C0E59C30140, 0xFFFFD7014D1C0180
CONTEXT = 0xFFFF8C0E536AD440
BUG_CHECK = (0xEF, PROCESS, 0, 0, 0)
POOL = (PROCESS, THREAD, 0xFFFF8C0E5B0021C0, STACK_BASE - 0x8A0)
STALE = (NT.at(0x2D7A10), NT.at(0x6C31F2), MODULES["win32kfull.sys"].at(0x81C4F))
BUGCHECK_EX = NT.at(0x417BE0)

FRAMES = [
    Frame(
        "nt!PspCatchCriticalBreak",
        NT.at(0x90A3C0),
        NT.at(0x90A4D1),
        0x68,
        ("rbx", "rsi", "rdi", "r14"),
        (PROCESS, 0, PROCESS, 0),
        {8 * i: value for i, value in enumerate(BUG_CHECK)},
    ),
    Frame(
        "nt!PspTerminateAllThreads",
        NT.at(0x91F2C0),
        NT.at(0x91F3B2),
        0x70,
        ("rbp", "rbx", "rsi", "rdi", "r12", "r13", "r14"),
        (0, PROCESS, THREAD, 0xC0000374, 0, 0, 0),
    ),
    Frame(
        "nt!PspTerminateProcess", NT.at(0x7B1670), NT.at(0x7B176C), 0x30, ("rbx", "rsi", "rdi"), (PROCESS, THREAD, 0)
    ),
    Frame("nt!NtTerminateProcess", NT.at(0x7B1380), NT.at(0x7B1447), 0x60, ("rbx", "rsi", "rdi"), (0, 0, 0)),
]


def _stack(low: int, code: Code) -> Stack:
    stack = Stack(low, seed="thimble", pool=POOL, stale=STALE)
    code.put(BUGCHECK_EX, bytes.fromhex("48894c240848895424104c894424184c894c24209c4883ec30fa"))
    first = FRAMES[0]
    code.function_x64(first.start, first.resume, BUGCHECK_EX, first.pushes, first.alloc)
    stack.return_to(first.resume, first.text)
    stack.frames_x64(FRAMES, code, end=(NT.at(0x42B5E8), "nt!KiSystemServiceCopyEnd+0x28"))
    stack.mark("system call")
    user = {
        "rip": 0x7FFD31B0F9D4,
        "rsp": 0xB3E4C7F2A8,
        "cs": 0x33,
        "ss": 0x2B,
        "eflags": 0x246,
        "rcx": 0xFFFFFFFFFFFFFFFF,
    }
    stack.put(trap_frame(0x8664, user), "KTRAP_FRAME of the system call")
    stack.put(bytes(0x370), "room for extended state")
    return stack


def builder() -> DumpBuilder:
    """The facts of this crash."""
    code = Code(0x8664)
    stack = anchored(lambda low: _stack(low, code), "system call", STACK_BASE - 0x500)
    registers = {"rip": BUGCHECK_EX, "rsp": stack.low, "rcx": 0xEF, "rdx": PROCESS, "rbx": PROCESS, "rdi": PROCESS}
    processor = "Intel(R) Core(TM) i7-8700 CPU @ 3.20GHz"
    return DumpBuilder(
        windows=WIN11_22H2,
        bug_check=BUG_CHECK,
        registers=registers,
        drivers=[*MODULES.values(), THIMBLE],
        stack=stack,
        processor=Processor(
            PRCB,
            number=5,
            context_address=CONTEXT,
            cr2=0x1E8F3C41000,
            gdt=0xFFFFD7014D1D1FB0,
            idt=0xFFFFD7014D1CF000,
            idle_thread=0xFFFFD7014D1CC340,
        ),
        process=Process(
            PROCESS,
            "svchost.exe",
            0x39C,
            0x2B4,
            0xB3E4A10000,
            filetime("2024-03-09 06:58:40.101"),
            0x12A6D8000,
            (0xFFFF8C0E59D41548, 0xFFFF8C0E59BEF588),
        ),
        thread=Thread(
            THREAD,
            0x414,
            0x7FFD31AC2B20,
            0x7FFD30F18A50,
            0xB3E4A1E000,
            stack_limit=STACK_BASE - 0x6000,
            stack_base=STACK_BASE,
            kernel_stack=STACK_BASE - 0x700,
            trap_frame=STACK_BASE - 0x500,
        ),
        unloaded=[UnloadedDriver("dump_storahci.sys", 0xFFFFF8055C2E0000, 0xFFFFF8055C30E000)],
        blocks=[
            page(PROCESS + 0x1000, "process", POOL),
            Block(BUGCHECK_EX, code.read(BUGCHECK_EX, 0x100), "code at rip"),
            *return_blocks(stack, code),
        ],
        blobs=[
            *cpu_blobs(processor, "Intel64 Family 6 Model 158 Stepping 10", 3192, 10),
            machine_blob("Meadowlark Computers", "ML-350 Tower", ("Meadowlark", "F12", "08/14/2023"), processor),
            blobs.winlogon("Session 1: user logging on; waiting for profile"),
        ],
        processors=12,
        system_time=filetime("2024-03-09 07:11:53.340"),
        uptime=8_109_870_000,
        pte_base=0xFFFFD70000000000,
        boot_id=0x51,
    )
