"""Where a guest's memory lies, by what QEMU tells."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from smalldump.capture.guest_layout import BackingFile, GuestRange, backing_files, guest_ranges, host_address
from smalldump.errors import CommandRefused
from tests.capture.scripted import ScriptedQemu, scripted
from tests.capture.test_monitor import in_session

ABOVE_4_GB = """FlatView #0
 AS "I/O", root: io
 Root memory region: io
  0000000000000000-0000000000000007 (prio 0, ram): not this one

FlatView #1
 AS "cpu-smm-0", root: memory
 Root memory region: memory
  0000000000000000-000000000001ffff (prio 0, ram): nor this one

FlatView #2
 AS "memory", root: system
 AS "cpu-memory-0", root: system
 Root memory region: system
  0000000000000000-00000000000bffff (prio 0, ram): pc.ram KVM
  00000000000c0000-00000000000dffff (prio 1, rom): pc.rom KVM
  00000000000e0000-000000000000ffff (prio 0, rom): pc.bios
  0000000000100000-000000007fffffff (prio 0, ram): pc.ram @0000000000100000 KVM
  00000000fee00000-00000000feefffff (prio 4096, i/o): apic-msi
  0000000100000000-000000027fffffff (prio 0, ram): pc.ram @0000000080000000 KVM
  0000000400000000-000000043fffffff (prio -1, ram): /objects/dimm0

"""


@pytest.fixture
def qemu(tmp_path: Path) -> Iterator[ScriptedQemu]:
    with scripted(tmp_path / "guest.qmp") as server:
        yield server


def test_holes_and_offsets(qemu: ScriptedQemu) -> None:
    qemu.answers["human-monitor-command"] = ABOVE_4_GB
    assert in_session(qemu, guest_ranges) == (
        GuestRange(0, 0xC0000, "pc.ram", 0),
        GuestRange(0x100000, 0x80000000, "pc.ram", 0x100000),
        GuestRange(0x100000000, 0x280000000, "pc.ram", 0x80000000),
        GuestRange(0x400000000, 0x440000000, "/objects/dimm0", 0),
    )


VIEW = 'FlatView #0\n AS "memory", root: system\n'
LINE = "  {:016x}-{:016x} (prio 0, ram): ram\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no range of memory"),
        ("unknown command: 'info mtree'\r\n", "no range of memory"),
        (VIEW, "no range of memory"),
        (VIEW + LINE.format(0x2000, 0x2FFF) + LINE.format(0x1000, 0x1FFF), "make no sense"),
        (VIEW + LINE.format(0x2000, 0x1FFF), "make no sense"),
        (VIEW + LINE.format(0, (1 << 63) - 1), "make no sense"),
        (VIEW + "".join(LINE.format(n << 12, (n << 12) + 0xFFF) for n in range(300)), "make no sense"),
    ],
)
def test_words_that_make_no_sense(qemu: ScriptedQemu, text: str, why: str) -> None:
    qemu.answers["human-monitor-command"] = text
    with pytest.raises(CommandRefused, match=why):
        in_session(qemu, guest_ranges)


def properties(**values: object) -> object:
    def answer(arguments: dict[str, str]) -> object:
        name = arguments["property"]
        return values.get(name, {"error": {"class": "GenericError", "desc": f"Property '{name}' not found"}})

    return answer


def test_backing_files(qemu: ScriptedQemu) -> None:
    qemu.answers["query-memdev"] = [{"id": "ram", "size": 1}]
    qemu.answers["qom-get"] = properties(**{"mem-path": "/dev/shm/ram", "share": True, "offset": 0x1000})
    assert in_session(qemu, backing_files) == (BackingFile("ram", Path("/dev/shm/ram"), 0x1000, True),)
    assert qemu.asked[-1][1]["path"] == "/objects/ram"


def test_an_older_qemu_tells_no_offset(qemu: ScriptedQemu) -> None:
    qemu.answers["query-memdev"] = [{"id": "ram"}]
    qemu.answers["qom-get"] = properties(**{"mem-path": "/dev/shm/ram", "share": False})
    assert in_session(qemu, backing_files) == (BackingFile("ram", Path("/dev/shm/ram"), 0, False),)


@pytest.mark.parametrize("answer", [None, "text", [], [{"id": 3}], [None], [{}], [{"id": "anonymous"}]])
def test_no_backing_files(qemu: ScriptedQemu, answer: object) -> None:
    qemu.answers["query-memdev"] = answer
    qemu.answers["qom-get"] = properties()
    assert in_session(qemu, backing_files) == ()


def test_where_qemu_has_a_byte(qemu: ScriptedQemu) -> None:
    qemu.answers["human-monitor-command"] = "Host virtual address for 0x1000 (pc.ram) is 0x7f1b9c001000\r\n"
    assert in_session(qemu, lambda monitor: host_address(monitor, 0x1000)) == 0x7F1B9C001000
    assert qemu.asked[-1][1] == {"command-line": "gpa2hva 0x1000"}


@pytest.mark.parametrize("text", ["No memory is mapped at address 0x1000\r\n", "", "is 0x1"])
def test_where_it_has_none(qemu: ScriptedQemu, text: str) -> None:
    qemu.answers["human-monitor-command"] = text
    with pytest.raises(CommandRefused, match="gpa2hva"):
        in_session(qemu, lambda monitor: host_address(monitor, 0x1000))
