"""Machines made of facts: what is said is what is read, before and after writing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest
from hypothesis import given, settings

import smalldump
from smalldump.compose import compose
from smalldump.errors import UnsupportedFormat
from smalldump.model import (
    Absent,
    Blob,
    BugCheck,
    Contexts,
    ExceptionRecord,
    PhysicalMemory,
    Process,
    Processor,
    Registers,
    Snapshot,
    StackWindow,
    Thread,
    UnloadedModule,
)
from smalldump.model.machine import ARM64, X64, X86, Machine, machine_of
from smalldump.sources.builder import SnapshotBuilder, driver
from smalldump.writer import MODERN
from tests.writer.facts import assert_same_memory, changes, facts, read_again
from tests.writer.machines import builders

T = TypeVar("T")
CREATED = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
MACHINES = [(X86, 2600), (X86, 7601), (X86, 19041), (X64, 3790), (X64, 9600), (X64, 19041), (ARM64, 22000)]
every_machine = pytest.mark.parametrize(
    ("machine", "build"), MACHINES, ids=lambda each: getattr(each, "name", str(each))
)


def known(fact: T | Absent) -> T:
    """The fact, which must be there."""
    assert not isinstance(fact, Absent)
    return fact


def rewritten(machine: Snapshot) -> Snapshot:
    """The machine as it is read from its dump."""
    return read_again(compose(machine, profile=MODERN).data())


# Defaults


@every_machine
def test_a_machine_of_which_nothing_is_said(machine: Machine, build: int) -> None:
    built = SnapshotBuilder(machine=machine, build_number=build).build()
    assert type(built) is Snapshot
    assert (built.machine, built.system.build, known(built.bug_check).code) == (machine, build, 0xE2)
    assert [module.name for module in built.modules] == ["nt"]
    registers = known(built.contexts.crash)
    assert built.modules.at(registers.pc) is not None
    assert registers.sp in known(built.stack)
    assert known(built.stack).cut == 0
    assert known(built.thread).state == 2
    assert known(built.processor).current_thread == known(built.thread).address
    assert isinstance(known(built.process).address, int)
    assert known(built.exception) == ExceptionRecord(0x80000003, 0, registers.pc, ())
    assert known(built.contexts.prcb).values == registers.values


@every_machine
def test_it_is_the_same_when_it_was_written(machine: Machine, build: int) -> None:
    built = SnapshotBuilder(machine=machine, build_number=build).build()
    again = rewritten(built)
    assert changes(facts(built), facts(again)) == set()
    assert_same_memory(built, again, complete=True)


@settings(max_examples=60)
@given(builders())
def test_whatever_is_said_is_read_again(builder: SnapshotBuilder) -> None:
    built = builder.build()
    composed = compose(built, profile=MODERN)
    again = read_again(composed.data())
    if not composed.dropped:
        assert changes(facts(built), facts(again)) == set()
        assert_same_memory(built, again, complete=True)


@given(builders())
def test_building_twice_gives_the_same_machine(builder: SnapshotBuilder) -> None:
    first, second = builder.build(), builder.build()
    assert changes(facts(first), facts(second)) == set()


# Facts


def test_facts_of_the_header() -> None:
    memory = PhysicalMemory(0x100, ((1, 0x9E), (0x100, 0x62)))
    built = SnapshotBuilder(
        checked=True,
        processors=8,
        product_type=3,
        suite_mask=0x112,
        time=CREATED,
        uptime=timedelta(days=3, microseconds=7),
        comment="hello",
        boot_id=12,
        attributes=0x10,
        physical_memory=memory,
        header={"pfn_data_base": 0x1234, "secondary_data_state": 0},
    ).build()
    system, dump = built.system, known(built.dump)
    assert (system.checked, system.processors, system.product_type, system.suite_mask) == (True, 8, 3, 0x112)
    assert (system.service_pack, system.pae) == (Absent.NOT_APPLICABLE, Absent.NOT_APPLICABLE)
    assert system.kernel_base == built.modules[0].base
    assert (dump.time, dump.uptime, dump.comment) == (CREATED, timedelta(days=3, microseconds=7), "hello")
    assert (dump.boot_id, dump.attributes, dump.physical_memory) == (12, 0x10, memory)
    assert (dump.fields["pfn_data_base"], dump.secondary_data_state) == (0x1234, 0)
    assert dump.writer is Absent.NOT_APPLICABLE


def test_facts_of_an_old_machine() -> None:
    system = SnapshotBuilder(machine=X86, build_number=2600, service_pack=3, pae=True).build().system
    assert (system.service_pack, system.pae) == (3, True)


def test_a_process_a_thread_and_a_processor() -> None:
    built = SnapshotBuilder(
        build_number=17763,
        process={
            "address": 0xFFFFE00012345080,
            "name": "wobble.exe",
            "pid": 1234 * 4,
            "parent_pid": 4,
            "create_time": CREATED,
            "directory_table_base": 0x1AD000,
            "owner": 0xFFFFE00012345080,
        },
        thread={"address": 0xFFFFE00022345080, "tid": 888, "priority": 9, "wait_reason": 3, "start_address": 0x123},
        processor={
            "address": 0xFFFFF80009999180,
            "vendor": "GenuineIntel",
            "family": 6,
            "model": 0x9E,
            "stepping": 9,
            "mhz": 3600,
            "control": {"cr2": 0x28, "cr8": 2, "gdtr": 0x1000},
            "dpc_active": True,
        },
        stack=(0xFFFFF80004000000, bytes(0x100)),
    ).build()
    address = 0xFFFFE00012345080
    assert built.process == Process(address, "wobble.exe", 4936, 4, CREATED, 0x1AD000, attached=False, owner=address)
    assert built.thread == Thread(
        address=0xFFFFE00022345080,
        tid=888,
        pid=4936,
        state=2,
        wait_reason=3,
        priority=9,
        start_address=0x123,
        win32_start_address=Absent.NOT_APPLICABLE,
        create_time=Absent.NOT_CAPTURED,
        stack_base=0xFFFFF80004000100,
        stack_limit=0xFFFFF80004000000,
        initial_stack=0,
        kernel_stack=0,
        teb=0,
        trap_frame=0,
    )
    control = dict.fromkeys(("cr0", "cr2", "cr3", "cr4", "cr8", "dr6", "dr7", "gdtr", "idtr", "tr", "ldtr"), 0)
    assert built.processor == Processor(
        address=0xFFFFF80009999180,
        number=0,
        vendor="GenuineIntel",
        family=6,
        model=0x9E,
        stepping=9,
        mhz=3600,
        control=control | {"cr2": 0x28, "cr8": 2, "gdtr": 0x1000},
        irql=2,
        current_thread=0xFFFFE00022345080,
        next_thread=0,
        idle_thread=0,
        dpc_active=True,
        dpc_stack=0,
        isr_stack=0,
    )


def test_a_thread_that_is_attached_to_another_process() -> None:
    built = SnapshotBuilder(process={"address": 0xFFFFE00000001000, "owner": 0xFFFFE00000002000}).build()
    assert (known(built.process).attached, known(built.process).owner) == (True, 0xFFFFE00000002000)


def test_an_arm64_processor_has_an_implementer() -> None:
    processor = known(
        SnapshotBuilder(machine=ARM64, build_number=22000, processor={"implementer": 0x61}).build().processor
    )
    assert processor.vendor == "Apple"


def test_facts_that_the_build_has_no_place_for_are_absent() -> None:
    built = SnapshotBuilder(machine=X86, build_number=2195, process={"name": "System", "pid": 4}).build()
    assert (known(built.process).name, known(built.process).pid) == (Absent.UNSUPPORTED,) * 2
    assert known(SnapshotBuilder(machine=X86, build_number=2600).build().thread).create_time is Absent.UNSUPPORTED


# Registers


@every_machine
def test_every_register_can_be_set(machine: Machine, build: int) -> None:
    names = list(known(SnapshotBuilder(machine=machine, build_number=build).build().contexts.header).values)
    small = {name: number % 0xFF + 1 for number, name in enumerate(names)}
    values = small | {machine.sp: machine.kernel_start + 0x100, machine.pc: machine.kernel_start + 0x200}
    prefix, count = ("v", 32) if machine is ARM64 else ("xmm", 16 if machine is X64 else 8)
    vectors = {f"{prefix}{number}": (number + 1) << 64 | 77 for number in range(count)}
    if machine is not ARM64:
        vectors |= {f"st{number}": (number + 1) << 64 | 5 for number in range(8)}
    built = SnapshotBuilder(machine=machine, build_number=build, registers=values, vectors=vectors).build()
    header = known(built.contexts.header)
    assert header.values == values
    assert header.vectors == vectors
    assert rewritten(built).contexts == built.contexts


def test_three_register_sets() -> None:
    builder = SnapshotBuilder(
        registers={"rbx": 1}, prcb_registers={"rip": 0xFFFFF80000400500, "rsp": 0xFFFFF80004000008}
    )
    at = 0xFFFFF80010000000
    failed = {"rip": 0xFFFFF80000401234, "rsp": 0xFFFFF80004000100, "rcx": 7}
    built = builder.with_(
        bug_check=BugCheck(0x1000007E, (0xC0000005, failed["rip"], 0, at)), memory={at: builder.context(failed)}
    ).build()
    header, prcb, crash = (known(each) for each in built.contexts)
    assert (header.values["rbx"], header.source, header.address) == (1, "dump header", None)
    assert (prcb.pc, prcb.source, prcb.address) == (0xFFFFF80000400500, "PRCB.Context", 0xFFFFF80002100000)
    assert (crash.values["rcx"], crash.pc, crash.address) == (7, failed["rip"], at)
    assert rewritten(built).contexts == built.contexts


def test_a_prcb_that_leads_nowhere() -> None:
    built = SnapshotBuilder(prcb_registers=Absent.NOT_CAPTURED).build()
    assert built.contexts.prcb is Absent.NOT_CAPTURED
    assert known(built.processor).address is Absent.NOT_CAPTURED
    assert changes(facts(built), facts(rewritten(built))) == set()


def test_an_exception_record_of_ones_own() -> None:
    record = ExceptionRecord(0xC0000005, 1, 0xFFFFF80000401234, (1, 0x28))
    built = SnapshotBuilder(exception=record).build()
    assert built.exception == rewritten(built).exception == record


# Lists and memory


def test_drivers_are_named_as_windbg_does() -> None:
    modules = [
        driver(r"\SystemRoot\system32\ntoskrnl.exe", 0xFFFFF80000400000, 0x1000),
        driver(r"\SystemRoot\system32\halmacpi.dll", 0xFFFFF80000500000, 0x1000, 5, 6),
        driver("my-driver.sys", 0xFFFFF80000600000, 0x1000),
    ]
    assert [(module.name, module.file) for module in modules] == [
        ("nt", "ntoskrnl.exe"),
        ("hal", "halmacpi.dll"),
        ("my_driver", "my-driver.sys"),
    ]
    assert (modules[0].timestamp, modules[1].checksum) == (Absent.PAGED_OUT, 6)
    built = SnapshotBuilder(modules=modules).build()
    assert list(built.modules) == list(rewritten(built).modules) == modules
    assert known(built.debugger_data)["kern_base"] == 0xFFFFF80000400000


def test_unloaded_drivers_blobs_and_the_rest() -> None:
    unloaded = [UnloadedModule("old.sys", 0xFFFFF80010000000, 0xFFFFF80010001000, False)]
    blob = Blob("0f4a1d9e-5b7c-4f0e-9a8b-112233445566", memoryview(b"data"), 0)
    built = SnapshotBuilder(
        unloaded_modules=unloaded, blobs=[blob], broken_driver="w.sys", memory_manager={"committed_pages": 9}
    ).build()
    assert (list(known(built.unloaded_modules)), list(built.blobs), built.broken_driver) == (unloaded, [blob], "w.sys")
    assert known(built.memory_manager)["committed_pages"] == 9
    assert known(built.memory_manager)["size"] == 0x50


def test_memory_stack_and_build_string() -> None:
    stack = (0xFFFFF80004000100, b"stack of words!!" * 4)
    built = SnapshotBuilder(stack=stack, memory={0x1000: b"user"}, build_lab="19041.1.amd64fre").build()
    window = known(built.stack)
    assert isinstance(window, StackWindow)
    assert (window.start, bytes(window.data)) == stack
    assert built.memory.read(stack[0] + 16, 5) == b"stack"
    assert built.memory.read(0x1000, 4) == b"user"
    assert built.build_lab == "19041.1.amd64fre"
    assert 0x1004 not in built.memory
    thread = known(built.structures["ETHREAD"].address)
    assert built.memory.read(thread, 8) == bytes(built.structures["ETHREAD"].data[:8])


def test_a_stack_that_is_not_the_threads_own() -> None:
    thread = {"stack_base": 0xFFFFF80005000000, "stack_limit": 0xFFFFF80004FFA000}
    built = SnapshotBuilder(thread=thread).build()  # type: ignore[arg-type]
    assert known(built.stack).cut is Absent.NOT_APPLICABLE
    longer = {"stack_base": 0xFFFFF80004000A00, "stack_limit": 0xFFFFF80004000000}
    assert known(SnapshotBuilder(thread=longer).build().stack).cut == 0x200  # type: ignore[arg-type]


# Structures


SIZES = [(X86, 2600, 0x290), (X86, 3790, 0x318), (X64, 6000, 0x328), (X64, 6001, 0x330), (X64, 7601, 0x340)]
SIZES += [(X64, 9600, 0x360), (X64, 15063, 0x368), (X64, 19041, 0x380), (X64, 22621, 0x3A8), (ARM64, 22000, 0x380)]


@pytest.mark.parametrize(("machine", "build", "size"), SIZES)
def test_the_debugger_data_block_is_that_of_the_build(machine: Machine, build: int, size: int) -> None:
    built = SnapshotBuilder(machine=machine, build_number=build).build()
    block = built.structures["KDDEBUGGER_DATA64"]
    words = known(built.debugger_data)
    assert len(block.data) == words["size"] == size
    assert bytes(block.data[0x10:0x14]) == b"KDBG"
    assert ("offset_prcb_context" in words) == (build >= 7600)
    if build >= 3790:
        assert words["size_prcb"] == len(built.structures["KPRCB"].data)
        assert words["size_eprocess"] == len(built.structures["EPROCESS"].data)
        assert words["size_ethread"] == len(built.structures["ETHREAD"].data)


def test_pointers_of_32_bit_blocks_are_sign_extended() -> None:
    built = SnapshotBuilder(machine=X86, build_number=7601).build()
    raw = bytes(built.structures["KDDEBUGGER_DATA64"].data)
    assert raw[0x18:0x20] == bytes.fromhex("00004080ffffffff")
    assert known(built.debugger_data)["kern_base"] == 0x80400000


def test_words_of_ones_own() -> None:
    built = SnapshotBuilder(
        build_number=99999, debugger_words={"offset_prcb_number": 0x40, "mm_page_size": 0x1000}
    ).build()
    words = known(built.debugger_data)
    assert (words["offset_prcb_number"], words["mm_page_size"]) == (0x40, 0x1000)
    assert (
        known(SnapshotBuilder(build_number=99999, processor={"number": 3}, processors=4).build().processor).number == 3
    )


def test_raw_structures_go_before_facts() -> None:
    whole = SnapshotBuilder(build_number=17763, process={"name": "first.exe"}).build()
    raw = bytes(whole.structures["EPROCESS"].data)
    built = SnapshotBuilder(build_number=17763, process={"name": "second.exe"}, structures={"EPROCESS": raw}).build()
    assert known(built.process).name == "first.exe"


@pytest.mark.parametrize("kind", ["KPRCB", "EPROCESS", "ETHREAD", "KDDEBUGGER_DATA64", "CONTEXT", "EXCEPTION_RECORD"])
def test_a_structure_that_is_not_there(kind: str) -> None:
    built = SnapshotBuilder(structures={kind: b""}).build()
    assert kind not in built.structures
    gone = {"KPRCB": "processor", "EPROCESS": "process", "ETHREAD": "thread", "KDDEBUGGER_DATA64": "debugger_data"}
    if kind in gone:
        assert getattr(built, gone[kind]) is Absent.NOT_CAPTURED
    if kind == "CONTEXT":
        assert built.contexts.header is built.contexts.crash is Absent.NOT_CAPTURED


# The builder itself


def test_with_gives_another_builder() -> None:
    first = SnapshotBuilder(comment="first")
    second = first.with_(comment="second")
    assert (first.comment, second.comment, second.build_number) == ("first", "second", first.build_number)


@pytest.mark.parametrize(
    "facts",
    [{"boot_id": 1 << 32}, {"registers": {"rbx": -1}}, {"process": {"pid": 1 << 64}}, {"thread": {"state": 256}}],
)
def test_facts_that_do_not_fit(facts: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="does not fit into its field"):
        SnapshotBuilder().with_(**facts).build()


def test_machines_that_are_not_supported() -> None:
    with pytest.raises(UnsupportedFormat):
        SnapshotBuilder(machine=machine_of(0x200, 64)).build()


def test_it_is_part_of_the_public_face() -> None:
    assert smalldump.SnapshotBuilder is SnapshotBuilder
    assert isinstance(SnapshotBuilder().build().contexts, Contexts)
    assert isinstance(SnapshotBuilder().build().registers, Registers)
