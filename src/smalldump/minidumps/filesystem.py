"""The system calls by which dumps are kept: one place, so that a test can let each of them fail.

Whatever they raise is an `OSError`; `told` turns it into a `StoreError` at the room's edge.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from smalldump.errors import StoreError
from smalldump.layout.record import Buffer

__all__ = ["FS_COMPR_FL", "FS_IOC_GETFLAGS", "FS_NOCOW_FL", "FileSystem", "told"]

_FLAGS = getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_OWNER_ONLY = 0o600  # a dump holds the memory of a kernel
_CHUNK = 1 << 20

# linux/fs.h; the numbers say 8 bytes, the kernel takes 4
FS_IOC_GETFLAGS, _FS_IOC_SETFLAGS = 0x80086601, 0x40086602
FS_COMPR_FL, FS_NOCOW_FL = 0x00000004, 0x00800000


class FileSystem:
    """The disk, as far as saving and reserving need it."""

    def create(self, path: Path) -> int:
        """Open a new file, readable by its owner only; FileExistsError where the name is taken."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _FLAGS, _OWNER_ONLY)

    def open(self, path: Path) -> int:
        """Open a file that is there, for reading and writing in place; links are not followed."""
        return os.open(path, os.O_RDWR | _FLAGS)

    def open_to_read(self, path: Path) -> int:
        """Open a file that is there, for reading only; links are not followed."""
        return os.open(path, os.O_RDONLY | _FLAGS)

    def close(self, descriptor: int) -> None:
        """Let go of a file, and of the lock on it."""
        os.close(descriptor)

    def overwrite_in_place(self, descriptor: int) -> None:
        """Ask btrfs to overwrite this new, empty file in place (`chattr +C`); others do not know the attribute."""
        if sys.platform == "linux":
            import fcntl

            with suppress(OSError):
                flags = bytearray(fcntl.ioctl(descriptor, FS_IOC_GETFLAGS, bytes(8)))
                word = int.from_bytes(flags[:4], sys.byteorder) | FS_NOCOW_FL
                fcntl.ioctl(descriptor, _FS_IOC_SETFLAGS, word.to_bytes(4, sys.byteorder) + bytes(4))

    def allocate(self, descriptor: int, size: int) -> None:
        """Take the space of `size` bytes, where the system has a call for it; writing them makes it sure."""
        if sys.platform != "win32" and hasattr(os, "posix_fallocate"):
            os.posix_fallocate(descriptor, 0, size)

    def write(self, descriptor: int, data: Buffer, offset: int = 0) -> None:
        """Write all of `data` at an offset."""
        os.lseek(descriptor, offset, os.SEEK_SET)
        view = memoryview(data).cast("B")
        while view:
            view = view[self.write_some(descriptor, view[:_CHUNK]) :]

    def write_some(self, descriptor: int, data: Buffer) -> int:
        """Write a beginning of `data` where the file stands; gives the number of bytes."""
        return os.write(descriptor, data)

    def read(self, descriptor: int, size: int, offset: int = 0) -> bytes:
        """Read `size` bytes at an offset; fewer at the end of the file."""
        os.lseek(descriptor, offset, os.SEEK_SET)
        pieces = []
        while size and (piece := os.read(descriptor, min(size, _CHUNK))):
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def flush(self, descriptor: int) -> None:
        """Wait until the file's bytes are on the disk."""
        if sys.platform == "darwin":
            import fcntl

            # fsync of macOS leaves the bytes in the drive's cache.
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        else:
            os.fsync(descriptor)

    def flush_directory(self, path: Path) -> bool:
        """Wait until the directory's names are on the disk; False where the system has no such call."""
        if sys.platform == "win32":
            return False
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
                raise
            return False
        finally:
            os.close(descriptor)
        return True

    def link(self, old: Path, new: Path) -> None:
        """Give a file a second name; FileExistsError where that is taken."""
        if sys.platform == "win32":
            raise OSError(errno.ENOSYS, "rename refuses by itself")
        os.link(old, new)

    def rename_refusing(self, old: Path, new: Path) -> None:
        """Rename a file; FileExistsError where the new name is taken, ENOSYS where no call does that."""
        if sys.platform == "win32":
            os.rename(old, new)
        elif sys.platform == "darwin":
            _call("renamex_np", os.fsencode(old), os.fsencode(new), ctypes.c_uint(0x4))  # RENAME_EXCL
        else:
            here = -100  # AT_FDCWD
            _call("renameat2", here, os.fsencode(old), here, os.fsencode(new), ctypes.c_uint(1))  # RENAME_NOREPLACE

    def rename(self, old: Path, new: Path) -> None:
        """Rename a file over whatever has the new name."""
        os.replace(old, new)

    def remove(self, path: Path) -> None:
        """Take a name away."""
        os.unlink(path)

    def size(self, descriptor: int) -> int:
        """Bytes of a file."""
        return os.fstat(descriptor).st_size

    def lock(self, descriptor: int, wait: bool = False) -> bool:
        """Lock a file against other users of the reserve until it is closed; False where another one has it."""
        try:
            if sys.platform == "win32":
                import msvcrt

                os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
                msvcrt.locking(descriptor, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES, errno.EDEADLK):
                raise
            return False
        return True


_LOCKED_BYTE = 0x7FFF0000  # behind the end of any slot: Windows lets nobody else read a locked byte


def _call(name: str, *arguments: object) -> None:
    function = getattr(ctypes.CDLL(None, use_errno=True), name, None)
    if function is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@contextmanager
def told(path: Path, doing: str) -> Iterator[None]:
    """Turn an `OSError` inside into a StoreError that says what could not be done, and where."""
    try:
        yield
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise StoreError(os.fspath(path), f"{doing}: {reason}") from error
