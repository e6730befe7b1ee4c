"""A system worker thread that nobody guarded: 0x1000007E on Windows 10 1809, written by the kernel itself.

The work item of the invented `gizmousb.sys` runs after its device was unplugged and reads through a null interface
pointer. The exception finds no handler. CONTEXT and EXCEPTION_RECORD lie on the saved stack; behind the last blob the
file holds old page file contents that are no part of the dump.
"""

from __future__ import annotations

import struct

from tests.synth.builder import DumpBuilder, filetime
from tests.synth.code import Code, epilogue_x64, prologue_x64
from tests.synth.parts import STYLE_K, Blob, Block, Driver, Process, Processor, Thread, UnloadedDriver
from tests.synth.registers import context, exception_record, trap_frame
from tests.synth.stack import Frame, Stack
from tests.synth.stories.common import anchored, cpu_blobs, machine_blob, page, pte_blocks
from tests.synth.stories.modules import WINDOWS_10, laid_out, names
from tests.synth.windows import WIN10_1809

__all__ = ["FILE", "builder"]

FILE = "061819-9421-01.dmp"

KERNEL = 0xFFFFF80361A0F000
MODULES = {
    driver.name.lower(): driver
    for driver in laid_out(
        [*names(WINDOWS_10), ("USBXHCI.SYS", 0x7F000), ("ucx01000.sys", 0x41000), ("UsbHub3.sys", 0x97000)],
        KERNEL,
        0xFFFFF80365C00000,
        build=17763,
        paged_out=("cdrom.sys", "clipsp.sys"),
    )
}
NT = MODULES["ntoskrnl.exe"]
GIZMO = Driver("\\SystemRoot\\system32\\drivers\\gizmousb.sys", 0xFFFFF80369560000, 0x13000, 0x5C9A1B07, 0x1B4E2)

STACK_BASE = 0xFFFFBC8F41D65000
THREAD, SYSTEM = 0xFFFF9D0A2EC51080, 0xFFFF9D0A29E83380
PRCB = 0xFFFFF80360B28180
EXTENSION, WORK_ITEM = 0xFFFF9D0A31B7E1A0, 0xFFFF9D0A3172C4E0
FAULT = GIZMO.at(0x51B4)
CODE = 0xC0000005
POOL = (EXTENSION, WORK_ITEM, THREAD, SYSTEM, 0xFFFF9D0A30A11010, STACK_BASE - 0x8C0)
STALE = (NT.at(0x4F2A7), NT.at(0x1B8B6), MODULES["usbhub3.sys"].at(0x2F1C4), NT.at(0x12C66F))

AT_FAULT = {
    "rax": 0,
    "rcx": 0,
    "rdx": 0x11,
    "rbx": EXTENSION,
    "rbp": 0,
    "rsi": WORK_ITEM,
    "rdi": 0,
    "r8": 1,
    "r9": 0xFFFF9D0A30A11010,
    "r10": NT.at(0x4F2A0),
    "r11": STACK_BASE - 0x4F0,
    "r12": 0x80,
    "r15": SYSTEM,
    "rip": FAULT,
    "eflags": 0x10246,
}


def _dispatch_frames(bug_check: tuple[int, ...], context_bytes: bytes, record: bytes) -> list[Frame]:
    seven = ("rbx", "rsi", "rdi", "r12", "r13", "r14", "r15")
    return [
        Frame(
            "nt!PspSystemThreadStartup$filt$0",
            NT.at(0x1CB0E0),
            NT.at(0x1CB119),
            0x30,
            ("rbp",),
            (STACK_BASE - 0x3C0,),
            {8 * i: value for i, value in enumerate(bug_check)},
        ),
        Frame("nt!_C_specific_handler", NT.at(0x1C1A00), NT.at(0x1C1AA0), 0x70, seven, (EXTENSION, 0, 0, 0x20)),
        Frame("nt!RtlpExecuteHandlerForException", NT.at(0x1C6B60), NT.at(0x1C6B6F), 0x28),
        Frame("nt!RtlDispatchException", NT.at(0xC9C00), NT.at(0xCA030), 0x4E8, ("rbp", *seven), (0, EXTENSION)),
        Frame(
            "nt!KiDispatchException",
            NT.at(0xC9200),
            NT.at(0xC9344),
            0x798,
            ("rbp", *seven),
            (0, EXTENSION),
            {0x1C0: context_bytes},
        ),
        Frame("nt!KiExceptionDispatch", NT.at(0x1CEB00), NT.at(0x1CEBC2), 0x1D8, (), (), {0x138: record}),
    ]


_SIZES = (0x40, 0xB0, 0x30, 0x530, 0x7E0)


def _thread_frames() -> list[Frame]:
    return [
        Frame("gizmousb!GizReportState", GIZMO.at(0x5180), FAULT, 0x28, ("rbx", "rdi"), (WORK_ITEM, 0)),
        Frame(
            "gizmousb!GizWorkItem",
            GIZMO.at(0x4E40),
            GIZMO.at(0x4ED3),
            0x50,
            ("rbx", "rsi", "rdi"),
            (WORK_ITEM, 0, 0xFFFF9D0A30A11010),
        ),
        Frame("nt!IopProcessWorkItem", NT.at(0x4F1B0), NT.at(0x4F2A7), 0x70, ("rbx", "rsi", "rdi"), (0, 0, 0)),
        Frame(
            "nt!ExpWorkerThread",
            NT.at(0x41220),
            NT.at(0x4130A),
            0xA0,
            ("rbx", "rbp", "rsi", "rdi", "r12", "r13", "r14"),
            (0, 0, 0, 0, 0x80, 0, 0),
        ),
        Frame("nt!PspSystemThreadStartup", NT.at(0xC4E10), NT.at(0xC4E65), 0x40, ("rbx",), (0,)),
        Frame("nt!KiStartSystemThread", NT.at(0x1C52E0), NT.at(0x1C532C), 0x38),
    ]


def _code() -> Code:
    code = Code(0x8664)
    # mov rcx,[rbx+88h] was executed before; then: mov rax,[rcx+20h] with rcx = 0
    body = bytes.fromhex("488b8b88000000")
    first = prologue_x64(("rbx", "rdi"), 0x28) + bytes.fromhex("488bd9")
    code.put(GIZMO.at(0x5180), first.ljust(0x34 - len(body), b"\x90") + body)
    rest = bytes.fromhex("488b4120488bcbffd090") + epilogue_x64(("rbx", "rdi"), 0x28)
    code.put(FAULT, rest + b"\xcc" * 12)
    return code


def _stack(low: int, code: Code) -> Stack:
    stack = Stack(low, seed="gizmo", pool=POOL, stale=STALE)
    where = low + 8 + sum(_SIZES[:4]) + 0x1C0
    record_at = low + 8 + sum(_SIZES) + 0x138
    trap = record_at + 0xA8
    stack.marks |= {"context": where, "exception record": record_at, "trap frame": trap}
    record = exception_record(64, CODE, FAULT, information=(0, 0x20))
    crash = context(0x8664, AT_FAULT | {"rsp": trap + 0x190, "contextflags": 0x10005F})
    frames = _dispatch_frames((0x7E, 0xFFFFFFFF00000000 | CODE, FAULT, record_at, where), crash, record)
    stack.return_to(frames[0].resume, frames[0].text)
    stack.frames_x64(frames, code, end=(NT.at(0x1CA6F9), "nt!KiPageFault+0x439"))
    if stack.here != trap:
        raise AssertionError("the dispatch frames have other sizes")
    registers = AT_FAULT | {"rsp": trap + 0x190, "faultaddress": 0x20}
    stack.put(trap_frame(0x8664, registers), "KTRAP_FRAME of the fault")
    stack.frames_x64(_thread_frames(), code)
    stack.mark("top")
    stack.up_to((stack.here | 0xFFF) + 1)
    return stack


def _stale() -> bytes:
    """Zeros behind the last blob, then what the page file held before."""
    old = b"".join(f"<li>station {i}: {i * 7 % 60:02} minutes late</li>\r\n".encode() for i in range(160))
    return bytes(0x6C0) + old + b"DumpBlob" + bytes(0x90)


def builder() -> DumpBuilder:
    """The facts of this crash."""
    code, pte_base = _code(), 0xFFFFA58000000000
    stack = anchored(lambda low: _stack(low, code), "top", STACK_BASE - 0x370)
    stack.data = stack.data[: STACK_BASE - stack.low]
    low, marks = stack.low, stack.marks
    registers = AT_FAULT | {"rsp": marks["trap frame"] + 0x190}
    processor = "Intel(R) Core(TM) i7-8700 CPU @ 3.20GHz"
    blocks = [
        *pte_blocks(pte_base, FAULT, (0x0900000104A1B121, 0x0A0000010F1D4863, 0x0000000004A08063, 0x0000000004A09063)),
        Block(FAULT - 0x100, code.read(FAULT - 0x100, 0x200), "code at rip"),
        Block(FAULT & ~0xFFF, code.read(FAULT & ~0xFFF, 0x1000), "page of rip"),
        page(EXTENSION, "gizmo extension", POOL, [(EXTENSION + 0x88, 0), (EXTENSION, 0x4F7A6947)]),
        page(WORK_ITEM, "gizmo work item", POOL, [(WORK_ITEM + 0x18, GIZMO.at(0x4E40)), (WORK_ITEM + 0x20, EXTENSION)]),
    ]
    return DumpBuilder(
        windows=WIN10_1809,
        style=STYLE_K,
        bug_check=(0x1000007E, 0xFFFFFFFF00000000 | CODE, FAULT, marks["exception record"], marks["context"]),
        registers=registers,
        prcb_registers=AT_FAULT | {"rip": NT.at(0x1BC420), "rsp": low, "rcx": 0x7E, "rdx": 0xFFFFFFFF00000000 | CODE},
        drivers=[*MODULES.values(), GIZMO],
        stack=stack,
        processor=Processor(
            PRCB,
            number=0,
            cr2=0x20,
            irql=0,
            context_address=PRCB + 0x7EC0 + 0x140,
            gdt=0xFFFFF80363467FB0,
            idt=0xFFFFF80363465000,
            idle_thread=NT.at(0x44A400),
        ),
        process=Process(
            SYSTEM, "System", 4, 0, 0, filetime("2019-06-18 12:04:09.500"), 0x1AD002, (NT.at(0x40D5E0),) * 2
        ),
        thread=Thread(
            THREAD,
            0x1D8,
            NT.at(0x41220),
            stack_limit=STACK_BASE - 0x7000,
            stack_base=STACK_BASE,
            kernel_stack=STACK_BASE - 0x4A0,
            priority=13,
        ),
        unloaded=[
            UnloadedDriver("dump_storport.sys", 0xFFFFF80368E00000, 0xFFFFF80368E0F000),
            UnloadedDriver("WdBoot.sys", 0xFFFFF80366930000, 0xFFFFF8036693F000),
        ],
        blocks=blocks,
        standard_blocks=False,
        blobs=[
            Blob("65755a40-f146-43ea-8c91-36b85728fd35", b""),
            *cpu_blobs(processor, "Intel64 Family 6 Model 158 Stepping 10", 3192, 0),
            machine_blob("Meadowlark Computers", "ML-350 Tower", ("Meadowlark", "F4", "11/02/2018"), processor),
            Blob(
                "2b4ae195-a64d-4f04-8ede-7e4f981bd42a", struct.pack("<II2Q", 1, 2, WORK_ITEM & ~0xFFF, 0x1000) + b"b\0"
            ),
        ],
        stale=_stale(),
        system_time=filetime("2019-06-18 14:22:37.918"),
        uptime=83_067_120_000,
        processors=12,
        boot_id=0x2F,
        pfn_database=0xFFFFC80000000000,
        physical_runs=[(1, 0x57), (0x59, 0x45), (0x100, 0x8A2F0), (0x100000, 0x36E000)],
        mm={
            "MmMaximumNonPagedPool": 0x100000000,
            "MmAllocatedNonPagedPool": 0x2B1A4,
            "PagedPoolMaximum": 0x100000000,
            "PagedPoolAllocated": 0x3A91C,
            "CommittedPages": 0x14D0B2,
            "CommittedPagesPeak": 0x19C4F0,
            "CommitLimitMaximum": 0x4C6E2F,
        },
        pte_base=pte_base,
        data_rva=0x400000,
    )
