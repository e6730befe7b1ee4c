"""Big dumps of synthetic machines: the whole machine tells what its small dump tells."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import pytest

from smalldump.errors import NotADump, SourceUnreadable, Truncated
from smalldump.model import Absent, Snapshot
from smalldump.sources.big import BigDump
from smalldump.sources.crashed_processor import Sign
from smalldump.sources.list_walk import ListEnd, Walked
from smalldump.sources.small import SmallDump
from tests.sources.reading import known
from tests.synth.big_machine import BigMachine
from tests.synth.builder import DumpBuilder
from tests.synth.parts import Thread
from tests.synth.stories import arm64, demo, kernel_written, xp

STORIES: dict[str, Callable[[], DumpBuilder]] = {
    "x64": demo.builder,
    "x64 kernel-written": kernel_written.builder,
    "x86": xp.builder,
    "ARM64": arm64.builder,
}


def opened(data: bytes) -> BigDump:
    return BigDump(memoryview(data), "synthetic.dmp")


class Pair(NamedTuple):
    """The same machine, whole and small."""

    big: BigDump
    small: SmallDump
    machine: BigMachine


@pytest.fixture(scope="module", params=STORIES)
def pair(request: pytest.FixtureRequest) -> Pair:
    facts = STORIES[request.param]()
    machine = BigMachine(facts)
    return Pair(opened(machine.complete()), SmallDump(memoryview(facts.build().bytes)), machine)


FACTS = ["machine", "build_lab", "bug_check", "exception", "process", "thread", "unloaded_modules", "modules"]


@pytest.mark.parametrize("fact", FACTS)
def test_the_same_facts_as_the_small_dump(pair: Pair, fact: str) -> None:
    assert _comparable(pair.big, fact) == _comparable(pair.small, fact)


def _comparable(machine: Snapshot, fact: str) -> object:
    value = getattr(machine, fact)
    if fact == "unloaded_modules":  # a small dump cuts the names
        return [(each.name[:12], each.base, each.end) for each in value]
    if fact == "modules":
        return [each._replace(path=each.file) for each in value]
    return value


def test_the_same_processor_and_registers(pair: Pair) -> None:
    big, small = known(pair.big.processor), known(pair.small.processor)
    assert big._replace(address=0, control={}) == small._replace(address=0, control={})
    assert big.address == pair.machine.facts.processor.address
    for mine, other in zip(pair.big.contexts, pair.small.contexts, strict=True):
        if not isinstance(other, Absent):
            assert known(mine).values == other.values


def test_the_same_system(pair: Pair) -> None:
    big, small = pair.big.system, pair.small.system
    assert big == small


def test_the_same_structures(pair: Pair) -> None:
    for kind, structure in pair.small.structures.items():
        if kind not in ("KPRCB", "EPROCESS"):  # their links lead elsewhere
            mine = bytes(pair.big.structures[kind].data)
            assert mine[: len(structure.data)] == bytes(structure.data)[: len(mine)], kind


def test_the_stack_begins_where_windows_stopped(pair: Pair) -> None:
    stack, facts = known(pair.big.stack), pair.machine.facts
    low = facts.stack.low
    assert low <= stack.start
    held = bytes(facts.stack.data)[stack.start - low :]
    assert bytes(stack.data)[: len(held)] == held


def test_every_processor_and_its_thread(pair: Pair) -> None:
    processors, facts = known(pair.big.processors), pair.machine.facts
    assert [state.number for state in processors] == list(range(facts.processors))
    assert [state.number for state in processors if state.crashed] == [facts.processor.number]
    assert {state.thread.address for state in pair.big.threads} == {state.thread for state in processors}
    others = [state for state in processors if not state.crashed]
    assert all(state.idle for state in others)


def test_processes(pair: Pair) -> None:
    processes = known(pair.big.processes)
    assert [process.address for process in processes] == pair.machine.processes
    assert processes[0].name == "System"


LISTS = {"x64": (0x30, 0x2F8), "x86": (0x50, 0x1B0)}  # KPROCESS.ThreadListHead, KTHREAD.ThreadListEntry
SWITCH_FRAMES = {"x64": (0x38, 0x40), "x86": (0x08, 0x0C)}  # return address, what the stack pointer is after it


def with_a_waiting_thread(story: str) -> tuple[BigMachine, Thread]:
    machine = BigMachine(STORIES[story]())
    place, (pc, _) = machine.allocate(0x2000), SWITCH_FRAMES[story]
    base = (place + 0x2000) & -0x1000
    thread = Thread(
        machine.allocate(0x1000), 0x77C, state=5, stack_base=base, stack_limit=base - 0x1000, kernel_stack=base - 0x200
    )
    machine.thread_list([thread], *LISTS[story])
    machine.pointers(thread.kernel_stack + pc, machine.facts.kernel.base + 0x1234)
    return machine, thread


@pytest.mark.parametrize("story", LISTS)
def test_the_threads_of_the_process(story: str) -> None:
    machine, waiting = with_a_waiting_thread(story)
    dump = opened(machine.complete())
    found = {state.thread.address: state for state in dump.threads}
    assert set(found) == {waiting.address, *(known(state.thread) for state in known(dump.processors))}
    state = found[waiting.address]
    assert (state.thread.tid, state.thread.state, state.processor) == (0x77C, 5, None)
    registers, stack = known(state.registers), known(state.stack)
    assert registers.pc == machine.facts.kernel.base + 0x1234
    assert stack.start == registers.sp == waiting.kernel_stack + SWITCH_FRAMES[story][1]
    assert stack.end == waiting.stack_base
    assert known(dump.thread_walk).end is ListEnd.WHOLE


@pytest.mark.parametrize("leads_to", [0x1234, 0xFFFFDEAD00000010])
def test_a_list_of_threads_that_leads_nowhere(leads_to: int) -> None:
    machine, waiting = with_a_waiting_thread("x64")
    machine.pointers(waiting.address + 0x2F8, leads_to)
    dump = opened(machine.complete())
    assert waiting.address in {state.thread.address for state in dump.threads} or leads_to != 0x1234
    assert known(dump.thread_walk).end in {ListEnd.NONSENSE, ListEnd.CUT}


def test_a_list_of_threads_that_loops_ends() -> None:
    machine, waiting = with_a_waiting_thread("x64")
    machine.pointers(waiting.address + 0x2F8, waiting.address + 0x2F8)
    dump = opened(machine.complete())
    assert known(dump.thread_walk).end is ListEnd.LOOP
    assert waiting.address in {state.thread.address for state in dump.threads}


# --- where the pages lie


@pytest.mark.parametrize("kind", [5, 6])
def test_bitmap_dumps(kind: int) -> None:
    machine = BigMachine(demo.builder())
    whole, bitmap = opened(machine.complete()), opened(machine.bitmap(kind))
    for fact in ("bug_check", "thread", "process", "contexts"):
        assert getattr(bitmap, fact) == getattr(whole, fact)
    assert list(bitmap.modules) == list(whole.modules)
    assert bitmap.kind == {5: "complete memory dump (bitmap)", 6: "kernel memory dump (bitmap)"}[kind]


@pytest.mark.parametrize(("story", "mode"), [(demo, "LA57"), (xp, "X86"), (xp, "PAE")])
def test_ways_of_translating(story: object, mode: str) -> None:
    facts = story.builder().with_(pae=mode == "PAE")  # type: ignore[attr-defined]
    dump = opened(BigMachine(facts, mode).complete())
    assert known(dump.thread).address == facts.thread.address
    assert len(dump.modules) == len(facts.drivers)


def test_the_header_need_not_say_that_it_is_pae() -> None:
    machine = BigMachine(xp.builder(), "PAE")
    data = bytearray(machine.complete())
    data[0x5C] = 0x47
    assert len(opened(bytes(data)).modules) == len(machine.facts.drivers)


# --- lists of a damaged machine


@cache
def _demo() -> BigMachine:
    return BigMachine(demo.builder())


def _walk(break_it: Callable[[BigMachine], None]) -> BigDump:
    machine = BigMachine(demo.builder())
    break_it(machine)
    return opened(machine.complete())


def test_a_looping_list_gives_each_module_once() -> None:
    dump = _walk(lambda machine: machine.pointers(machine.entries[9], machine.entries[4]))
    assert _ended(dump) == (ListEnd.LOOP, _demo().entries[9], len(_demo().entries) - 10)
    assert [module.base for module in dump.modules] == [driver.base for driver in _demo().facts.drivers]


def test_a_cut_list_goes_on_from_its_other_end() -> None:
    dump = _walk(lambda machine: machine.pointers(machine.entries[9], 0xFFFFDEAD12345678))
    end, _, backwards = _ended(dump)
    assert (end, backwards) == (ListEnd.CUT, len(_demo().entries) - 10)
    assert len(dump.modules) == len(_demo().facts.drivers)


@pytest.mark.parametrize("link", [0, 0x41414141, 0xFFFFA30EB1000003])
def test_nonsense_ends_a_list(link: int) -> None:
    dump = _walk(lambda machine: machine.pointers(machine.entries[9], link, link))
    end, at, _ = _ended(dump)
    assert (end, at) == (ListEnd.NONSENSE, _demo().entries[9])
    assert 10 <= len(dump.modules) <= len(_demo().facts.drivers)


def test_a_list_that_loops_both_ways_ends() -> None:
    def two_rings(machine: BigMachine) -> None:
        machine.pointers(machine.entries[1], machine.entries[0], machine.entries[0])
        machine.pointers(machine.entries[0], machine.entries[1], machine.entries[1])

    dump = _walk(two_rings)
    assert _ended(dump)[0] is ListEnd.LOOP
    assert 2 <= len(dump.modules) <= len(_demo().facts.drivers)


def _ended(dump: BigDump) -> tuple[ListEnd, int, int]:
    walk = dump.module_walk
    assert isinstance(walk, Walked)
    return walk.end, walk.at, walk.backwards


def test_a_module_whose_name_is_gone_is_named_by_its_address() -> None:
    dump = _walk(lambda machine: machine.write(machine.entries[5] + 0x48, bytes(0x20)))
    base = _demo().facts.drivers[5].base
    assert [module.path for module in dump.modules if module.base == base] == [f"Unknown_Module_{base:016x}"]


def test_a_module_without_its_header_was_paged_out() -> None:
    missing = [driver.name for driver in _demo().facts.drivers if not driver.timestamp]
    dump = opened(_demo().complete())
    assert [m.file for m in dump.modules if m.timestamp is Absent.PAGED_OUT] == missing
    assert missing


# --- which processor


def test_the_processor_with_the_registers_of_the_header() -> None:
    crashed = opened(BigMachine(arm64.builder()).complete()).crashed
    assert crashed is not None
    assert crashed.sign is Sign.REGISTERS


def test_the_processor_that_calls_the_bug_check() -> None:
    machine = BigMachine(demo.builder())
    facts = machine.facts
    frozen = struct.pack("<QQQ", *facts.bug_check[:3])
    at = facts.processor.context_address
    machine.write(at + 0x80, frozen[0:8])
    machine.write(at + 0x88, frozen[8:16])
    machine.write(at + 0xB8, frozen[16:24])
    machine.write(at + 0xF8, struct.pack("<Q", facts.kernel.base + 0x2000))
    data = bytearray(machine.complete())
    crashed = opened(bytes(data)).crashed
    assert crashed is not None
    assert (crashed.sign, crashed.state.number) == (Sign.ARGUMENTS, facts.processor.number)


def test_the_processor_whose_stack_was_in_use() -> None:
    crashed = opened(BigMachine(kernel_written.builder()).complete()).crashed
    assert crashed is not None
    assert (crashed.sign, crashed.state.number) == (Sign.STACK, kernel_written.builder().processor.number)


# --- counters, ranges


def test_counters_of_the_memory_manager() -> None:
    machine = BigMachine(xp.builder())
    machine.counter("MmMaximumNonPagedPoolInBytes", 0x0D000000)
    machine.counter("MmPeakCommitment", 0x0D000258)
    counters = known(opened(machine.complete()).memory_manager)
    assert counters["mm_maximum_non_paged_pool"] == 0x0D000
    assert counters["committed_pages_peak"] == 0x0D000258


def test_counters_without_a_variable_are_not_named() -> None:
    counters = known(opened(_demo().complete()).memory_manager)
    assert "mm_verify_driver_level" not in counters
    assert "committed_pages_peak" not in counters


def test_ranges_for_small_dumps() -> None:
    machine = BigMachine(demo.builder())
    place, array = machine.allocate(0x40), machine.allocate(0x40)
    machine.write(place, b"asked for by a driver")
    machine.pointers(array, place, place + 21, place + 8, place, 0x1000, 0x2000)
    machine.pointers(machine.at["IopTriageDumpDataBlocks"], array)
    data = machine.complete()
    dump = opened(data)
    assert dump.data_blocks == ()

    machine.write(machine.at["IopTriageDumpDataBlocks"], machine.memory_at(array, 0x30))
    machine.write(machine.at["IopNumTriageDumpDataBlocks"], struct.pack("<I", 3))
    data = machine.complete()
    (block,) = opened(data).data_blocks
    assert (block.address, block.size) == (place, 21)
    assert data[block.offset : block.offset + block.size] == b"asked for by a driver"


# --- damage


def test_a_dump_without_its_pages_still_tells_its_header() -> None:
    dump = opened(bytes(_demo().header(1)))
    assert dump.bug_check.code == _demo().facts.bug_check[0]
    assert dump.system.build == _demo().facts.windows.build
    assert (dump.thread, list(dump.modules)) == (Absent.NOT_CAPTURED, [])
    assert isinstance(dump.troubles[0], Truncated)


def test_what_is_no_dump_is_refused() -> None:
    with pytest.raises(NotADump):
        opened(b"MZ" + bytes(0x3000))
    with pytest.raises(Truncated):
        opened(b"PAGEDU64")


def test_a_closed_dump_says_so() -> None:
    released: list[bool] = []
    dump = BigDump(memoryview(_demo().complete()), "gone.dmp", lambda: released.append(True))
    assert dump.bug_check.code
    dump.close()
    dump.close()
    assert released == [True]
    with pytest.raises(SourceUnreadable):
        _ = dump.modules
