"""Whether a file system keeps the reserve's promise: to overwrite bytes in place, without needing free space."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from smalldump.minidumps.filesystem import FS_COMPR_FL, FS_IOC_GETFLAGS, FS_NOCOW_FL
from smalldump.model import Absent

__all__ = ["Promise", "promise_of"]

_MOUNTS = Path("/proc/self/mountinfo")
_WINDOWS_COMPRESSED = 0x800  # FILE_ATTRIBUTE_COMPRESSED

_IN_PLACE = {"ext2", "ext3", "ext4", "xfs", "jfs", "vfat", "exfat", "ntfs", "ntfs3", "hfs", "hfsplus", "ufs"}
_ELSEWHERE = {
    "btrfs": "btrfs writes every change of this file to free space (copy-on-write); a slot that is made anew asks for"
    " the attribute +C, which forbids that",
    "bcachefs": "bcachefs writes every change to free space (copy-on-write)",
    "zfs": "ZFS writes every change to free space (copy-on-write)",
    "f2fs": "F2FS writes every change to a free segment (log-structured)",
    "nilfs2": "NILFS2 writes every change to a free segment (log-structured)",
    "ubifs": "UBIFS writes every change to free space and compresses (log-structured)",
    "jffs2": "JFFS2 writes every change to free space and compresses (log-structured)",
}
_UNKNOWN = {
    "overlay": "overlayfs leaves it to the file system of its upper layer",
    "nfs": "the server's file system decides",
    "nfs4": "the server's file system decides",
    "cifs": "the server's file system decides",
    "smb3": "the server's file system decides",
    "9p": "the host's file system decides",
    "virtiofs": "the host's file system decides",
    "fuse": "the program behind this FUSE file system decides",
    "fuseblk": "the program behind this FUSE file system decides",
}


@dataclass(frozen=True, slots=True)
class Promise:
    """What is known of a file system.

    Attributes:
        file_system: Its name as the system gives it: `ext4`, `btrfs`; Absent where the system was not asked.
        keeps: Whether a full reserve slot needs no free space; Absent where that cannot be known.
        words: Why, for people.
    """

    file_system: str | Absent
    keeps: bool | Absent
    words: str


def promise_of(path: Path) -> Promise:
    """What the file system under `path` (a slot, or a folder) promises.

    What lies below the file system is not seen: thin volumes, sparse disk images and the like may need free space of
    their own. Source: the file systems' manuals and linux/fs.h; filling a reserve on a full disk was tried on ext4,
    xfs, tmpfs, and btrfs with and without +C, and went as is said here.
    """
    if sys.platform == "win32":
        return _windows(path)
    if sys.platform == "darwin":
        words = "APFS overwrites in place only while no snapshot shares the file (Time Machine makes snapshots)"
        return Promise(Absent.UNSUPPORTED, Absent.UNSUPPORTED, words)
    kind = _mounted(path)
    if isinstance(kind, Absent):
        return Promise(kind, Absent.UNSUPPORTED, "this system does not tell which file system this is")
    return _of_kind(kind, _flags(path))


def _of_kind(kind: str, flags: int) -> Promise:
    if flags & FS_COMPR_FL:
        return Promise(kind, False, f"{kind} compresses this file: other bytes may need more space than these")
    if kind == "tmpfs":
        return Promise(kind, True, "tmpfs overwrites in place, but forgets everything when the system stops")
    if kind in _IN_PLACE:
        return Promise(kind, True, f"{kind} overwrites in place")
    if kind == "btrfs" and flags & FS_NOCOW_FL:
        return Promise(kind, True, "btrfs overwrites this file in place (+C), except while a snapshot shares it")
    if kind in _ELSEWHERE:
        return Promise(kind, False, _ELSEWHERE[kind])
    reason = _UNKNOWN.get(kind.partition(".")[0], "nothing is known of this file system")
    return Promise(kind, Absent.UNSUPPORTED, f"{kind}: {reason}")


def _mounted(path: Path) -> str | Absent:
    # A line: 36 35 98:0 /root /mount/point options - type source options; the deepest, then the last mount counts.
    try:
        wanted = os.fsencode(os.path.realpath(path))
        lines = _MOUNTS.read_bytes().splitlines()
    except OSError:
        return Absent.UNSUPPORTED
    best, kind = -1, b""
    for line in lines:
        left, _, right = line.partition(b" - ")
        fields, point = left.split(), b""
        if len(fields) > 4 and right:
            point = fields[4].replace(b"\\040", b" ").replace(b"\\011", b"\t").replace(b"\\134", b"\\")
        inside = point and (wanted + b"/").startswith(point.rstrip(b"/") + b"/")
        if inside and len(point) >= best:
            best, kind = len(point), right.split()[0]
    return kind.decode("ascii", "replace") if kind else Absent.UNSUPPORTED


def _flags(path: Path) -> int:
    if sys.platform == "win32":
        return 0
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return 0
    try:
        answer = fcntl.ioctl(descriptor, FS_IOC_GETFLAGS, bytes(8))
        return int.from_bytes(answer[:4], sys.byteorder)
    except OSError:  # a file system without such flags
        return 0
    finally:
        os.close(descriptor)


def _windows(path: Path) -> Promise:
    if sys.platform == "win32" and path.exists() and path.stat().st_file_attributes & _WINDOWS_COMPRESSED:
        return Promise(Absent.UNSUPPORTED, False, "compressed: other bytes may need more space than these")
    words = "NTFS overwrites in place, except where a shadow copy still needs the blocks; ReFS may write elsewhere"
    return Promise(Absent.UNSUPPORTED, Absent.UNSUPPORTED, words)
