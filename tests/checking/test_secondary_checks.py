"""One test per finding about what lies behind the primary dump."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.checking.verdict import FileState, check
from tests.checking.asking import ERROR, WARNING, codes, findings_of, new_finding
from tests.synth import Blob, Dump, arm64_dump, kernel_written_dump, x64_dump, x86_dump

ALL = {"x64": x64_dump(), "kernel": kernel_written_dump(), "arm64": arm64_dump()}
every_dump = pytest.mark.parametrize("dump", list(ALL.values()), ids=list(ALL))
UNKNOWN = "7d3f4c52-0b1e-4c8a-9f27-51c6de0a8b43"


@every_dump
@pytest.mark.parametrize("field", ["Signature", "HeaderSize"])
def test_secondary_data_corrupt(dump: Dump, field: str) -> None:
    start = dump.offset("DUMP_BLOB_FILE")
    changed = dump.patch(start, bytes(8)) if field == "Signature" else dump.patch(start + 8, 3)
    finding = new_finding(dump, changed, "secondary-data-corrupt")
    assert (finding.severity, finding.offset) == (ERROR, start)


@every_dump
@pytest.mark.parametrize("value", [3, 0])
def test_blob_chain_broken(dump: Dump, value: int) -> None:
    finding = new_finding(dump, dump.patch("blobs[1].HeaderSize", value), "blob-chain-broken")
    assert (finding.severity, finding.offset) == (ERROR, dump.offset("blobs[1]"))
    assert "found" in finding.message


@every_dump
def test_blob_chain_broken_by_the_end_of_the_file(dump: Dump) -> None:
    start = dump.offset("blobs[2]")
    finding = new_finding(dump, dump.truncated(start + 0x1F), "blob-chain-broken")
    assert (finding.severity, finding.offset) == (ERROR, start)
    assert "after 0x1f" in finding.message


@every_dump
def test_blob_pad(dump: Dump) -> None:
    finding = new_finding(dump, dump.patch("blobs[1].PostPad", 0xFFFFFFFF), "blob-pad")
    assert (finding.severity, finding.offset) == (ERROR, dump.offset("blobs[1].PostPad"))


def test_a_cut_in_the_last_padding_loses_nothing() -> None:
    dump = x64_dump(blobs=[Blob(UNKNOWN, b"five5")])
    assert dump.number("blobs[0].PostPad") == 3
    assert check(memoryview(dump.truncated(len(dump) - 2).bytes)).state is FileState.WHOLE


@every_dump
def test_blob_cut(dump: Dump) -> None:
    finding = new_finding(dump, dump.truncated(dump.offset("blobs[1].data") + 4), "blob-cut")
    assert (finding.severity, finding.offset) == (ERROR, dump.offset("blobs[1]"))
    assert f"expected {dump.number('blobs[1].DataSize'):#x} bytes, found 0x4" in finding.message


def test_blob_cut_names_the_blob() -> None:
    finding = new_finding(x64_dump(), x64_dump().patch("blobs[1].DataSize", 0x7FFFFFF0), "blob-cut")
    assert "a blob is cut (CPU registry values)" in finding.message


def test_blob_limit() -> None:
    dump = x64_dump(blobs=[Blob(UNKNOWN, b"")] * 4096)
    finding = new_finding(x64_dump(), dump, "blob-limit")
    assert (finding.severity, finding.offset) == (WARNING, len(dump))


def test_stale_tail_behind_the_last_blob() -> None:
    dump = kernel_written_dump(stale=b"")
    changed = kernel_written_dump(stale=bytes(0x340) + b"someone's letter")
    finding = new_finding(dump, changed, "stale-tail")
    assert (finding.severity, finding.offset) == (WARNING, len(dump) + 0x340)
    assert "up to 16 stale bytes" in finding.message


@pytest.mark.parametrize("dump", [x86_dump(), x64_dump(blobs=[])], ids=["x86", "no blobs"])
@pytest.mark.parametrize("zeros", [0, 0x200])
def test_stale_tail_without_secondary_data(dump: Dump, zeros: int) -> None:
    finding = new_finding(dump, dump.extended(bytes(zeros) + b"old page-file content " * 3), "stale-tail")
    assert (finding.severity, finding.offset) == (WARNING, len(dump) + zeros)


@every_dump
def test_zeros_behind_the_dump_are_nothing_to_report(dump: Dump) -> None:
    cut = dump.truncated(dump.offset("stale")) if "stale" in dump.offsets else dump
    assert codes(cut.extended(bytes(0x1000))) == codes(cut)


_KERNEL_WRITTEN = kernel_written_dump()


@given(st.integers(0x2080, len(_KERNEL_WRITTEN) - 1))
def test_no_cut_of_a_kernel_written_dump_goes_unnoticed(size: int) -> None:
    found = {finding.code for finding in findings_of(_KERNEL_WRITTEN.truncated(size))}
    assert found & {"file-cut", "shorter-than-required"}


_WRITTEN_BY_DBGENG = x64_dump()


@given(st.integers(0, _WRITTEN_BY_DBGENG.offset("DUMP_BLOB_FILE") - 1))
def test_no_cut_in_the_primary_dump_leaves_it_whole(size: int) -> None:
    assert check(memoryview(_WRITTEN_BY_DBGENG.bytes[:size])).state is not FileState.WHOLE


@given(st.integers(_WRITTEN_BY_DBGENG.offset("DUMP_BLOB_FILE") + 1, len(_WRITTEN_BY_DBGENG) - 1))
def test_no_cut_inside_a_blob_leaves_the_dump_whole(size: int) -> None:
    # A cut between two blobs, or inside the padding behind one, leaves no trace in such a dump.
    names = _WRITTEN_BY_DBGENG.offsets
    ends = [names[f"blobs[{index}].data"].end for index in range(len(_WRITTEN_BY_DBGENG.facts.blobs))]
    between = any(end <= size <= end + 7 for end in [*ends, names["blobs[0]"].offset])
    whole = check(memoryview(_WRITTEN_BY_DBGENG.bytes[:size])).state is FileState.WHOLE
    assert whole <= between
