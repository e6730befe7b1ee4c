"""What file systems promise."""

from __future__ import annotations

from pathlib import Path

import pytest

from smalldump.minidumps import promise, promise_of
from smalldump.model import Absent

MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:30 / /var/crash rw - btrfs /dev/vdb rw
24 22 0:31 / /var/crash\\040dumps rw - zfs pool/dumps rw
25 22 0:32 / /var/crashes rw - overlay overlay rw
26 22 0:33 / /mnt/disk rw - tmpfs tmpfs rw
27 22 0:34 / /mnt/disk rw - fuse.sshfs host: rw
broken line
28 22 0:35 / /mnt/new rw - newfs /dev/vdc rw
"""


@pytest.fixture
def mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with many file systems."""
    table = tmp_path / "mountinfo"
    table.write_text(MOUNTS)
    monkeypatch.setattr(promise, "_MOUNTS", table)


@pytest.mark.usefixtures("mounts")
@pytest.mark.parametrize(
    ("path", "kind", "keeps"),
    [
        ("/var/dumps", "ext4", True),
        ("/var/crash/Minidump", "btrfs", False),
        ("/var/crash", "btrfs", False),
        ("/var/crash dumps/x", "zfs", False),
        ("/var/crashes/x", "overlay", Absent.UNSUPPORTED),
        ("/mnt/disk/x", "fuse.sshfs", Absent.UNSUPPORTED),
        ("/mnt/new/x", "newfs", Absent.UNSUPPORTED),
    ],
)
def test_by_the_deepest_mount(path: str, kind: str, keeps: bool | Absent) -> None:
    found = promise_of(Path(path))
    assert (found.file_system, found.keeps) == (kind, keeps)
    assert found.words


@pytest.mark.usefixtures("mounts")
@pytest.mark.parametrize(
    ("path", "flags", "keeps"),
    [("/var/crash/x", 0x00800000, True), ("/var/crash/x", 0x00800004, False), ("/x", 0x4, False)],
)
def test_attributes_of_the_file_count(path: str, flags: int, keeps: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promise, "_flags", lambda path: flags)
    assert promise_of(Path(path)).keeps is keeps


def test_where_the_system_does_not_tell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(promise, "_MOUNTS", tmp_path / "nowhere")
    assert promise_of(tmp_path).keeps is Absent.UNSUPPORTED


def test_a_real_disk(small_disk: Path) -> None:
    found = promise_of(small_disk)
    assert (found.file_system, found.keeps) == ("tmpfs", True)
    assert "forgets everything" in found.words
