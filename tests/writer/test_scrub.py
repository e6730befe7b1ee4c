"""Scrubbed dumps: no planted secret survives, and what each level promises is still there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from smalldump.analysis import analyse
from smalldump.checking.verdict import FileState, check
from smalldump.compose import Composed, compose
from smalldump.layout.structures import StructureOffsets
from smalldump.model import Absent, Blob
from smalldump.model.requests import Contribution, RangeRequest
from smalldump.sources.small import SmallDump
from smalldump.unwind import Frame, walk
from smalldump.writer import MODERN
from smalldump.writer.scrub import Permitted, ScrubLevel, Withheld
from tests.synth import Process, x64_dump
from tests.writer.scrub_planting import MACHINES, MARKER, holds_secret, planted

EVERY_MACHINE = pytest.mark.parametrize("name", MACHINES)
BARE = {"x64 kernel-written", "x86", "Windows 2000"}
"""Machines whose dumps hold file names only."""
SYSTEM_FOLDERS = {"", "\\systemroot\\system32\\", "\\systemroot\\system32\\drivers\\"}
EVERY_LEVEL = pytest.mark.parametrize("level", ScrubLevel)


def opened(data: bytes) -> SmallDump:
    return SmallDump(memoryview(data))


def scrubbed(name: str, level: ScrubLevel) -> tuple[SmallDump, SmallDump, Composed]:
    """A dump full of secrets, what is left of it, and how that was composed."""
    source = opened(planted(name).bytes)
    composed = compose(source, scrub_level=level)
    return source, opened(composed.data()), composed


def kernel_frames(dump: SmallDump) -> list[Frame]:
    stacks = walk(dump)
    return [f for f in (*stacks.crash.frames, *stacks.dispatch.frames) if f.pc >= dump.machine.kernel_start]


def user_addresses(dump: SmallDump) -> Iterator[int]:
    thread = dump.thread
    assert not isinstance(thread, Absent)
    for value in (thread.teb, thread.win32_start_address):
        if not isinstance(value, Absent) and value:
            yield value


@EVERY_MACHINE
def test_secrets_are_planted_and_would_survive_without_scrubbing(name: str) -> None:
    source = planted(name).bytes
    assert source.count(MARKER) >= 500
    assert compose(opened(source), profile=MODERN).data().count(MARKER) >= 500


@EVERY_MACHINE
@EVERY_LEVEL
def test_no_secret_survives(name: str, level: ScrubLevel) -> None:
    _, _, composed = scrubbed(name, level)
    assert not holds_secret(composed.data())


@EVERY_LEVEL
def test_no_secret_survives_in_64_kilobytes(level: ScrubLevel) -> None:
    composed = compose(opened(planted("x64").bytes), scrub_level=level, size=0x10000)
    assert len(composed.data()) == 0x10000
    assert not holds_secret(composed.data())


@EVERY_MACHINE
@EVERY_LEVEL
def test_the_result_is_a_whole_dump_and_tells_of_the_same_stop(name: str, level: ScrubLevel) -> None:
    source, result, composed = scrubbed(name, level)
    checked = check(memoryview(composed.data()))
    assert checked.state is FileState.WHOLE
    assert "processor-context-missing" not in {finding.code for finding in checked.findings}
    assert result.bug_check == source.bug_check
    assert result.system == source.system
    assert not isinstance(result.dump, Absent)
    assert not isinstance(source.dump, Absent)
    assert (result.dump.time, result.dump.uptime) == (source.dump.time, source.dump.uptime)
    assert result.build_lab == source.build_lab


@EVERY_MACHINE
@EVERY_LEVEL
def test_the_call_stack_and_the_verdict_stay(name: str, level: ScrubLevel) -> None:
    """Stale words that `stack` leaves may be taken for frames more."""
    source, result, _ = scrubbed(name, level)
    there, left = ([frame.pc for frame in kernel_frames(machine)] for machine in (source, result))
    assert [pc for pc in left if level is ScrubLevel.FACTS or pc in there] == there
    assert len(left) >= 3
    before, after = analyse(source).verdict, analyse(result).verdict
    assert (after.kind, after.culprit, after.confidence) == (before.kind, before.culprit, before.confidence)


@EVERY_MACHINE
@EVERY_LEVEL
def test_drivers_stay_by_their_file_names(name: str, level: ScrubLevel) -> None:
    source, result, _ = scrubbed(name, level)
    assert [(m.base, m.size, m.timestamp) for m in result.modules] == [
        (m.base, m.size, m.timestamp) for m in source.modules
    ]
    assert [m.file for m in result.modules] == [m.file.rpartition("/")[2] for m in source.modules]
    assert result.unloaded_modules == source.unloaded_modules
    folders = {m.path.removesuffix(m.file).lower() for m in result.modules}
    assert folders <= ({""} if level is ScrubLevel.FACTS else SYSTEM_FOLDERS)
    assert len(folders) > 1 or level is ScrubLevel.FACTS or name in BARE


@EVERY_LEVEL
def test_facts_of_thread_process_and_processor_stay(level: ScrubLevel) -> None:
    source, result, _ = scrubbed("x64", level)
    thread, process, processor = result.thread, result.process, result.processor
    before = source.thread, source.process, source.processor
    assert not isinstance(thread, Absent)
    assert not isinstance(process, Absent)
    assert not isinstance(processor, Absent)
    for field in ("address", "tid", "pid", "state", "priority", "stack_base", "stack_limit", "initial_stack"):
        assert getattr(thread, field) == getattr(before[0], field), field
    for field in ("address", "pid", "parent_pid", "create_time", "directory_table_base", "attached"):
        assert getattr(process, field) == getattr(before[1], field), field
    for field in ("address", "number", "vendor", "family", "model", "mhz", "irql", "current_thread", "idle_thread"):
        assert getattr(processor, field) == getattr(before[2], field), field
    assert list(user_addresses(result)) == []
    assert list(user_addresses(source)) != []


def test_general_registers_stay_only_for_who_looks_himself() -> None:
    source, facts, _ = scrubbed("x64", ScrubLevel.FACTS)
    _, stack, _ = scrubbed("x64", ScrubLevel.STACK)
    for dump in (facts, stack):
        for before, after in zip(source.contexts, dump.contexts, strict=True):
            assert not isinstance(before, Absent)
            assert not isinstance(after, Absent)
            assert (after.pc, after.sp, after.values["efl"]) == (before.pc, before.sp, before.values["efl"])
            assert not any(after.vectors.values())
            assert not any(after.values.get(name) for name in ("dr0", "dr1", "dr2", "dr3", "fpcw"))
    crash = source.contexts.crash
    assert not isinstance(crash, Absent)
    assert not isinstance(facts.contexts.crash, Absent)
    assert not isinstance(stack.contexts.crash, Absent)
    kernel = {name: value for name, value in crash.values.items() if name in ("rcx", "rsi", "rdi", "r10")}
    assert min(kernel.values()) >= source.machine.kernel_start
    assert {name: stack.contexts.crash.values[name] for name in kernel} == kernel
    assert not any(facts.contexts.crash.values[name] for name in kernel)


@EVERY_LEVEL
def test_names_of_windows_own_processes_stay_others_by_level(level: ScrubLevel) -> None:
    address = x64_dump().facts.process.address
    names = {}
    for name in ("csrss.exe", "diary.exe"):
        source = opened(x64_dump(process=Process(address, name=name, pid=400)).bytes)
        process = opened(compose(source, scrub_level=level).data()).process
        assert not isinstance(process, Absent)
        assert process.pid == 400
        names[name] = process.name
    assert names["csrss.exe"] == "csrss.exe"
    assert names["diary.exe"] == ("diary.exe" if level is ScrubLevel.STACK else Absent.CORRUPT)


@EVERY_MACHINE
@EVERY_LEVEL
def test_the_processor_group_is_dropped_as_a_whole(name: str, level: ScrubLevel) -> None:
    source, result, composed = scrubbed(name, level)
    words = source.debugger_data
    if isinstance(words, Absent) or not words.get("ki_processor_block"):
        return
    assert words["ki_processor_block"] not in result.memory
    assert not any(block.alias for block in composed.contents.blocks)


def test_levels_are_ordered_and_told() -> None:
    _, _, facts = scrubbed("x64", ScrubLevel.FACTS)
    _, _, stack = scrubbed("x64", ScrubLevel.STACK)
    assert facts.scrubbed is not None
    assert stack.scrubbed is not None
    assert (facts.scrubbed.level, stack.scrubbed.level) == (ScrubLevel.FACTS, ScrubLevel.STACK)
    assert set(facts.scrubbed.kept) < set(stack.scrubbed.kept)
    assert all(what.at(ScrubLevel.FACTS) for what in facts.scrubbed.kept)
    assert set(stack.scrubbed.kept) - set(facts.scrubbed.kept) >= {
        Permitted.POINTERS,
        Permitted.FOLDERS,
        Permitted.PROCESSOR,
        Permitted.MACHINE,
        Permitted.REQUESTS,
    }
    assert set(stack.scrubbed.removed) == set(Withheld)
    assert sum(facts.scrubbed.removed.values()) > sum(stack.scrubbed.removed.values())


def test_nothing_is_scrubbed_unless_asked() -> None:
    composed = compose(opened(planted("x64").bytes))
    assert composed.scrubbed is None
    assert holds_secret(composed.data())


class Talkative:
    """A contributor that adds what nobody should see."""

    name = "Talkative"

    def contribute(self, machine: object) -> Contribution:
        """A blob of its own and a range of the stack's neighbourhood."""
        assert machine
        blob = Blob("0d0e0f00-1111-2222-3333-444444444444", memoryview(MARKER * 4), 0)
        return Contribution([RangeRequest(0xFFFFC48F6A004000, 0x80, "mine")], [blob])


@EVERY_LEVEL
def test_contributors_and_callers_get_nothing_past_the_scrubbing(level: ScrubLevel) -> None:
    source = opened(planted("x64").bytes)
    pool = source.data_blocks[-1].address
    page = RangeRequest(pool, 0x1000, "asked for")
    composed = compose(source, scrub_level=level, contributors=[Talkative()], pages=[page])
    assert composed.failures == ()
    assert not holds_secret(composed.data())
    assert b"WFS stream table" not in composed.data()
    assert b"WFS stream table" in compose(source, contributors=[Talkative()]).data()


@EVERY_MACHINE
@EVERY_LEVEL
def test_scrubbing_twice_changes_nothing(name: str, level: ScrubLevel) -> None:
    _, result, composed = scrubbed(name, level)
    again = compose(result, scrub_level=level).data()
    if name != "x86":
        assert again == composed.data()
    # Without KiProcessorBlock nothing tells where this KPRCB lay, and pointers into it lead nowhere any more.
    assert all(after in (before, 0) for before, after in zip(composed.data(), again, strict=True))


def test_the_stricter_level_can_follow_the_looser_one() -> None:
    source, stack, _ = scrubbed("x64", ScrubLevel.STACK)
    assert compose(stack, scrub_level=ScrubLevel.FACTS).data() == compose(source, scrub_level=ScrubLevel.FACTS).data()


def test_offsets_of_the_planted_structures_are_known() -> None:
    """Otherwise the tests on their fields would say nothing."""
    for name in ("x64", "x86", "ARM64"):
        dump = opened(planted(name).bytes)
        assert isinstance(dump.system.build, int)
        words = {} if isinstance(dump.debugger_data, Absent) else dump.debugger_data
        offsets = StructureOffsets(dump.machine.image_type, dump.system.build, words)
        assert offsets.offset("ETHREAD", "cid")
        assert offsets.offset("KPRCB", "special") or name == "ARM64"
