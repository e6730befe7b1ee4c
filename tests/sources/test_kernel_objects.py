"""Processor, process and thread out of raw structures, on builds that are known and on others."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from smalldump.model import Absent
from tests.sources.reading import known, read
from tests.synth import Dump, arm64_dump, kernel_written_dump, win2000_dump, x64_dump, x86_dump
from tests.synth.windows import WIN10_2004, WIN11_22H2

_KNOWN = pytest.mark.parametrize(
    "dump", [x64_dump(), kernel_written_dump(), x86_dump(), arm64_dump()], ids=["x64", "kernel", "x86", "ARM64"]
)


@_KNOWN
def test_process(dump: Dump) -> None:
    process, written = known(read(dump).process), dump.facts.process
    assert (process.name, process.pid, process.parent_pid) == (written.name, written.pid, written.parent_pid)
    assert process.address == written.address
    assert process.directory_table_base == written.directory_table_base


@_KNOWN
def test_thread(dump: Dump) -> None:
    thread, written = known(read(dump).thread), dump.facts.thread
    assert (thread.address, thread.tid, thread.state) == (written.address, written.tid, written.state)
    assert thread.pid == (dump.facts.process.pid if written.owner_pid is None else written.owner_pid)
    assert (thread.stack_limit, thread.stack_base) == (written.stack_limit, written.stack_base)
    assert thread.kernel_stack == written.kernel_stack
    assert thread.start_address == written.start
    assert thread.win32_start_address == (written.win32_start or Absent.NOT_APPLICABLE)


@_KNOWN
def test_processor(dump: Dump) -> None:
    processor, written = known(read(dump).processor), dump.facts.processor
    assert (processor.number, processor.mhz) == (written.number, written.mhz)
    assert (processor.model, processor.stepping) == (written.model, written.stepping)
    assert processor.current_thread == dump.facts.thread.address
    assert processor.idle_thread == written.idle_thread
    if dump.facts.windows.machine == 0xAA64:
        return
    assert (processor.vendor, processor.family) == (written.vendor, written.family)
    control = known(processor.control)
    assert (control["cr0"], control["cr2"], control["cr4"]) == (written.cr0, written.cr2, written.cr4)
    assert (control["gdtr"], control["idtr"]) == (written.gdt, written.idt)


def test_create_time() -> None:
    process = known(read(x64_dump()).process)
    assert process.create_time == datetime(2026, 11, 22, 7, 31, 12, 482_000, tzinfo=UTC)


def test_irql() -> None:
    assert known(read(x64_dump()).processor).irql == 2
    assert known(read(x86_dump()).processor).irql is Absent.NOT_CAPTURED
    assert known(read(arm64_dump()).processor).irql is Absent.UNSUPPORTED


def test_arm64_names_its_vendor_by_number() -> None:
    """MIDR_EL1's implementer stands where the vendor's name stands elsewhere."""
    dump = arm64_dump()
    processor = known(read(dump).processor)
    assert (processor.vendor, processor.family) == ("Qualcomm", Absent.NOT_APPLICABLE)
    at = dump.offset("PRCB") + 0x890
    for byte, vendor in (
        (0x41, "ARM"),
        (0x61, "Apple"),
        (0x6D, "Microsoft"),
        (0xC0, "Ampere"),
        (0x7F, Absent.UNSUPPORTED),
    ):
        assert known(read(dump.patch(at, bytes([byte]))).processor).vendor == vendor
    assert processor.control is Absent.UNSUPPORTED


def test_attached_to_another_process() -> None:
    dump = x64_dump()
    thread = replace(dump.facts.thread, process=0xFFFFC48F60001080)
    machine = read(x64_dump(thread=thread))
    process = known(machine.process)
    assert process.address == 0xFFFFC48F60001080  # the EPROCESS in the file is the one attached to
    assert (process.attached, process.owner) == (True, dump.facts.process.address)
    assert known(read(dump).process).attached is False


def test_process_ids_are_multiples_of_four() -> None:
    dump = x64_dump()
    at = dump.offset("EPROCESS") + WIN10_2004.offsets["ep_pid"]
    assert known(read(dump.patch(at, 0x1A6D, 8)).process).pid is Absent.CORRUPT
    assert known(read(dump.patch(at, 1 << 32, 8)).process).pid is Absent.CORRUPT
    cid = dump.offset("ETHREAD") + WIN10_2004.offsets["et_cid"]
    thread = known(read(dump.patch(cid + 8, 3, 8)).thread)
    assert (thread.pid, thread.tid) == (Absent.CORRUPT, Absent.CORRUPT)


@pytest.mark.parametrize("raw", [b"\x01bad\0", b"caf\xe9\0", b"\0"])
def test_names_are_printable_ascii(raw: bytes) -> None:
    dump = x64_dump()
    at = dump.offset("EPROCESS") + WIN10_2004.offsets["ep_name"]
    assert known(read(dump.patch(at, raw)).process).name is Absent.CORRUPT


def test_a_name_of_fifteen_characters_has_no_end_mark() -> None:
    process = replace(x64_dump().facts.process, name="fifteen_chars15")
    assert known(read(x64_dump(process=process)).process).name == "fifteen_chars15"


def test_structures_that_are_not_there() -> None:
    dump = x64_dump()
    assert read(dump.patch("TRIAGE_DUMP.PrcbOffset", 0)).processor is Absent.NOT_CAPTURED
    assert read(dump.patch("TRIAGE_DUMP.ProcessOffset", 0)).process is Absent.NOT_CAPTURED
    without_thread = read(dump.patch("TRIAGE_DUMP.ThreadOffset", 0))
    assert without_thread.thread is Absent.NOT_CAPTURED
    process = known(without_thread.process)
    assert (process.name, process.address, process.attached) == (
        dump.facts.process.name,
        Absent.NOT_CAPTURED,
        Absent.NOT_CAPTURED,
    )


def test_a_structure_cut_by_the_end_of_the_file() -> None:
    dump = x64_dump()
    thread = known(read(dump.truncated(dump.offset("ETHREAD") + 0x100)).thread)
    assert thread.stack_base == dump.facts.thread.stack_base
    assert (thread.tid, thread.state) == (Absent.CORRUPT, Absent.CORRUPT)


def test_a_structure_shortened_by_its_writer() -> None:
    dump = x64_dump()
    whole = read(dump).file.debugger_words["size_ethread"]
    thread = known(read(dump.patch("KDBG.SizeEThread", 0x100)).thread)
    assert whole > 0x100
    assert thread.stack_base == dump.facts.thread.stack_base
    assert thread.tid is Absent.NOT_CAPTURED


# Builds that nobody looked at


def unknown_build(**overrides: object) -> Dump:
    return x64_dump(windows=replace(WIN10_2004, build=27000), **overrides)


def test_an_undescribed_build_keeps_what_words_and_rules_tell() -> None:
    dump = unknown_build()
    machine = read(dump)
    process, thread, processor = known(machine.process), known(machine.thread), known(machine.processor)
    written = dump.facts
    assert (process.name, process.pid, process.parent_pid) == (
        written.process.name,
        written.process.pid,
        written.process.parent_pid,
    )
    assert process.create_time == datetime(2026, 11, 22, 7, 31, 12, 482_000, tzinfo=UTC)
    assert (thread.pid, thread.tid) == (written.process.pid, written.thread.tid)
    assert (thread.start_address, thread.win32_start_address) == (written.thread.start, written.thread.win32_start)
    assert (thread.stack_base, thread.state) == (written.thread.stack_base, 2)
    assert (processor.number, processor.vendor, processor.next_thread) == (2, "GenuineIntel", 0)
    assert processor.irql == 2


def test_an_undescribed_build_says_what_it_does_not_know() -> None:
    machine = read(unknown_build())
    process, thread = known(machine.process), known(machine.thread)
    assert (process.attached, process.owner) == (Absent.UNSUPPORTED, Absent.UNSUPPORTED)
    assert (thread.priority, thread.trap_frame, thread.create_time) == (Absent.UNSUPPORTED,) * 3


def test_an_undescribed_build_without_debugger_data_tells_nothing() -> None:
    machine = read(unknown_build().patch("TRIAGE_DUMP.DebuggerDataOffset", 0))
    process, thread, processor = known(machine.process), known(machine.thread), known(machine.processor)
    assert (process.name, process.pid, process.address) == (Absent.UNSUPPORTED,) * 3
    assert (thread.tid, thread.stack_base, thread.address) == (Absent.UNSUPPORTED,) * 3
    assert (processor.number, processor.vendor, processor.control) == (Absent.UNSUPPORTED,) * 3
    assert known(machine.contexts.header).pc  # the header needs no layout of the build


def test_what_looks_wrong_on_an_undescribed_build_is_not_called_damage() -> None:
    """The rules were found on other builds: a value that cannot be may mean that they no longer hold."""
    dump = unknown_build()
    at = dump.offset("EPROCESS")
    name = dump.patch(at + WIN10_2004.offsets["ep_name"], b"\x01\x02")
    pid = dump.patch(at + WIN10_2004.offsets["ep_pid"], 7, 8)
    assert known(read(name).process).name is Absent.UNSUPPORTED
    assert known(read(pid).process).pid is Absent.UNSUPPORTED


def test_a_described_build_without_debugger_data() -> None:
    machine = read(x64_dump().patch("TRIAGE_DUMP.DebuggerDataOffset", 0))
    assert known(machine.process).name == "tidybackup.exe"
    assert known(machine.thread).tid == 0x1D44


def test_windows_2000_is_not_described() -> None:
    machine = read(win2000_dump())
    assert known(machine.process).name is Absent.UNSUPPORTED
    assert known(machine.thread).tid is Absent.UNSUPPORTED
    assert machine.debugger_data is Absent.NOT_CAPTURED or machine.debugger_data == {}


def test_windows_11() -> None:
    dump = x64_dump(windows=WIN11_22H2)
    machine = read(dump)
    assert known(machine.process).name == dump.facts.process.name
    assert known(machine.thread).tid == dump.facts.thread.tid
    assert known(machine.debugger_data)["size"] == 0x3A8


@pytest.mark.parametrize("parent", [0x10, 0x80, 0xFF])
def test_a_word_that_leads_below_the_structure(parent: int) -> None:
    """The rule would give a negative offset; what lies at the structure's end is not the process id."""
    dump = x64_dump()
    process = known(read(dump.patch("KDBG.OffsetEprocessParentCID", parent)).process)
    assert process.pid == dump.facts.process.pid  # the table of that build still knows it
    lost = known(read(unknown_build().patch("KDBG.OffsetEprocessParentCID", parent)).process)
    assert lost.pid is Absent.UNSUPPORTED
