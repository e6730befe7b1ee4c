"""Folders with images: searched deep, and no file taken for an image but by its PE header."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from smalldump.errors import FormatError, MemoryUnavailable
from smalldump.images.identity import image_key, safe_file_name
from smalldump.images.pe import PeImage

__all__ = ["FolderMatch", "ImageFolders", "image_path_folders"]

_HEAD = 0x1000
_USUAL = ("", "System32", "System32/drivers", "drivers", "Windows/System32", "Windows/System32/drivers")
_EXECUTABLE = re.compile(r"\.(?:sys|exe|dll|efi|drv|ocx|cpl|ax|scr|acm|com|bin|mui|node|pyd)$", re.IGNORECASE)
_MOST_FILES, _MOST_CANDIDATES, _DEEPEST = 1_000_000, 200, 64
# The kernel and the HAL bear the name of the variant that was installed, or the one that it was built under.
_KERNELS = ("ntoskrnl.exe", "ntkrnlmp.exe", "ntkrnlpa.exe", "ntkrpamp.exe")
_HALS = ("hal.dll", "halmacpi.dll", "halacpi.dll", "halaacpi.dll", "halmps.dll", "halapic.dll", "halx86.dll")
_CRASH_COPY = "dump_"  # Windows loads drivers of the dump's disk a second time under this name


class FolderMatch(NamedTuple):
    """What the folders hold of an image.

    Attributes:
        path: The image, or None.
        others: Files of its name that are not it, each with what is wrong with it in words.
    """

    path: Path | None
    others: tuple[tuple[Path, str], ...]


class ImageFolders:
    """Folders with images: Windows folders, mounted disks, symbol stores, or just files.

    Store layouts and the usual places in a Windows folder are looked at first. Only when those have no match the
    folders are walked, once, and the names of executables remembered. Links to folders are followed, none twice.

    Args:
        folders: In the order of searching.
    """

    def __init__(self, folders: Iterable[str | os.PathLike[str]]) -> None:
        self.folders = tuple(Path(folder) for folder in folders)
        self._index: dict[str, list[Path]] | None = None
        self._lock = Lock()

    def find(self, name: str, timestamp: int, size: int) -> FolderMatch:
        """The image of that name whose PE header has that TimeDateStamp and SizeOfImage."""
        others = dict[Path, str]()
        for path in self._candidates(name, timestamp, size):
            if path in others:
                continue
            wrong = _objection(path, timestamp, size)
            if wrong is None:
                return FolderMatch(path, tuple(others.items()))
            others[path] = wrong
            if len(others) == _MOST_CANDIDATES:
                break
        return FolderMatch(None, tuple(others.items()))

    def _candidates(self, name: str, timestamp: int, size: int) -> Iterator[Path]:
        file = safe_file_name(name)
        if file is None or not self.folders:
            return
        names = _names(file)
        places = [image_key(each, timestamp, size) for each in names]
        places += [f"{usual}/{each}" if usual else each for each in names for usual in _USUAL]
        for folder in self.folders:
            yield from filter(os.path.isfile, (folder / place for place in places))
        index = self._indexed()
        for each in names:
            yield from index.get(each.lower(), ())

    def _indexed(self) -> dict[str, list[Path]]:
        with self._lock:
            if self._index is None:
                self._index = {}
                for path in _executables(self.folders):
                    self._index.setdefault(path.name.lower(), []).append(path)
            return self._index


def image_path_folders(text: str) -> tuple[str, ...]:
    r"""The folders in an executable image path (`_NT_EXECUTABLE_IMAGE_PATH`), which are separated by `;`.

    Elements that name servers (`srv*…`) are the symbol path's concern and left out here.
    """
    parts = (part.strip().strip('"') for part in text.split(";"))
    return tuple(part for part in parts if part and "*" not in part and "://" not in part and "\0" not in part)


def _names(file: str) -> list[str]:
    """The names under which an image may lie on a disk, its own first."""
    lower = file.lower()
    for family in (_KERNELS, _HALS):
        if lower in family:
            return [file, *(each for each in family if each != lower)]
    return [file, file[len(_CRASH_COPY) :]] if lower.startswith(_CRASH_COPY) and len(file) > 9 else [file]


def _executables(folders: Iterable[Path]) -> Iterator[Path]:
    """Files that are named like executables, in these folders and all below; what cannot be listed is passed over."""
    seen, left = set[tuple[int, int]](), _MOST_FILES
    for folder in folders:
        waiting = [(str(folder), 0)]
        while waiting:
            path, depth = waiting.pop()
            for entry in _listing(path, seen):
                left -= 1
                if left < 0:
                    return
                if _EXECUTABLE.search(entry.name) and _is_file(entry):
                    yield Path(entry.path)
                elif depth < _DEEPEST and _is_folder(entry):
                    waiting.append((entry.path, depth + 1))


def _listing(path: str, seen: set[tuple[int, int]]) -> list[os.DirEntry[str]]:
    try:
        status = os.stat(path)
        identity = (status.st_dev, status.st_ino)
        # Some file systems give no numbers; then only the depth limits circles.
        if identity in seen and any(identity):
            return []
        seen.add(identity)
        with os.scandir(path) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except (OSError, ValueError):  # ValueError: a name that no system takes
        return []


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _objection(path: Path, timestamp: int, size: int) -> str | None:
    """Why a file is not that image, from its first 4 KiB; None where it is."""
    try:
        with path.open("rb") as file:
            image = PeImage.from_file(memoryview(file.read(_HEAD)))
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    except (FormatError, MemoryUnavailable) as error:
        return f"not an image: {error}"
    if (image.timestamp, image.size_of_image) == (timestamp, size):
        return None
    return f"another build: timestamp {image.timestamp:08X}, size {image.size_of_image:x}"
