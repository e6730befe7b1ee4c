"""No driver's fault: 0x1C8, the power button was held, on Windows 11 on ARM64, dbgeng-written.

A tablet shows a black screen after lid-open; its user holds the power button for seven seconds, and the power manager
stops the machine to leave a trace. The thread is an idle thread, attached to System, as idle threads are. Return
addresses on the stack are signed (pointer authentication); the x29 chain is whole.
"""

from __future__ import annotations

from itertools import pairwise

from tests.synth import blobs
from tests.synth.builder import DumpBuilder, filetime
from tests.synth.code import Code
from tests.synth.noise import Noise
from tests.synth.parts import Block, Driver, Process, Processor, Thread, UnloadedDriver
from tests.synth.stack import Frame, Stack
from tests.synth.stories.common import return_blocks
from tests.synth.stories.modules import WINDOWS_10, laid_out, names
from tests.synth.windows import WIN11_ARM64

__all__ = ["FILE", "builder"]

FILE = "100321-14218-01.dmp"

KERNEL = 0xFFFFF80271600000
_DROPPED = ("mcupdate_genuineintel.dll", "intelpep.sys", "intelta.sys", "msisadrv.sys", "cdrom.sys")
MODULES = {
    d.name.lower(): d
    for d in laid_out(
        [
            *(m for m in names(WINDOWS_10) if m[0].lower() not in _DROPPED),
        ],
        KERNEL,
        0xFFFFF80273000000,
        build=22000,
    )
}
NT = MODULES["ntoskrnl.exe"]
PLUME = [
    Driver("\\SystemRoot\\system32\\drivers\\plumepmic.sys", 0xFFFFF80277100000, 0x2B000, 0x60A4C511, 0x30D21),
    Driver("\\SystemRoot\\system32\\drivers\\plumegpio.sys", 0xFFFFF80277130000, 0xF000, 0x60A4C51A, 0x0F9E4),
    Driver("\\SystemRoot\\system32\\drivers\\plumewlan.sys", 0xFFFFF80277140000, 0x2D4000, 0x60C81B02, 0x2D8F17),
]

STACK_BASE = 0xFFFFCE8E3F4D1000
IDLE, SYSTEM, PRCB = 0xFFFFCE8E3F2C4380, 0xFFFFA80C58E9C040, 0xFFFFF80270A40980
TRIAGE_BLOCK = NT.at(0xC20860)
CONTEXT = 0xFFFFA80C590AC110
BUG_CHECK = (0x1C8, 0x1B58, TRIAGE_BLOCK, 0, 0)
POOL = (SYSTEM, PRCB, 0xFFFFA80C5A3341E0, TRIAGE_BLOCK, STACK_BASE - 0x7C0)
STALE = (NT.at(0x26CB48), NT.at(0x24F21C), NT.at(0x2DB8A4))

FRAMES = [
    Frame("nt!KeBugCheckEx", NT.at(0x4DDFC0), NT.at(0x4DE014), 0x660, locals={0x10: 0x1C8, 0x18: 1}),
    Frame("nt!PopPowerButtonBugcheck", NT.at(0x544240), NT.at(0x5442A0), 0x80, locals={0x10: 0x1B58}),
    Frame("nt!PopPowerButtonWatchdogDpc", NT.at(0x543FB0), NT.at(0x54406C), 0x40, locals={0: TRIAGE_BLOCK}),
    Frame("nt!KiExecuteAllDpcs", NT.at(0x29FD50), NT.at(0x29FF1C), 0x1B0),
    Frame("nt!KiRetireDpcList", NT.at(0x373000), NT.at(0x373340), 0x230),
    Frame("nt!KiIdleLoop", NT.at(0x207D40), NT.at(0x207DE4), 0x30),
]


def _stack() -> Stack:
    size = sum(16 + frame.alloc for frame in FRAMES)
    stack = Stack(STACK_BASE - 0x230 - size, seed="plume", pool=POOL, stale=STALE)
    stack.frames_arm64(FRAMES)
    stack.up_to(STACK_BASE)
    return stack


def _code() -> Code:
    code = Code(0xAA64)
    for inner, outer in pairwise(FRAMES):
        code.function_arm64(outer.start, outer.resume, inner.start, 16 + outer.alloc)
    # stp x29, x30 ...; bl RtlCaptureContext; then add x0, x19, #0x40
    first = FRAMES[0]
    code.function_arm64(first.start, first.resume, NT.at(0x4DEF70), 16 + first.alloc)
    code.put(first.resume, (0x91010260).to_bytes(4, "little"))
    return code


def builder() -> DumpBuilder:
    """The facts of this stop."""
    stack, code = _stack(), _code()
    registers = {f"x{i}": 0 for i in range(29)} | {
        "x1": 1,
        "x3": NT.at(0xC36AA0),
        "x6": NT.at(0xC16000),
        "x9": NT.at(0xC2D000),
        "x10": 0x8000,
        "x11": STACK_BASE,
        "x16": 0x80000001,
        "x17": 0x5C1B33907A21,
        "x2": 0xFFFFFFFFFFFFFF80,
        "x18": PRCB - 0x980,
        "x19": PRCB,
        "x25": 0x1B58,
        "x26": TRIAGE_BLOCK,
        "fp": stack.low,
        "sp": stack.low,
        "lr": 0,
        "pc": FRAMES[0].resume,
    }
    processor = "Plume 8c @ 2.40 GHz"
    triage = Block(TRIAGE_BLOCK, Noise("power button").bytes(0x10) + bytes(0xF0), "P2")
    return DumpBuilder(
        windows=WIN11_ARM64,
        bug_check=BUG_CHECK,
        registers=registers,
        drivers=[*MODULES.values(), *PLUME],
        stack=stack,
        processor=Processor(
            PRCB, number=3, model=0x805, stepping=0xD0E, mhz=2400, context_address=CONTEXT, idle_thread=IDLE
        ),
        process=Process(SYSTEM, "System", 4, 0, 0, filetime("2021-10-03 08:15:20"), 0x80600000, (NT.at(0xC1D1C0),) * 2),
        thread=Thread(
            IDLE,
            0,
            NT.at(0x207D40),
            stack_limit=STACK_BASE - 0x7000,
            stack_base=STACK_BASE,
            kernel_stack=STACK_BASE - 0x230,
            owner_pid=0,
        ),
        unloaded=[UnloadedDriver("plumecam.sys", 0xFFFFF80277A00000, 0xFFFFF80277A24000)],
        blocks=[
            triage,
            Block(FRAMES[0].resume, code.read(FRAMES[0].resume, 0x100), "code at pc"),
            *return_blocks(stack, code),
        ],
        blobs=[
            blobs.registry_values(
                {"ProcessorNameString": processor, "VendorIdentifier": "Plume Devices", "~MHz": 2400}
            ),
            blobs.smbios(
                [
                    blobs.smbios_structure(
                        1,
                        1,
                        bytes([1, 2, 3, 4]) + bytes(16) + bytes([6, 5, 6]),
                        "Plume Devices",
                        "Plume Slate 11",
                        "1",
                        "INVENTED-0002",
                        "PS11",
                        "Slate",
                    )
                ]
            ),
            blobs.winlogon("Session 1: locked; display transition pending for 7032 ms"),
        ],
        processors=8,
        system_time=filetime("2021-10-03 09:47:11.060"),
        uptime=55_110_600_000,
        pte_base=0xFFFFA88000000000,
    )
