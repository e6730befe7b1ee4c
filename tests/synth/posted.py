"""Small dumps of machines that posts describe: the stop, call stacks as debuggers print them, what else is told.

A debugger's line `Child-SP RetAddr : ... : function` says where a return address lies: below the next line's stack
pointer. What no post tells is invented here: sizes of modules, their places where no offset gives them, words between
the frames. Where a line is that of a trap handler, a KTRAP_FRAME lies at its stack pointer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tests.synth.builder import DumpBuilder
from tests.synth.dump import Dump
from tests.synth.paper import pack
from tests.synth.parts import STYLE_D, Block, Driver, Process, Processor, Thread
from tests.synth.registers import context, exception_record, trap_frame
from tests.synth.stack import Stack
from tests.synth.windows import WIN10_2004

__all__ = ["Line", "Posted", "posted_dump"]

_X64 = 0x8664
_BYSTANDERS = 0xFFFFF87000000000
_FILES = ("hal.dll", "Wdf01000.sys", "pci.sys", "storport.sys", "Ntfs.sys", "bystand.sys", "loafer.sys")
_STALE = (_BYSTANDERS + 0x4012345, _BYSTANDERS + 0x5006789, _BYSTANDERS + 0x6003217)
_ROOM = 0x400
_PROCESS, _THREAD, _PRCB, _CONTEXT = 0xFFFF91000A0010C0, 0xFFFF91000A002080, 0xFFFF91000A100180, 0xFFFF91000A108040


@dataclass(frozen=True)
class Line:
    """A line of a posted call stack: stack pointer and return address, the function, whether it handles a trap."""

    sp: int
    back: int
    place: str
    trap: bool = False

    @property
    def module(self) -> str:
        """`nt` of `nt!KeBugCheckEx+0x107` and of `nt+0x70e00`; empty for a bare address."""
        name = self.place.partition("!")[0].partition("+")[0]
        return "" if name.startswith("0x") else name

    @property
    def offset(self) -> int | None:
        """Offset in the module, where the line has no function."""
        return None if "!" in self.place or not self.module else int(self.place.partition("+")[2] or "0", 16)


@dataclass(frozen=True)
class Posted:
    """What posts tell of one machine.

    Attributes:
        stop: Code and parameters.
        lines: The call stack, innermost first, from KeBugCheckEx on.
        modules: File names and bases that are told; a base of 0: not told.
        places: More addresses in those modules (file name -> address).
        fault: Instruction and stack pointer of the failure, where a CONTEXT, a trap frame or a record tells it.
        context, trap, record: Where those lie.
        status: Exception code of the record.
        process: Address and name of the current process.
        memory: What else the dump holds.
        broken: File name of the driver that Windows named as broken.
    """

    stop: tuple[int, int, int, int, int]
    lines: Sequence[Line] = ()
    modules: Mapping[str, int] = field(default_factory=dict)
    places: Mapping[str, int] = field(default_factory=dict)
    fault: tuple[int, int] | None = None
    context: int = 0
    trap: int = 0
    record: int = 0
    status: int = 0xC0000005
    process: tuple[int, str] = (_PROCESS, "System")
    memory: Mapping[int, bytes] = field(default_factory=dict)
    broken: str = ""


def posted_dump(post: Posted, *, stale: bool = False) -> Dump:
    """Its small dump, on Windows 10 2004 whatever Windows it was: no fact of a verdict depends on that.

    Args:
        stale: Old return addresses into drivers that are merely loaded lie between the frames.
    """
    drivers = _drivers(post)
    stack = _stack(post, _STALE if stale else ())
    registers = _registers(post, drivers[0], stack)
    blocks = [*_blocks(post, stack), *(Block(address, data) for address, data in post.memory.items())]
    process, name = post.process
    files = [driver.name for driver in drivers]
    return DumpBuilder(
        windows=WIN10_2004,
        style=STYLE_D,
        bug_check=post.stop,
        registers=registers,
        drivers=drivers,
        stack=stack,
        processor=Processor(_PRCB, context_address=_CONTEXT),
        process=Process(process, name),
        thread=Thread(_THREAD, stack_limit=stack.low & ~0x3FFF, stack_base=(stack.here + 0x4000) & ~0x3FFF),
        blocks=blocks,
        broken_driver=files.index(post.broken) if post.broken else None,
    ).build()


# Modules.


def _drivers(post: Posted) -> list[Driver]:
    seen: dict[str, list[int]] = {"nt": []}
    bases: dict[str, int] = {}
    for above, line in zip([None, *post.lines], post.lines, strict=False):
        if above is None or not line.module:
            continue
        seen.setdefault(line.module, []).append(above.back)
        if line.offset is not None:
            bases[line.module] = above.back - line.offset
    files = {_name(file): file for file in post.modules}
    for file, address in post.places.items():
        seen.setdefault(_name(file), []).append(address)
    for file, base in post.modules.items():
        seen.setdefault(_name(file), [])
        if base:
            bases[_name(file)] = base
    made = [_driver(files.get(name, _file(name)), seen[name], bases.get(name)) for name in seen]
    return [*made, *_bystanders({driver.name.lower() for driver in made})]


def _name(file: str) -> str:
    return "nt" if file == "ntoskrnl.exe" else file.rpartition(".")[0]


def _file(name: str) -> str:
    return {"nt": "ntoskrnl.exe", "hal": "hal.dll"}.get(name, f"{name}.sys")


def _driver(file: str, addresses: list[int], base: int | None) -> Driver:
    if base is None:
        base = (min(addresses) & ~0xFFFF) if addresses else 0xFFFFF80400000000
    end = max([base + 0x8000, *addresses]) + 0x1000 & ~0xFFF
    return Driver.invented(f"\\SystemRoot\\System32\\drivers\\{file}", base, end - base)


def _bystanders(loaded: Collection[str]) -> Iterator[Driver]:
    # Merely loaded: whoever blames one of them has guessed.
    for number, file in enumerate(_FILES):
        if file.lower() not in loaded:
            yield Driver.invented(f"\\SystemRoot\\System32\\drivers\\{file}", _BYSTANDERS + 0x1000000 * number, 0x80000)


# The stack. A debugger goes on over a switch of stacks; the dump has the first one, and blocks of the others.


def _ranges(lines: Sequence[Line]) -> list[list[Line]]:
    ranges: list[list[Line]] = [[]]
    for line in lines:
        last = ranges[-1][-1].sp if ranges[-1] else line.sp
        if not last <= line.sp < last + 0x4000:
            ranges.append([])
        ranges[-1].append(line)
    return ranges


def _stack(post: Posted, stale: Sequence[int]) -> Stack:
    lines = _ranges(post.lines)[0]
    low = _low(post, lines)
    stack = Stack(low, seed=f"{post.stop}", stale=stale)
    stack.left_over(_height(lines, low))
    _write(stack, _contents(post))
    return stack


def _low(post: Posted, lines: Sequence[Line]) -> int:
    # KeBugCheckEx has not yet moved the stack pointer: its return address is on top.
    if len(lines) > 1:
        return lines[1].sp - 8
    return lines[0].sp if lines else (post.trap or 0xFFFFA08F2B1C6810) - 0x108


def _height(lines: Sequence[Line], low: int) -> int:
    return ((lines[-1].sp if lines else low) + _ROOM - low) & ~7


def _contents(post: Posted) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    for line, above in pairwise(post.lines):
        if line.trap:
            found[line.sp] = trap_frame(_X64, {"rip": line.back, "rsp": above.sp})
        elif line.sp < above.sp:
            found[above.sp - 8] = pack("Q", line.back)
    return found | _records(post)


def _write(stack: Stack, contents: Mapping[int, bytes]) -> None:
    for at, raw in contents.items():
        if stack.low <= at and at + len(raw) <= stack.here:
            stack.data[at - stack.low : at - stack.low + len(raw)] = raw


def _records(post: Posted) -> dict[int, bytes]:
    if post.fault is None:
        return {}
    rip, rsp = post.fault
    found = {}
    if post.context:
        found[post.context] = context(_X64, {"rip": rip, "rsp": rsp})
    if post.trap:
        found[post.trap] = trap_frame(_X64, {"rip": rip, "rsp": rsp})
    if post.record:
        found[post.record] = exception_record(64, post.status, rip)
    return found


def _blocks(post: Posted, stack: Stack) -> Iterator[Block]:
    for at, data in _records(post).items():
        if not stack.low <= at < stack.here:
            yield Block(at, data, "record")
    for lines in _ranges(post.lines)[1:]:
        other = Stack(lines[0].sp, seed=lines[0].place)
        other.left_over(_height(lines, other.low))
        _write(other, _contents(post))
        yield Block(other.low, bytes(other.data), "another stack")


def _registers(post: Posted, kernel: Driver, stack: Stack) -> dict[str, int]:
    # Where the writer takes an exception's registers for those of the dump, the code says so.
    if post.stop[0] & 0x10000000 and post.fault:
        return {"rip": post.fault[0], "rsp": post.fault[1]}
    return {"rip": kernel.base + 0x400, "rsp": stack.low, "rcx": post.stop[0], "rdx": post.stop[1]}
