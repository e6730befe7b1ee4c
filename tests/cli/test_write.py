"""`write`: where dumps go, what is told of them, and that nothing is ever lost for them."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import smalldump
from smalldump.collect import Failure
from smalldump.layout.triage import TriageDump64
from smalldump.minidumps import Reserve, parse_name
from smalldump.model import Absent, Snapshot
from smalldump.model.requests import Contribution, RangeRequest
from tests.cli.conftest import Run
from tests.minidumps.disks import contents
from tests.minidumps.test_full_disk import fill_up
from tests.synth import x86_dump

NOT_THERE = "ffffe50a`77777000"


@pytest.fixture
def minidump(tmp_path: Path) -> Path:
    """An empty Minidump folder."""
    made = tmp_path / "Minidump"
    made.mkdir()
    return made


def only_file(folder: Path) -> Path:
    """The one file of a folder."""
    (path,) = folder.iterdir()
    return path


def test_into_a_folder_under_the_name_of_windows(run: Run, dump: Path, minidump: Path) -> None:
    code, out, err = run("write", dump, "-o", minidump)
    saved = only_file(minidump)
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == f"{saved}: small memory dump, x64, modern, {saved.stat().st_size:,} bytes"
    assert re.search(
        r"^Holds     [\d,]+ bytes of stack, \d+ drivers, \d+ unloaded drivers, \d+ blocks of ", out, re.MULTILINE
    )
    assert "\nDate      UTC, since the machine's time zone is not known\n" in out
    assert smalldump.check(saved).state.value == "whole"
    name = parse_name(saved.name)
    assert name
    assert name.day.isoformat() == "2026-11-22"


def test_each_write_gets_a_name_of_its_own_and_the_same_bytes(run: Run, dump: Path, minidump: Path) -> None:
    for _ in range(3):
        assert run("write", dump, "--output", minidump).code == 0
    saved = contents(minidump)
    assert len(saved) == 3
    assert len(set(saved.values())) == 1


def test_a_32_bit_machine_gets_64_kilobytes(run: Run, tmp_path: Path) -> None:
    source, new = x86_dump().save(tmp_path, "source.dmp"), tmp_path / "new.dmp"
    code, out, _ = run("write", source, "-o", new)
    assert code == 0
    assert out.startswith(f"{new}: small memory dump, x86, classic, 65,536 bytes\n")
    assert "Date" not in out
    assert new.stat().st_size == 65_536


@pytest.mark.parametrize("size", ["128K", "131072", "0x20000"])
def test_the_size_is_kept_exactly(run: Run, dump: Path, tmp_path: Path, size: str) -> None:
    assert run("write", dump, "-o", tmp_path / "new.dmp", "--size", size).code == 0
    assert (tmp_path / "new.dmp").stat().st_size == 131_072


def test_what_is_dropped_is_named_with_its_reason(run: Run, dump: Path, tmp_path: Path) -> None:
    whole = json.loads(run("write", dump, "--plan", "--format", "json").out)
    assert whole["dropped"] == []
    out = run("write", dump, "-o", tmp_path / "new.dmp", "--profile", "classic").out
    told = json.loads(run("write", dump, "--plan", "--profile", "classic", "--format", "json").out)["dropped"]
    lines = out.partition("\nDropped   ")[2].splitlines()
    assert len(lines) == len(told) > 0
    for line, each in zip(lines, told, strict=True):
        assert line.strip() == f"{each['what']}, {each['saved']:,} bytes: {each['why']}"


def test_too_small_a_size_is_wrong_usage_and_says_what_would_do(run: Run, dump: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.dmp"
    code, out, err = run("write", dump, "-o", new, "--size", "12K")
    assert (code, out, new.exists()) == (2, "", False)
    found = re.search(r"needs at least ([\d,]+) bytes, 12,288 are allowed", err)
    assert found
    assert run("write", dump, "-o", new, "--size", found[1].replace(",", "")).code == 0


def test_the_plan_writes_nothing(run: Run, dump: Path, minidump: Path) -> None:
    code, out, err = run("write", dump, "--plan", "-o", minidump)
    assert (code, err) == (0, "")
    assert contents(minidump) == {}
    lines = out.splitlines()
    assert lines[0].split() == ["offset", "bytes", "piece", "detail"]
    assert lines[2].startswith("00000000  ")
    assert any(line.endswith(" bytes; nothing was written") for line in lines)


def test_the_plan_is_what_is_written(run: Run, dump: Path, tmp_path: Path) -> None:
    plan = json.loads(run("write", dump, "--plan", "--format", "json").out)
    written = json.loads(run("write", dump, "-o", tmp_path / "new.dmp", "--format", "json").out)
    data = (tmp_path / "new.dmp").read_bytes()
    assert plan.items() <= written.items()
    assert (written["path"], written["size"]) == (str(tmp_path / "new.dmp"), len(data))
    assert written["exclusive_by"] == "link"
    assert (written["date_source"], written["slots_left"]) == (None, None)
    places = {piece["name"]: int(piece["offset"], 16) for piece in plan["pieces"]}
    header = TriageDump64(memoryview(data)[0x2000:])
    assert places["call stack"] == header.call_stack_offset
    assert places["driver list"] == header.driver_list_offset
    assert data[places["marker"] :][:4] == b"TRGD"


@pytest.mark.parametrize("taken", ["new.dmp", "112226-1-01.dmp"])
def test_nothing_is_overwritten(run: Run, dump: Path, tmp_path: Path, taken: str) -> None:
    there = tmp_path / taken
    there.write_bytes(b"precious")
    code, out, err = run("write", dump, "-o", there)
    assert (code, out) == (5, "")
    assert err == f"smalldump: {there}: is there already, and nothing is overwritten\n"
    assert there.read_bytes() == b"precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([dump.name, taken])


def test_not_over_the_source_itself(run: Run, dump: Path) -> None:
    before = dump.read_bytes()
    assert run("write", dump, "-o", dump).code == 5
    assert dump.read_bytes() == before


@pytest.mark.parametrize("output", ["nowhere", "nowhere/", "nowhere/new.dmp", ".dmp"])
def test_folders_must_be_there(run: Run, dump: Path, tmp_path: Path, output: str) -> None:
    code, out, err = run("write", dump, "-o", f"{tmp_path}/{output}")
    assert (code, out) == (5, "")
    assert err.startswith(f"smalldump: {tmp_path}/")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == [dump]


def test_pages_that_are_asked_for(run: Run, dump: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.dmp"
    machine = smalldump.open(dump)
    registers = machine.registers
    assert not isinstance(registers, Absent)
    arguments = ("--page", f"{registers.pc:#x}+8", "--page", NOT_THERE)
    code, out, _ = run("write", dump, "-o", new, "--size", "64K", *arguments)
    assert code == 0
    assert out.endswith(f"\nMissing   {NOT_THERE}, 4,096 bytes: not in the source\n")
    with smalldump.open(new) as written:
        assert written.memory.read(registers.pc, 8) == machine.memory.read(registers.pc, 8)


def least_size(run: Run, dump: Path, *arguments: str) -> str:
    """The smallest size that does."""
    needed = re.search(r"at least ([\d,]+) bytes", run("write", dump, "--plan", "--size", "12K", *arguments).err)
    assert needed
    return needed[1].replace(",", "")


def test_a_page_that_has_to_go_is_named(run: Run, dump: Path, tmp_path: Path) -> None:
    least = least_size(run, dump)
    assert run("write", dump, "-o", tmp_path / "least.dmp", "--size", least).code == 0
    with smalldump.open(dump) as machine, smalldump.open(tmp_path / "least.dmp") as small:
        gone = (each for each in machine.data_blocks if each.address not in small.memory)
        block = next(
            each for each in gone if small.memory.next_readable(each.address, each.address + each.size) is None
        )
    page = ("--page", f"{block.address:x}+{block.size:#x}")
    told = json.loads(run("write", dump, "--plan", "--size", least, "--format", "json", *page).out)["missing"]
    assert told == [{"address": f"{block.address:#x}", "size": block.size, "why": "given up"}]


@pytest.mark.parametrize(
    ("option", "level"), [("--scrub", "facts"), ("--scrub=facts", "facts"), ("--scrub=stack", "stack")]
)
def test_scrubbing(run: Run, dump: Path, tmp_path: Path, option: str, level: str) -> None:
    new = tmp_path / "new.dmp"
    code, out, err = run("write", option, dump, "-o", new)
    assert (code, err) == (0, "")
    assert out.splitlines()[0].endswith(f" bytes, scrubbed to {level}")
    assert re.search(r"^Scrubbed  .*: [\d,]+ bytes taken out$", out, re.MULTILINE)
    told = json.loads(run("write", dump, option, "--plan", "--format", "json").out)["scrub"]
    assert told["level"] == level
    assert all(f": {size:,} bytes taken out\n" in out for size in told["withheld"].values())
    assert told["kept"]["driver_names"] > 0
    assert b"Meadowlark" in dump.read_bytes()
    assert (b"Meadowlark" in new.read_bytes()) == (level == "stack")


def test_a_page_that_scrubbing_takes_out(run: Run, dump: Path) -> None:
    with smalldump.open(dump) as machine:
        block = max(machine.data_blocks, key=lambda each: each.size)
    page = ("--page", f"{block.address:x}+{block.size:#x}")
    told = json.loads(run("write", dump, "--plan", "--scrub", "--format", "json", *page).out)["missing"]
    assert {each["why"] for each in told} == {"taken out by scrubbing"}


def test_addresses_of_32_bit_machines_may_be_sign_extended(run: Run, tmp_path: Path) -> None:
    source = x86_dump().save(tmp_path, "x.dmp")
    told = run("write", source, "--plan", "--page", "ffffffff`80001234", "--format", "json").out
    assert [each["address"] for each in json.loads(told)["missing"]] == ["0x80001000"]


@pytest.mark.parametrize(
    ("zone", "day"),
    [("-08:00", "112126"), ("America/Los_Angeles", "112126"), ("Asia/Tokyo", "112226"), ("Z", "112226")],
)
def test_the_date_follows_the_time_zone(run: Run, dump: Path, minidump: Path, zone: str, day: str) -> None:
    out = run("write", dump, "-o", minidump, "--timezone", zone).out
    assert only_file(minidump).name.startswith(f"{day}-")
    assert "\nDate      the time zone asked for\n" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "say where the dump goes"),
        (["-o", ""], "say where the dump goes"),
        (["-o", "x.dmp", "--reserve", "y"], "one place"),
        (["-o", "x.dmp", "--size", "64Q"], "no size: '64Q'"),
        (["-o", "x.dmp", "--size", "0"], "no size of a small memory dump"),
        (["-o", "x.dmp", "--size", "65M"], "no size of a small memory dump"),
        (["-o", "x.dmp", "--page", "nt"], "no address: 'nt'"),
        (["-o", "x.dmp", "--page", "1000+0"], "no range"),
        (["-o", "x.dmp", "--profile", "huge"], "'huge'"),
        (["-o", "x.dmp", "--timezone", "Mars/Olympus"], "no time zone: 'Mars/Olympus'"),
        (["-o", "x.dmp", "--timezone", "\x1b[2J"], r"\x1b[2J"),
        (["-o", "x.dmp", "--scrub=lightly"], "no level of scrubbing: 'lightly' (there are facts and stack)"),
        (["-o", "x.dmp", "--scrub", "stack"], "stack"),
        (["-o", "x.dmp", "--format", "xml"], "'xml'"),
        (["second"], "second"),
    ],
)
def test_wrong_usage(run: Run, dump: Path, arguments: list[str], words: str) -> None:
    code, out, err = run("write", dump, *arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1
    assert "\x1b" not in err


def test_no_dump(run: Run, tmp_path: Path) -> None:
    other = tmp_path / "x.dmp"
    other.write_bytes(b"nothing of the kind")
    for source in (other, tmp_path / "nowhere.dmp"):
        code, out, err = run("write", source, "-o", tmp_path / "new.dmp")
        assert (code, out) == (3, "")
        assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == [other]


def test_a_damaged_source_gives_what_is_readable_and_says_so(run: Run, damaged: Path, tmp_path: Path) -> None:
    code, out, err = run("write", damaged, "-o", tmp_path / "new.dmp")
    assert code == 4
    assert out.startswith(f"{tmp_path / 'new.dmp'}: small memory dump")
    assert err == f"smalldump: {damaged}: damaged (smalldump check says how); the new dump holds what is readable\n"
    assert smalldump.check(tmp_path / "new.dmp").state.value == "whole"


def test_standard_input_and_archives(run: Run, dump: Path, minidump: Path) -> None:
    assert run("write", "-", "-o", minidump / "a.dmp", stdin=dump.read_bytes()).code == 0
    assert run("write", dump, "-o", minidump / "b.dmp").code == 0
    assert len(set(contents(minidump).values())) == 1


def test_names_cannot_command_the_terminal(run: Run, dump: Path, tmp_path: Path) -> None:
    code, out, _ = run("write", dump, "-o", f"{tmp_path}/a\x1b[2J\u202e\n.dmp")
    assert code == 0
    assert out.startswith(f"{tmp_path}/a\\x1b[2J\\u202e\\n.dmp: small memory dump")


class Acme:
    """A contributor with a page that is there, one that is not, and a name."""

    name = "acme"

    def contribute(self, machine: Snapshot) -> Contribution:
        registers = machine.registers
        assert not isinstance(registers, Absent)
        return Contribution([RangeRequest(registers.pc, 16, "what\x1b[2J failed")])


class Broken:
    """A contributor with mistakes."""

    name = "bro\u202eken"

    def contribute(self, machine: Snapshot) -> Contribution:
        raise ZeroDivisionError("one\x1b[2J\nover none")


def test_contributors_that_fail_cost_only_their_part(
    run: Run, dump: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def installed() -> Iterator[object]:
        yield from (Acme(), Broken(), Failure("gone\x07", "ModuleNotFoundError: gone"))

    monkeypatch.setattr("smalldump.cli.write.installed_contributors", installed)
    code, out, err = run("write", dump, "-o", tmp_path / "new.dmp", COLUMNS="200")
    assert (code, err) == (0, "")
    assert r"contributor gone\x07: ModuleNotFoundError: gone" in out
    assert r"contributor bro\u202eken: ZeroDivisionError: one\x1b[2J\nover none" in out
    assert not set(out) & {"\x1b", "\u202e", "\x07"}
    failures = json.loads(run("write", dump, "--plan", "--format", "json").out)["failures"]
    assert [each["name"] for each in failures] == ["bro\u202eken", "gone\x07"]
    assert smalldump.check(tmp_path / "new.dmp").state.value == "whole"


def test_one_of_a_kind_is_told_as_one(run: Run, tmp_path: Path) -> None:
    example = Path(__file__).parents[2] / "examples" / "030924-11375-01.dmp"
    out = run("write", example, "-o", tmp_path).out
    assert "\nHolds     1,816 bytes of stack, 67 drivers, 1 unloaded driver, 18 blocks of memory, 4 blobs\n" in out


def test_into_the_reserve(run: Run, dump: Path, minidump: Path) -> None:
    Reserve(minidump).make(0x40000, slots=2)
    code, out, err = run("write", dump, "--reserve", minidump)
    assert (code, err) == (0, "")
    assert out.startswith(f"{minidump / 'smalldump-1.reserve'}: small memory dump, x64, modern, ")
    assert "1 slot is left" in " ".join(out.split())
    told = json.loads(run("write", dump, "--reserve", minidump, "--format", "json").out)
    assert (told["path"], told["slots_left"]) == (str(minidump / "smalldump-2.reserve"), 0)
    assert (told["exclusive_by"], told["directory_flushed"], told["date_source"]) == (None, None, None)
    before = contents(minidump)
    code, out, err = run("write", dump, "--reserve", minidump)
    assert (code, out) == (5, "")
    assert "no slot of the reserve is empty" in err
    assert contents(minidump) == before


def test_where_there_is_no_reserve(run: Run, dump: Path, minidump: Path) -> None:
    code, out, err = run("write", dump, "--reserve", minidump)
    assert (code, out) == (5, "")
    assert "there is no reserve here" in err


def test_a_full_disk(run: Run, dump: Path, small_disk: Path) -> None:
    assert run("reserve", small_disk, "--size", "256K", "--slots", "1").code == 0
    assert run("write", dump, "-o", small_disk).code == 0
    everything = fill_up(small_disk)
    before = contents(small_disk)
    for output in (small_disk, small_disk / "new.dmp"):
        code, out, err = run("write", dump, "-o", output)
        assert (code, out) == (5, "")
        assert "No space left on device" in err
        assert contents(small_disk) == before
    assert run("write", dump, "--reserve", small_disk).code == 0
    code, out, err = run("recover", small_disk)
    assert (code, err) == (0, "")
    assert "was saved already" in out  # so nothing had to be written
    everything.unlink()
    assert run("write", dump, "-o", small_disk / "new.dmp").code == 0


def test_a_read_only_folder(run: Run, dump: Path, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for output in (small_disk, small_disk / "new.dmp"):
        code, out, err = run("write", dump, "-o", output)
        assert (code, out) == (5, "")
        assert "Read-only file system" in err
    assert run("write", dump, "--plan", "-o", small_disk).code == 0


def test_in_a_process_of_its_own(start: Run, dump: Path, minidump: Path) -> None:
    code, out, err = start("write", dump, "-o", minidump, "--size", "64K")
    assert (code, err) == (0, "")
    assert only_file(minidump).stat().st_size == 65_536
    assert out.startswith(str(only_file(minidump)))
    assert start("analyze", only_file(minidump), "--format", "json").code == 0
    assert start("write", dump, "-o", only_file(minidump)).code == 5
