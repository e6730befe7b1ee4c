"""Exceptions, trap frames, threads, processes and lists that parameters and registers point to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from smalldump.analysis.stop_object import Fact, Reader, Scene, StopObject, lacking
from smalldump.decode.exceptions import access_words
from smalldump.knowledge.catalog import exception_name
from smalldump.knowledge.status import status_name
from smalldump.layout.context import (
    ExceptionRecord32,
    ExceptionRecord64,
    KtrapFrameArm64,
    KtrapFrameX64,
    KtrapFrameX86,
)
from smalldump.model import Absent
from smalldump.model.machine import ARM64

__all__ = [
    "READERS",
    "damaged_lists",
    "read_exception",
    "read_list_entry",
    "read_process",
    "read_process_or_thread",
    "read_thread",
    "read_trap_frame",
]

_MOST_INFORMATION = 15
_FURTHER_RECORDS = 4


def read_exception(scene: Scene, address: int) -> StopObject:
    """An exception record, with the records that it is chained to."""
    found = _exception(scene, address)
    seen, at, further = {address}, found[1], list[StopObject]()
    while at and at not in seen and len(seen) <= _FURTHER_RECORDS:
        seen.add(at)
        record, at = _exception(scene, at)
        further.append(record)
    return found[0]._replace(children=tuple(further))


def _exception(scene: Scene, address: int) -> tuple[StopObject, int]:
    record = scene.record(address, ExceptionRecord32, ExceptionRecord64)
    if record is None:
        return lacking("exception_record", address, "EXCEPTION_RECORD"), 0
    code = record.exception_code
    values = record.exception_information[: min(record.number_parameters, _MOST_INFORMATION)]
    access = access_words(code, values, scene.machine.machine.bits)
    name = exception_name(code) or status_name(code) or f"{code:#010x}"
    facts = (
        Fact("exception", f"{name}: {access}" if access else name),
        Fact("at", scene.words(record.exception_address)),
        *([Fact("parameters", " ".join(f"{value:#x}" for value in values))] if values else ()),
    )
    driver = scene.driver(record.exception_address)
    return StopObject("exception_record", address, None, facts, driver=driver), record.exception_record


def read_trap_frame(scene: Scene, address: int) -> StopObject:
    """Where the processor was when it was interrupted."""
    arm = scene.record(address, KtrapFrameArm64, KtrapFrameArm64) if scene.machine.machine is ARM64 else None
    if arm is not None:
        return _trapped(scene, address, arm.pc, arm.sp)
    if scene.machine.machine is not ARM64:
        frame = scene.record(address, KtrapFrameX86, KtrapFrameX64)
        if isinstance(frame, KtrapFrameX64):
            return _trapped(scene, address, frame.rip, frame.rsp)
        if frame is not None:
            # A trap in the kernel leaves no stack pointer: the stack goes on where the pushed one would lie.
            kernel = frame.seg_cs & 3 == 0
            return _trapped(
                scene, address, frame.eip, address + KtrapFrameX86.hardware_esp.offset if kernel else frame.hardware_esp
            )
    return lacking("trap_frame", address, "KTRAP_FRAME")


def _trapped(scene: Scene, address: int, pc: int, sp: int) -> StopObject:
    facts = (Fact("instruction", scene.words(pc)), Fact("stack pointer", f"{sp:#x}"))
    return StopObject("trap_frame", address, None, facts, driver=scene.driver(pc))


def read_thread(scene: Scene, address: int) -> StopObject:
    """A thread that the dump knows: the one that crashed, and those within its reach."""
    current = scene.machine.thread
    threads = [state.thread for state in scene.machine.threads]
    for thread in (*(() if isinstance(current, Absent) else (current,)), *threads):
        if thread.address == address:
            told = (("thread id", thread.tid), ("process id", thread.pid), ("state", thread.state))
            facts = [Fact(name, str(value)) for name, value in told if not isinstance(value, Absent)]
            if not isinstance(thread.start_address, Absent):
                facts.append(Fact("start", scene.words(thread.start_address)))
            return StopObject("thread", address, None, tuple(facts))
    return lacking("thread", address, "ETHREAD")


def read_process(scene: Scene, address: int) -> StopObject:
    """The process of the crash, if it is the one that is pointed to."""
    process = scene.machine.process
    if isinstance(process, Absent) or process.address != address:
        return lacking("process", address, "EPROCESS")
    told = (("name", process.name), ("process id", process.pid))
    facts = tuple(Fact(name, str(value)) for name, value in told if not isinstance(value, Absent))
    return StopObject("process", address, None, facts)


def read_process_or_thread(scene: Scene, address: int) -> StopObject:
    """Whichever of the two it is; one that is not in the dump is called by its doubtful kind."""
    for found in (read_process(scene, address), read_thread(scene, address)):
        if found.missing is None:
            return found
    return lacking("process_or_thread", address, "process or thread")


def read_list_entry(scene: Scene, address: int) -> StopObject:
    """A LIST_ENTRY: whether its neighbours point back to it."""
    size = scene.machine.machine.pointer
    word = scene.machine.memory.word
    flink, blink = word(address, size), word(address + size, size)
    if flink is None or blink is None:
        return lacking("list_entry", address, "LIST_ENTRY")
    back, forth = word(flink + size, size), word(blink, size)
    facts = (
        Fact("Flink", f"{flink:#x}"),
        Fact("Blink", f"{blink:#x}"),
        Fact("Flink->Blink", _link(back, address)),
        Fact("Blink->Flink", _link(forth, address)),
    )
    lost = [
        name for name, value in (("Flink", flink), ("Blink", blink)) if None is (back if name == "Flink" else forth)
    ]
    gap = f"Where {' and '.join(lost)} lead{'s' if len(lost) == 1 else ''} is not in the dump." if lost else None
    return StopObject("list_entry", address, None, facts, missing=gap)


def _link(value: int | None, expected: int) -> str:
    if value is None:
        return "not in the dump"
    return "agrees" if value == expected else f"{value:#x}, which is not the entry"


def damaged_lists(scene: Scene) -> Iterator[StopObject]:
    """Entries that registers of the crash point to, of which one link agrees with its neighbour and the other does not.

    Without a link that agrees, nothing says that what lies there is a list at all.
    """
    registers, machine, seen = scene.machine.registers, scene.machine.machine, set[int]()
    for name, value in () if isinstance(registers, Absent) else registers.values.items():
        if value in seen or not machine.kernel_start <= value <= machine.mask - 0x1000:
            continue
        seen.add(value)
        entry = read_list_entry(scene, value)
        links = [fact.value for fact in entry.facts if "->" in fact.name]
        if links.count("agrees") == 1 and any("which is not" in link for link in links):
            yield entry._replace(facts=(Fact("register", name), *entry.facts))


READERS: Mapping[str, Reader] = {
    "exception_record": read_exception,
    "list_entry": read_list_entry,
    "process": read_process,
    "process_or_thread": read_process_or_thread,
    "thread": read_thread,
    "trap_frame": read_trap_frame,
}
"""By the kind of the object, as `objects.FAMILIES` has it."""
