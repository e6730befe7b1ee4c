"""Small dumps as Snapshots: what the other tests of this room leave over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from smalldump.api import check, open_dump
from smalldump.errors import SourceUnreadable
from smalldump.layout.context import ExceptionRecord64
from smalldump.model import Absent
from smalldump.sources.small import SmallDump
from tests.sources.reading import every_fact, known, read
from tests.synth import DAMAGES, Dump, arm64_dump, kernel_written_dump, win2000_dump, x64_dump, x86_dump

_PRESETS = {
    "x64": x64_dump,
    "kernel-written": kernel_written_dump,
    "x86": x86_dump,
    "ARM64": arm64_dump,
    "Windows 2000": win2000_dump,
}


@pytest.mark.parametrize("name", _PRESETS)
def test_bug_check_and_system(name: str) -> None:
    dump = _PRESETS[name]()
    machine, facts = read(dump), dump.facts
    assert (machine.bug_check.stored_code, *machine.bug_check.parameters) == facts.bug_check
    assert machine.bug_check.code == facts.bug_check[0] & 0xEFFFFFFF
    assert (machine.system.build, machine.system.processors) == (facts.windows.build, facts.processors)
    assert (machine.machine.image_type, machine.machine.bits) == (facts.windows.machine, facts.bits)
    assert machine.dump.writer == facts.style.name


# The stack


def with_thread(**changes: int) -> Dump:
    return x64_dump(thread=replace(x64_dump().facts.thread, **changes))


def test_stack_window() -> None:
    dump = x64_dump()
    stack = known(read(dump).stack)
    assert (stack.start, bytes(stack.data)) == (dump.facts.stack.low, bytes(dump.facts.stack.data))
    assert stack.start in stack
    assert stack.end not in stack


def test_how_much_of_the_stack_is_missing() -> None:
    low = x64_dump().facts.stack.low
    end = low + len(x64_dump().facts.stack.data)
    assert known(read(with_thread(stack_base=end)).stack).cut == 0
    assert known(read(with_thread(stack_base=end + 0x1800)).stack).cut == 0x1800
    # The writer can copy past the base: then nothing is missing.
    assert known(read(with_thread(stack_base=end - 0x10)).stack).cut == 0


def test_another_stack_was_in_use() -> None:
    """A stack pointer outside [limit, base): a DPC or interrupt stack, whose size the dump does not tell."""
    low = x64_dump().facts.stack.low
    for limits in ({"stack_limit": low + 8}, {"stack_base": low}, {"stack_base": 0, "stack_limit": 0}):
        assert known(read(with_thread(**limits)).stack).cut is Absent.NOT_APPLICABLE


def test_a_stack_whose_base_is_not_known() -> None:
    assert known(read(win2000_dump()).stack).cut is Absent.UNSUPPORTED
    assert known(read(x64_dump().patch("TRIAGE_DUMP.ThreadOffset", 0)).stack).cut is Absent.NOT_CAPTURED


def test_no_stack() -> None:
    assert read(x64_dump().patch("TRIAGE_DUMP.CallStackOffset", 0)).stack is Absent.NOT_CAPTURED
    assert read(x64_dump().patch("TRIAGE_DUMP.SizeOfCallStack", 0)).stack is Absent.NOT_CAPTURED


# Structures and blocks


def test_structures() -> None:
    dump = x64_dump()
    structures = read(dump).structures
    assert {kind: structure.address for kind, structure in structures.items()} == {
        "KPRCB": dump.facts.processor.address,
        "EPROCESS": dump.facts.process.address,
        "ETHREAD": dump.facts.thread.address,
        "KDDEBUGGER_DATA64": dump.facts.kdbg_at,
        "CONTEXT": Absent.NOT_APPLICABLE,
        "EXCEPTION_RECORD": Absent.NOT_APPLICABLE,
    }
    assert bytes(structures["KDDEBUGGER_DATA64"].data) == dump.read("KDBG")


def test_a_pointer_of_zero_is_damage() -> None:
    dump = x64_dump()
    machine = read(dump.patch(dump.offset("PRCB") + 8, 0, 8))
    assert machine.structures["ETHREAD"].address is Absent.CORRUPT
    assert known(machine.thread).address is Absent.CORRUPT


def test_addresses_are_as_wide_as_the_machines() -> None:
    dump = x86_dump()
    machine = read(dump)
    words = known(machine.debugger_data)
    assert dump.read("KDBG.PsLoadedModuleList")[4:] == b"\xff" * 4
    assert all(word < 1 << 32 for word in words.values())
    assert words["kern_base"] == dump.facts.kernel.base


def test_memory_manager() -> None:
    dump = x86_dump()
    counters = known(read(dump).memory_manager)
    assert counters["committed_pages"] == dump.facts.mm["CommittedPages"]
    assert (counters["version"], counters["size"]) == (1, 0x34)
    assert read(dump.patch("TRIAGE_DUMP.MmOffset", 0)).memory_manager is Absent.NOT_CAPTURED
    assert read(dump.patch("TRIAGE_DUMP.MmOffset", len(dump) - 8)).memory_manager is Absent.CORRUPT


def test_synthetic_exception_record() -> None:
    dump = x64_dump()
    record = known(read(dump).exception)
    assert (record.code, record.flags, record.address) == (0x80000003, 1, dump.facts.registers["rip"])
    assert record.parameters == ()


def test_real_exception_record() -> None:
    raw = bytes(
        ExceptionRecord64.build(
            exception_code=0xC0000005,
            exception_address=0x1234,
            number_parameters=2,
            exception_information=(1, 2, *[9] * 13),
        )
    )
    record = known(read(x64_dump(exception=raw)).exception)
    assert (record.code, record.address, record.parameters) == (0xC0000005, 0x1234, (1, 2))
    wild = read(x64_dump(exception=raw).patch("EXCEPTION.NumberParameters", 0xFFFFFFFF))
    assert len(known(wild.exception).parameters) == 15


# Machines that are not read


@pytest.mark.parametrize(("image_type", "name"), [(0x200, "IA64"), (0x284, "Alpha64"), (0x1234, "machine 0x1234")])
def test_other_machines_keep_the_facts_of_the_header(image_type: int, name: str) -> None:
    dump = x64_dump().patch("DUMP_HEADER.MachineImageType", image_type)
    machine = read(dump)
    assert (machine.machine.name, machine.machine.supported) == (name, False)
    assert machine.bug_check.code == 0xD1
    assert machine.system.build == 19041
    assert machine.system.processors == dump.facts.processors
    assert known(machine.dump).time == known(read(x64_dump()).dump).time


def test_other_machines_say_what_is_not_read() -> None:
    machine = read(kernel_written_dump().patch("DUMP_HEADER.MachineImageType", 0x200))
    assert (machine.process, machine.thread, machine.processor) == (Absent.UNSUPPORTED,) * 3
    assert (machine.contexts.header, machine.contexts.prcb, machine.contexts.crash) == (Absent.UNSUPPORTED,) * 3
    assert machine.registers is Absent.UNSUPPORTED
    names = "stack unloaded_modules broken_driver debugger_data memory_manager data_page build_lab"
    assert {name: getattr(machine, name) for name in names.split()} == dict.fromkeys(names.split(), Absent.UNSUPPORTED)
    assert machine.absences == dict.fromkeys(("modules", "data_blocks", "blobs"), Absent.UNSUPPORTED)
    assert not any((machine.modules, machine.data_blocks, machine.blobs, machine.requests, machine.structures))
    assert (machine.system.kernel_base, machine.system.service_pack) == (Absent.UNSUPPORTED,) * 2


def test_a_machine_of_the_other_width() -> None:
    """An x64 machine in a 32-bit header cannot be."""
    machine = read(x86_dump().patch("DUMP_HEADER.MachineImageType", 0x8664)).machine
    assert (machine.bits, machine.supported) == (32, False)


# Damage


@pytest.mark.parametrize("kind", [kind for kind in DAMAGES if kind not in ("empty", "zeros")])
@pytest.mark.parametrize("make", [x64_dump, kernel_written_dump], ids=["x64", "kernel"])
def test_damage_costs_facts_but_raises_nothing(make: object, kind: str) -> None:
    machine = read(make().damaged(kind))  # type: ignore[operator]
    facts = every_fact(machine)
    assert machine.bug_check.stored_code
    assert len(facts) == 25


@pytest.mark.parametrize("name", _PRESETS)
def test_every_cut_is_read(name: str) -> None:
    dump = _PRESETS[name]()
    for size in range(0x60, len(dump), len(dump) // 40):
        every_fact(read(dump.truncated(size)))


def test_what_a_whole_dump_does_not_have_is_not_lost() -> None:
    assert read(x64_dump()).absences == {}
    assert read(win2000_dump()).absences == {}
    assert read(x64_dump().patch("TRIAGE_DUMP.DriverCount", 0)).absences == {"modules": Absent.NOT_CAPTURED}


@pytest.mark.parametrize("make", [x64_dump, kernel_written_dump, x86_dump], ids=["x64", "kernel", "x86"])
def test_what_a_cut_took_is_corrupt(make: Callable[[], Dump]) -> None:
    dump = make()
    header = 0x2000 if dump.bytes[4:8] == b"DU64" else 0x1000
    machine = read(dump.truncated(header + 0x80))
    facts = "thread process stack debugger_data unloaded_modules memory_manager build_lab"
    assert {name: getattr(machine, name) for name in facts.split()} == dict.fromkeys(facts.split(), Absent.CORRUPT)
    assert machine.absences == dict.fromkeys(("modules", "data_blocks", "blobs"), Absent.CORRUPT)
    assert machine.contexts.prcb is Absent.CORRUPT
    assert machine.system.kernel_base is Absent.CORRUPT


def test_data_blocks_whose_bytes_are_all_behind_the_cut_are_lost() -> None:
    dump = x64_dump()
    machine = read(dump.truncated(min(block.offset for block in read(dump).data_blocks)))
    assert machine.absences["data_blocks"] is Absent.CORRUPT


def test_where_no_thread_can_begin() -> None:
    """ETHREAD.StartAddress shares its memory with other fields; a user-mode thread can have a pool address there."""
    drivers = x64_dump().facts.drivers
    for start in (0x7FF6A1B41000, drivers[3].base + 0x1000, (x64_dump().facts.unloaded or ())[0].start):
        assert known(read(with_thread(start=start)).thread).start_address == start
    assert known(read(with_thread(start=0xFFFFC68EF70303B0)).thread).start_address is Absent.NOT_CAPTURED
    assert known(read(with_thread(start=0)).thread).start_address is Absent.NOT_APPLICABLE


def test_closing_calls_release_once() -> None:
    calls: list[int] = []
    machine = SmallDump(memoryview(x64_dump().bytes), "a.dmp", lambda: calls.append(1))
    with machine as same:
        assert same is machine
    machine.close()
    assert calls == [1]


def test_a_closed_dump_keeps_what_was_read_and_says_so_of_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "a.dmp"
    path.write_bytes(x64_dump().bytes)
    with open_dump(path) as machine:
        modules = machine.modules
    assert machine.modules is modules
    with pytest.raises(SourceUnreadable, match=r"a\.dmp: the dump has been closed"):
        _ = machine.stack
    checked = check(path).dump
    assert checked is not None
    with pytest.raises(SourceUnreadable, match="closed"):
        _ = checked.exception
