"""`recover`: dumps from the reserve and from page files, any number of times."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from smalldump.minidumps import Reserve, SlotState
from smalldump.minidumps.filesystem import FileSystem
from smalldump.minidumps.slot import DATA_OFFSET, opened_slot
from tests.cli.conftest import Run
from tests.minidumps.disks import contents
from tests.minidumps.test_full_disk import fill_up
from tests.synth import kernel_written_dump, x64_dump, x86_dump

FIRST, SECOND = "smalldump-1.reserve", "smalldump-2.reserve"


@pytest.fixture
def minidump(tmp_path: Path) -> Path:
    """A Minidump folder with a reserve of two empty slots."""
    folder = tmp_path / "Minidump"
    folder.mkdir()
    Reserve(folder).make(0x40000, slots=2)
    return folder


def dumps(folder: Path) -> dict[str, bytes]:
    """What was recovered."""
    return {name: data for name, data in contents(folder).items() if not name.endswith(".reserve")}


def states(folder: Path) -> list[SlotState]:
    """What the slots are good for."""
    return [slot.status.state for slot in Reserve(folder).slots()]


def test_there_and_back(run: Run, dump: Path, minidump: Path, tmp_path: Path) -> None:
    assert run("write", dump, "-o", tmp_path / "same.dmp").code == 0
    assert run("write", dump, "--reserve", minidump).code == 0
    code, out, err = run("recover", minidump)
    assert (code, err) == (0, "")
    ((name, data),) = dumps(minidump).items()
    assert data == (tmp_path / "same.dmp").read_bytes()
    known = "UTC, since the machine's time zone is not known"
    assert out == f"{FIRST}: saved as {minidump / name}, {len(data):,} bytes (date: {known})\n"
    assert states(minidump) == [SlotState.EMPTY, SlotState.EMPTY]
    before = contents(minidump)
    assert run("recover", minidump) == (0, f"{minidump}: no dump waits in the reserve (2 empty slots)\n", "")
    assert contents(minidump) == before


def test_the_first_crash_comes_first(run: Run, minidump: Path) -> None:
    for dump in (x64_dump(), x86_dump()):
        Reserve(minidump).fill(dump.bytes)
    told = json.loads(run("recover", minidump, "--timezone", "-08:00", "--format", "json").out)
    assert [(row["source"], row["outcome"], row["size"]) for row in told] == [
        (str(minidump / FIRST), "saved", len(x64_dump())),
        (str(minidump / SECOND), "saved", len(x86_dump())),
    ]
    assert [Path(row["path"]).name[:10] for row in told] == ["112126-" + Path(told[0]["path"]).name[7:10], "Mini041408"]
    assert {row["date_source"] for row in told} == {"asked"}
    assert {Path(row["path"]).read_bytes() for row in told} == {x64_dump().bytes, x86_dump().bytes}
    assert run("recover", minidump, "--format", "json").out == "[]\n"


def test_a_dump_that_was_cut_off_is_kept_aside(run: Run, minidump: Path) -> None:
    with opened_slot(minidump / FIRST, FileSystem()) as slot:
        assert slot
        slot.fill(x64_dump().bytes, 1)
        slot._enter(replace(slot.status, state=SlotState.FILLING))
    with (minidump / FIRST).open("r+b") as file:
        file.seek(DATA_OFFSET + 0x9000)
        file.write(bytes(len(x64_dump()) - 0x9000))
    code, out, err = run("recover", minidump)
    assert (code, err) == (4, "")
    ((name, data),) = dumps(minidump).items()
    assert out == f"{FIRST}: its writing was cut off half way; what there is was kept as {minidump / name}\n"
    assert name.endswith(".cut")
    assert data[:0x9000] == x64_dump().bytes[:0x9000]


def test_a_slot_of_zeros(run: Run, minidump: Path) -> None:
    Reserve(minidump).fill(x64_dump().bytes)
    with (minidump / FIRST).open("r+b") as file:
        file.seek(DATA_OFFSET)
        file.write(bytes(len(x64_dump())))
    code, out, err = run("recover", minidump)
    assert (code, err) == (4, "")
    assert out == f"{FIRST}: damaged since it was written; there is nothing but zeros\n"
    assert states(minidump) == [SlotState.EMPTY, SlotState.EMPTY]


def test_a_damaged_slot_stays(run: Run, minidump: Path) -> None:
    (minidump / FIRST).write_bytes(b"overwritten by somebody")
    code, out, err = run("recover", minidump)
    assert (code, err) == (4, "")
    assert out == f"{FIRST}: damaged since it was written; the slot is left as it is (remove it, and reserve again)\n"
    assert contents(minidump)[FIRST] == b"overwritten by somebody"


def test_a_slot_in_use_keeps_its_dump(run: Run, minidump: Path) -> None:
    Reserve(minidump).fill(x64_dump().bytes)
    with opened_slot(minidump / FIRST, FileSystem()):
        code, out, err = run("recover", minidump)
    assert (code, err) == (5, "")
    assert out == f"{FIRST}: another process is at it; its dump stays there\n"
    assert dumps(minidump) == {}
    assert run("recover", minidump).code == 0
    assert list(dumps(minidump).values()) == [x64_dump().bytes]


def test_a_full_disk_loses_nothing(run: Run, small_disk: Path) -> None:
    Reserve(small_disk).make(0x40000, slots=2)
    everything = fill_up(small_disk)
    Reserve(small_disk).fill(x64_dump().bytes)
    before = contents(small_disk)
    for form, told in (("text", ""), ("json", "[]\n")):
        code, out, err = run("recover", small_disk, "--format", form)
        assert (code, out) == (5, told)
        assert "No space left on device" in err
        assert f"nothing is lost, {FIRST} keeps its dump" in err
    assert contents(small_disk) == before
    everything.unlink()
    assert run("recover", small_disk).code == 0
    assert list(dumps(small_disk).values()) == [x64_dump().bytes]


def test_where_there_is_nothing(run: Run, tmp_path: Path) -> None:
    assert run("recover", tmp_path) == (0, f"{tmp_path}: there is no reserve here\n", "")
    code, out, err = run("recover", tmp_path / "nowhere")
    assert (code, out) == (5, "")
    assert "cannot list: No such file or directory" in err


def test_a_page_file(run: Run, minidump: Path, tmp_path: Path) -> None:
    dump = kernel_written_dump()
    page_file = tmp_path / "pagefile.sys"
    page_file.write_bytes(dump.bytes + b"old pages " * 0x8000)
    code, out, err = run("recover", minidump, "--pagefile", page_file)
    assert (code, err) == (0, "")
    ((name, data),) = dumps(minidump).items()
    assert data == dump.bytes
    assert out.startswith(f"pagefile.sys: saved as {minidump / name}, {len(dump):,} bytes (date: ")
    again = run("recover", minidump, "--pagefile", page_file)
    assert again == (0, f"pagefile.sys: was saved already as {minidump / name}\n", "")
    assert len(dumps(minidump)) == 1


def test_a_page_file_whose_dump_was_not_finished(run: Run, minidump: Path, tmp_path: Path) -> None:
    page_file = kernel_written_dump().patch("marker", 0).save(tmp_path, "pagefile.sys")
    code, out, _ = run("recover", minidump, "--pagefile", page_file)
    assert code == 4
    assert "pagefile.sys: its writing was cut off half way; what there is was kept as " in out


def test_a_page_file_without_a_dump(run: Run, minidump: Path, tmp_path: Path) -> None:
    (tmp_path / "pagefile.sys").write_bytes(bytes(0x10000))
    for name in ("pagefile.sys", "nowhere.sys"):
        code, out, err = run("recover", minidump, "--pagefile", tmp_path / name)
        assert (code, out) == (3, "")
        assert err.count("\n") == 1
    assert dumps(minidump) == {}


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["a", "--timezone", "25:00"], ["a", "--format", "jsonl"]])
def test_wrong_usage(run: Run, arguments: list[str]) -> None:
    code, out, err = run("recover", *arguments)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1


def test_in_a_process_of_its_own(start: Run, dump: Path, minidump: Path) -> None:
    assert start("write", dump, "--reserve", minidump).code == 0
    code, out, err = start("recover", minidump)
    assert (code, err) == (0, "")
    assert out.startswith(f"{FIRST}: saved as ")
    assert start("analyze", *(minidump / name for name in dumps(minidump))).code == 0
