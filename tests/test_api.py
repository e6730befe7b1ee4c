"""`smalldump.write`: what a program gets, and what it is refused."""

from __future__ import annotations

import gc
import inspect
import os
import re
from datetime import UTC, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

import smalldump
from smalldump.minidumps import DateSource, Exclusive, MinidumpDirectory, Reserve, recover_reserve
from smalldump.model import Absent, Snapshot
from smalldump.model.requests import Contribution, RangeRequest
from smalldump.writer.scrub import ScrubLevel
from tests.minidumps.disks import contents
from tests.synth import x64_dump, x86_dump

NOWHERE = 0xFFFFE50A77777000


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    """A dump, alone in its folder."""
    folder = tmp_path / "source"
    folder.mkdir()
    return x64_dump().save(folder, "112226-8765-01.dmp")


@pytest.fixture
def minidump(tmp_path: Path) -> Path:
    """An empty Minidump folder."""
    folder = tmp_path / "Minidump"
    folder.mkdir()
    return folder


def test_into_a_directory(dump: Path, minidump: Path) -> None:
    written = smalldump.write(dump, into=minidump)
    assert list(minidump.iterdir()) == [written.path]
    assert written.path.stat().st_size == written.size == written.plan.size
    assert (written.profile, written.dropped, written.missing, written.failures) == ("modern", (), (), ())
    assert (written.how, written.date_source) == (Exclusive.LINK, DateSource.UTC)
    assert written.slots_left is None
    with smalldump.open(dump) as before, smalldump.open(written.path) as after:
        assert after.bug_check == before.bug_check
        assert after.registers == before.registers
        assert [module.path for module in after.modules] == [module.path for module in before.modules]


def test_to_a_new_file(dump: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.dmp"
    written = smalldump.write(os.fspath(dump), to=os.fspath(new), size=64 * 1024)
    assert (written.path, written.size, new.stat().st_size) == (new, 65_536, 65_536)
    assert written.dropped
    assert written.date_source is None
    with pytest.raises(smalldump.StoreError, match="is there already, and nothing is overwritten") as caught:
        smalldump.write(dump, to=new)
    assert caught.value.path == os.fspath(new)
    assert new.stat().st_size == 65_536


def test_to_a_file_in_the_folder_at_hand(dump: Path, minidump: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(minidump)
    assert smalldump.write(dump, to="new.dmp").path.resolve() == minidump / "new.dmp"


def test_into_the_reserve(dump: Path, minidump: Path) -> None:
    Reserve(minidump).make(0x40000, slots=2)
    written = smalldump.write(dump, reserve=minidump)
    assert (written.path, written.slots_left) == (minidump / "smalldump-1.reserve", 1)
    assert (written.how, written.directory_flushed, written.date_source) == (None, None, None)


def test_the_reserve_keeps_the_time_zone_that_was_asked_for(dump: Path, minidump: Path) -> None:
    Reserve(minidump).make()
    smalldump.write(dump, reserve=minidump, timezone="-10:00")
    (found,) = recover_reserve(MinidumpDirectory(minidump))
    assert found.saved
    assert found.saved.path.name.startswith("112126-")
    assert found.saved.date_source is DateSource.ASKED


def test_an_open_snapshot_stays_open(dump: Path, minidump: Path) -> None:
    with smalldump.open(dump) as machine:
        first = smalldump.write(machine, into=minidump)
        second = smalldump.write(machine, into=minidump)
        assert machine.memory.read(machine.registers.pc, 1)  # type: ignore[union-attr]
    assert first.path != second.path
    assert first.path.read_bytes() == second.path.read_bytes()


def test_the_result_holds_no_file(minidump: Path, tmp_path: Path) -> None:
    large = tmp_path / "large.dmp"
    large.write_bytes(x64_dump().bytes.ljust(3 << 20, b"\0"))  # large enough to be mapped
    written = smalldump.write(large, into=minidump, scrub="facts")
    gc.collect()
    assert written.withheld
    maps = Path("/proc/self/maps")
    assert not maps.exists() or os.fspath(large) not in maps.read_text(errors="replace")


@pytest.mark.parametrize(
    ("timezone_of_choice", "name", "source"),
    [
        (None, "112226-", DateSource.UTC),
        ("-08:00", "112126-", DateSource.ASKED),
        (timezone(timedelta(hours=-8)), "112126-", DateSource.ASKED),
        (UTC, "112226-", DateSource.ASKED),
    ],
)
def test_the_date_in_the_name(
    dump: Path, minidump: Path, timezone_of_choice: Any, name: str, source: DateSource
) -> None:
    written = smalldump.write(dump, into=minidump, timezone=timezone_of_choice)
    assert written.path.name.startswith(name)
    assert written.date_source is source


def test_pages(dump: Path, minidump: Path) -> None:
    with smalldump.open(dump) as machine:
        block = machine.data_blocks[0]
        wanted: list[int | RangeRequest] = [NOWHERE + 0x123, RangeRequest(block.address, block.size, "ours")]
        written = smalldump.write(machine, into=minidump, pages=wanted)
        assert [tuple(each) for each in written.missing] == [(NOWHERE, 0x1000, "not in the source")]
        with smalldump.open(written.path) as after:
            read = after.memory.read(block.address, block.size)
        assert read == machine.memory.read(block.address, block.size)


def test_profiles(dump: Path, minidump: Path, tmp_path: Path) -> None:
    assert smalldump.write(dump, into=minidump, profile="classic").size == 65_536
    source = x86_dump().save(tmp_path, "x86.dmp")
    assert smalldump.write(source, into=minidump).profile == "classic"
    assert smalldump.write(source, into=minidump, profile="modern").profile == "modern"


@pytest.mark.parametrize("level", ["facts", ScrubLevel.FACTS, "stack", ScrubLevel.STACK])
def test_scrubbing(dump: Path, minidump: Path, level: ScrubLevel | str) -> None:
    written = smalldump.write(dump, into=minidump, scrub=level)
    assert written.scrub_level is ScrubLevel(level)
    assert sum(written.withheld.values()) > 0
    assert b"tidybackup.exe" in dump.read_bytes()
    assert (b"tidybackup.exe" in written.path.read_bytes()) == (written.scrub_level is ScrubLevel.STACK)


class Acme:
    """A contributor that fails where it is told to."""

    name = "acme"

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails

    def contribute(self, machine: Snapshot) -> Contribution:
        if self.fails:
            raise OSError("no")
        assert not isinstance(machine.registers, Absent)
        return Contribution([RangeRequest(machine.registers.pc, 16, "the code")])


def test_contributors(dump: Path, minidump: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = smalldump.write(dump, into=minidump, contributors=[Acme(), Acme(fails=True)])
    assert [tuple(each) for each in failed.failures] == [("acme", "OSError: no")]
    monkeypatch.setattr("smalldump.collect.installed_contributors", lambda: [Acme(fails=True)])
    assert len(smalldump.write(dump, into=minidump).failures) == 1
    assert smalldump.write(dump, into=minidump, contributors=()).failures == ()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "exactly one of into="),
        ({"into": ".", "to": "x.dmp"}, "exactly one of into="),
        ({"to": "x.dmp", "reserve": "."}, "exactly one of into="),
        ({"to": "x.dmp", "profile": "huge"}, "no profile: 'huge' .there are classic and modern."),
        ({"to": "x.dmp", "size": 0}, "no size"),
        ({"to": "x.dmp", "size": -1}, "no size"),
        ({"to": "x.dmp", "size": (64 << 20) + 1}, "no size"),
        ({"to": "x.dmp", "timezone": "Mars"}, "no time zone"),
        ({"to": "x.dmp", "scrub": "lightly"}, "no level of scrubbing"),
        ({"to": "x.dmp", "pages": [RangeRequest(0, 0, "")]}, "no size of a range"),
        ({"to": "x.dmp", "pages": [RangeRequest(0, 1 << 60, "")]}, "no size of a range"),
    ],
)
def test_impossible_wishes(
    dump: Path, minidump: Path, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], words: str
) -> None:
    monkeypatch.chdir(minidump)
    with pytest.raises(ValueError, match=words):
        smalldump.write(dump, **arguments)
    assert contents(minidump) == {}


def test_refusals(dump: Path, minidump: Path) -> None:
    with pytest.raises(smalldump.BudgetTooSmall) as caught:
        smalldump.write(dump, into=minidump, size=9_000)
    assert caught.value.needed > caught.value.budget == 9_000
    with pytest.raises(smalldump.SourceUnreadable):
        smalldump.write(dump.with_name("nowhere.dmp"), into=minidump)
    with pytest.raises(smalldump.NotADump):
        smalldump.write(Path(__file__), into=minidump)
    for place in ({"into": minidump / "nowhere"}, {"to": minidump / "nowhere" / "x.dmp"}, {"reserve": minidump}):
        with pytest.raises(smalldump.StoreError):
            smalldump.write(dump, **place)  # type: ignore[arg-type]
    for name in ("", ".", "..", "x\0.dmp", "x" * 300):
        with pytest.raises(smalldump.StoreError):
            smalldump.write(dump, to=minidump / name)
    assert contents(minidump) == {}


def test_the_contributor_of_the_guide(dump: Path, minidump: Path) -> None:
    guide = (Path(__file__).parent.parent / "docs" / "writing.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```python\n(\"\"\"acme_dumps.*?)^```$", guide, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(example, "acme_dumps.py", "exec"), names)
    written = smalldump.write(dump, into=minidump, contributors=[names["Wobble"]()])
    assert written.failures == ()
    with smalldump.open(written.path) as machine:
        (note,) = (bytes(blob.data) for blob in machine.blobs if blob.guid == names["TAG"])
        assert note.startswith(b"wobblefs at 0xfffff804")
        assert not isinstance(machine.registers, Absent)
        assert machine.memory.try_read(machine.registers.pc, 16)


def test_every_argument_is_explained() -> None:
    explained = smalldump.write.__doc__ or ""
    assert [name for name in inspect.signature(smalldump.write).parameters if f" {name}: " not in explained] == []


def test_the_public_names_are_few_and_there() -> None:
    assert len(smalldump.__all__) <= 25
    assert all(getattr(smalldump, name) is not None for name in smalldump.__all__)
    assert "SnapshotBuilder" in smalldump.__all__
