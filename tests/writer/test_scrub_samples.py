"""Real dumps, scrubbed: still whole, still telling the same story, and without the texts of the machine."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from smalldump.analysis import analyse
from smalldump.checking.claims import file_layout
from smalldump.checking.verdict import FileState, check
from smalldump.compose import compose
from smalldump.decode.smbios import RawSmbiosData, smbios_structures
from smalldump.model import Absent
from smalldump.model.absent import present
from smalldump.sources.small import SmallDump
from smalldump.unwind import CallStack, FrameTrust, walk
from smalldump.writer import MODERN
from smalldump.writer.scrub import Permitted, ScrubLevel
from tests.truth.conftest import sample_dumps
from tests.writer.scrub_walking import SYSTEM_PATH, strangers

TEXT = re.compile(rb"[ -~]{8,}")
TEXT_16 = re.compile(rb"(?:[ -~]\0){8,}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    folder = os.environ.get("SMALLDUMP_SAMPLES")
    names = sorted(sample_dumps(Path(folder))) if folder else ["no samples"]
    metafunc.parametrize("level", ScrubLevel)
    metafunc.parametrize("name", names)


def dumps(samples: Path, name: str, level: ScrubLevel) -> tuple[SmallDump, SmallDump]:
    """A sample and what scrubbing leaves of it."""
    source = SmallDump(memoryview(sample_dumps(samples)[name][0].read_bytes()))
    return source, SmallDump(memoryview(compose(source, profile=MODERN, scrub_level=level).data()))


def texts(data: bytes | memoryview) -> Iterator[str]:
    """All ASCII and UTF-16 texts of eight characters or more."""
    raw = bytes(data)
    yield from (found.decode("ascii") for found in TEXT.findall(raw))
    yield from (found.decode("utf-16-le") for found in TEXT_16.findall(raw))


def test_the_dump_is_whole_and_the_verdict_the_same(samples: Path, name: str, level: ScrubLevel) -> None:
    source, result = dumps(samples, name, level)
    assert check(result.file.data).state is FileState.WHOLE
    assert result.bug_check == source.bug_check
    before, after = analyse(source), analyse(result)
    assert after.verdict.culprit == before.verdict.culprit
    assert after.verdict.kind is before.verdict.kind
    assert after.verdict.confidence is before.verdict.confidence
    assert [m.file for m in result.modules] == [m.file for m in source.modules]


def test_kernel_frames_stay(samples: Path, name: str, level: ScrubLevel) -> None:
    """All but one at the most, found no better than before; stale words that `stack` leaves may be taken for more."""
    source, result = dumps(samples, name, level)
    before, after = walk(source), walk(result)
    for was, found in ((before.crash, after.crash), (before.dispatch, after.dispatch)):
        there, left = places(source, was), places(source, found)
        assert len(there.keys() - left.keys()) <= 1
        assert {left[place] for place in left.keys() - there.keys()} <= {FrameTrust.SCAN}
        assert level is ScrubLevel.STACK or left.keys() <= there.keys()
        assert all(left[place] <= there[place] for place in left.keys() & there.keys())
    assert before.crash.end is after.crash.end


def places(machine: SmallDump, stack: CallStack) -> dict[tuple[int, int], FrameTrust]:
    """The kernel's frames, and how each was found."""
    return {(f.pc, f.sp): f.trust for f in stack.frames if f.pc >= machine.machine.kernel_start}


def test_every_byte_belongs_to_a_permitted_class(samples: Path, name: str, level: ScrubLevel) -> None:
    source, result = dumps(samples, name, level)
    assert strangers(source, bytes(result.file.data), level) == []


def test_texts_of_blobs_and_paths_are_gone(samples: Path, name: str, level: ScrubLevel) -> None:
    source, result = dumps(samples, name, level)
    left = "\n".join(texts(result.file.data)).lower()
    kept_blobs = {blob.guid for blob in result.blobs}
    gone = {text for blob in source.blobs if blob.guid not in kept_blobs for text in texts(blob.data)}
    gone |= {m.path for m in source.modules if "\\" in m.path and not is_kept(m.path, level)}
    names = {m.file.lower() for m in source.modules} | {m.file.lower().rpartition(".")[0] for m in source.modules}
    names |= {m.path.lower() for m in result.modules}
    known = names | set(facts(source)) | {text.lower() for text in code_texts(result)}
    survivors = {text for text in gone if text.lower() in left and not any(text.lower() in each for each in known)}
    assert survivors == set()


def is_kept(path: str, level: ScrubLevel) -> bool:
    return level is ScrubLevel.STACK and SYSTEM_PATH.fullmatch(path) is not None


def facts(dump: SmallDump) -> Iterator[str]:
    """Texts that the levels permit: build string, vendor and name of the processor, process name, fill."""
    yield "pagepagepagepage"
    vendor = None if isinstance(dump.processor, Absent) else dump.processor.vendor
    name = None if isinstance(dump.process, Absent) else dump.process.name
    yield from (text.lower() for text in (dump.build_lab, vendor, name) if isinstance(text, str))
    for blob in dump.blobs:
        if blob.guid in ("6c7ac389-4313-47dc-9f34-a8800a0fb56c", "bc5c008f-1e3a-44d7-988d-86f6884c6758"):
            yield from (text.lower() for text in texts(blob.data))


def code_texts(dump: SmallDump) -> Iterator[str]:
    """Instructions can look like texts."""
    for claim in file_layout(dump.file).claims:
        if claim.name.startswith("data block "):
            yield from texts(dump.file.data[claim.start : claim.end])


def test_all_other_texts_are_names_of_drivers_or_permitted_facts(samples: Path, name: str, level: ScrubLevel) -> None:
    source, result = dumps(samples, name, level)
    known = {m.path.lower() for m in result.modules} | set(facts(source))
    known |= {m.name.lower() for m in present(source.unloaded_modules) or ()}
    for claim in file_layout(result.file).claims:
        if claim.name.startswith("data block ") or claim.name in ("blob", "header fields", "secondary data header"):
            continue
        for text in texts(result.file.data[claim.start : claim.end]):
            word = text.lower()
            assert any(word in each for each in known) or not set(word) - set("page"), (claim.name, len(text))


def test_serial_numbers_are_gone(samples: Path, name: str, level: ScrubLevel) -> None:
    """Texts of the machine's tables that stay are those of the permitted fields."""
    source, result = dumps(samples, name, level)
    before, after = set(machine_texts(source)), set(machine_texts(result))
    assert after <= before
    assert level is ScrubLevel.STACK or not after
    assert not before or after < before


def machine_texts(dump: SmallDump) -> Iterator[bytes]:
    """All texts of the SMBIOS tables."""
    for blob in dump.blobs:
        if blob.guid == "bc5c008f-1e3a-44d7-988d-86f6884c6758":
            for structure in smbios_structures(bytes(blob.data[RawSmbiosData.SIZE :])):
                yield from (text.strip(b" ") for text in structure.strings if text.strip(b" "))


def test_the_count_says_what_stayed(samples: Path, name: str, level: ScrubLevel) -> None:
    source = SmallDump(memoryview(sample_dumps(samples)[name][0].read_bytes()))
    composed = compose(source, profile=MODERN, scrub_level=level)
    assert composed.scrubbed is not None
    kept = composed.scrubbed.kept
    assert {Permitted.HEADER, Permitted.DRIVER_NAMES, Permitted.REGISTERS, Permitted.STRUCTURE_FIELDS} <= set(kept)
    assert not isinstance(source.stack, Absent)
    assert sum(kept.values()) <= len(composed.data())
