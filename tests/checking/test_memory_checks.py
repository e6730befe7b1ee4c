"""One test per finding about stack, context and data blocks."""

from __future__ import annotations

import pytest

from tests.checking.asking import ERROR, INFO, WARNING, codes, new_finding
from tests.synth import Dump, arm64_dump, kernel_written_dump, x64_dump, x86_dump

ALL = {"x64": x64_dump(), "kernel": kernel_written_dump(), "x86": x86_dump(), "arm64": arm64_dump()}
every_dump = pytest.mark.parametrize("dump", list(ALL.values()), ids=list(ALL))


@every_dump
@pytest.mark.parametrize("top", [-8, 0x10000])
def test_stack_range(dump: Dump, top: int) -> None:
    finding = new_finding(dump, dump.patch("TRIAGE_DUMP.TopOfStack", top), "stack-range")
    assert (finding.severity, finding.offset) == (ERROR, dump.offset("TRIAGE_DUMP.TopOfStack"))


@every_dump
def test_context_outside_stack(dump: Dump) -> None:
    low = dump.number("TRIAGE_DUMP.TopOfStack")
    changed = dump.patch("TRIAGE_DUMP.TopOfStack", low + len(dump.read("stack")))
    finding = new_finding(dump, changed, "context-outside-stack")
    assert (finding.severity, finding.offset) == (WARNING, dump.offset("TRIAGE_DUMP.TopOfStack"))


def test_context_that_the_writer_rewound_may_lie_above_the_saved_stack() -> None:
    dump = kernel_written_dump()
    assert dump.number("DUMP_HEADER.BugCheckCode") == 0x1000007E
    short = dump.patch("TRIAGE_DUMP.SizeOfCallStack", 0x40)
    assert "context-outside-stack" not in codes(short)
    assert "context-outside-stack" in codes(short.patch("DUMP_HEADER.BugCheckCode", 0x7E))
    below = dump.patch("TRIAGE_DUMP.TopOfStack", dump.facts.thread.stack_base - 0x10)
    assert "context-outside-stack" in codes(below)


def test_stack_cut() -> None:
    dump = x64_dump()
    size = len(dump.read("stack"))
    finding = new_finding(dump, dump.patch("TRIAGE_DUMP.SizeOfCallStack", size - 0x100), "stack-cut")
    assert (finding.severity, finding.offset) == (INFO, dump.offset("TRIAGE_DUMP.SizeOfCallStack"))
    assert "0x100 up to its base are missing" in finding.message


def _block(dump: Dump, why: str) -> int:
    return next(index for index, block in enumerate(dump.facts.all_blocks()) if block.why == why)


@pytest.mark.parametrize("dump", [ALL["x64"], ALL["arm64"]], ids=["x64", "arm64"])
def test_processor_context_missing(dump: Dump) -> None:
    index = _block(dump, "KPRCB.Context")
    finding = new_finding(dump, dump.patch(f"blocks[{index}].Address", -0x1000), "processor-context-missing")
    assert (finding.severity, finding.offset) == (WARNING, None)
    assert "GetContextState failed" in finding.message


def test_without_the_processor_block_the_headers_context_serves() -> None:
    dump = x64_dump()
    without = dump.patch(f"blocks[{_block(dump, 'KPRCB.Context')}].Address", -0x1000)
    without = without.patch(f"blocks[{_block(dump, 'nt!KiProcessorBlock')}].Address", -0x2000)
    assert "processor-context-missing" not in codes(without)


@pytest.mark.parametrize("dump", [ALL["x64"], ALL["arm64"]], ids=["x64", "arm64"])
def test_processor_block_incomplete(dump: Dump) -> None:
    data = f"blocks[{_block(dump, 'nt!KiProcessorBlock')}].data"
    emptied = dump.patch(dump.offset(data) + 8, bytes(8))
    finding = new_finding(dump, emptied, "processor-block-incomplete")
    assert (finding.severity, finding.offset) == (WARNING, None)
    count = dump.facts.processors
    assert f"expected {count} processors, found {count - 1}" in finding.message
    more = dump.patch("DUMP_HEADER.NumberProcessors", count + 1)
    assert new_finding(dump, more, "processor-block-incomplete").severity is WARNING


def test_data_block_limit() -> None:
    dump = x64_dump()
    finding = new_finding(dump, dump.patch("TRIAGE_DUMP.DataBlocksCount", 65_537), "data-block-limit")
    assert (finding.severity, finding.offset) == (WARNING, dump.offset("TRIAGE_DUMP.DataBlocksCount"))


@every_dump
@pytest.mark.parametrize(("field", "value"), [("Offset", 0xFFFFFF00), ("Size", 0xFFFFFFFF)])
def test_data_blocks_outside(dump: Dump, field: str, value: int) -> None:
    finding = new_finding(dump, dump.patch(f"blocks[1].{field}", value), "data-blocks-outside")
    assert (finding.severity, finding.offset) == (ERROR, dump.offset("blocks[1].Address"))


@every_dump
def test_data_blocks_outside_of_a_cut_file(dump: Dump) -> None:
    last = len(dump.facts.all_blocks()) - 1
    cut = dump.truncated(dump.offsets[f"blocks[{last}].data"].end - 1)
    message = new_finding(dump, cut, "data-blocks-outside").message
    assert message.startswith(f"1 of {last + 1} data blocks are lost or cut")


def test_data_blocks_zero_extended() -> None:
    dump = x86_dump()
    address = dump.number("blocks[1].Address") & 0xFFFFFFFF
    finding = new_finding(dump, dump.patch("blocks[1].Address", address), "data-blocks-zero-extended")
    assert (finding.severity, finding.offset) == (WARNING, dump.offset("blocks[1].Address"))


@every_dump
def test_data_blocks_ignored(dump: Dump) -> None:
    fields = dump.number("DUMP_HEADER.MiniDumpFields")
    finding = new_finding(dump, dump.patch("DUMP_HEADER.MiniDumpFields", fields & ~0x800), "data-blocks-ignored")
    assert (finding.severity, finding.offset) == (WARNING, dump.offset("DUMP_HEADER.MiniDumpFields"))
    fill = int.from_bytes(b"PAGE", "little") & ~0x800
    assert fill == int.from_bytes(b"PAGE", "little")  # bit 0x800 of a field that was never written is clear
    assert "data-blocks-ignored" not in codes(dump.patch("DUMP_HEADER.MiniDumpFields", fill))
