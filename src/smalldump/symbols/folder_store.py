"""Symbol stores in folders: of two or three tiers, compressed or not, with pointers; and plain folders of files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from threading import Lock

from smalldump.errors import FormatError
from smalldump.escape import escape
from smalldump.symbols.attempts import Attempt, Found, Outcome
from smalldump.symbols.cabinet import unpack_cabinet
from smalldump.symbols.keeping import draft, place_in
from smalldump.symbols.pointer import LONGEST_POINTER, local_target, parse_pointer
from smalldump.symbols.proof import objection
from smalldump.symbols.wanted import Wanted

__all__ = ["THREE_TIERS", "FolderStore", "store_paths"]

THREE_TIERS = "index2.txt"
"""The file that marks a store of three tiers: names lie in folders of their first two characters."""

_MOST_NAMES = 500_000


def store_paths(wanted: Wanted, three_tiers: bool) -> tuple[tuple[str, ...], ...]:
    """Where a store may keep a file, in the order of asking: as it is, compressed, a pointer. Parts of paths.

    Of a compressed file the last character of the name is `_`. Nothing for a name that no store can have.
    """
    if wanted.parts is None:
        return ()
    file, index = wanted.parts
    folder = (file[:2], file, index) if three_tiers else (file, index)
    return ((*folder, file), (*folder, f"{file[:-1]}_"), (*folder, "file.ptr"))


class FolderStore:
    """A folder in a symbol path. Names are found in any case, as on Windows.

    Args:
        folder: The store.
        plain: Whether files may also lie in it as they are, and in `symbols/ext` and `ext`.
        limit: Bytes that an unpacked file may have.
    """

    def __init__(self, folder: Path, *, plain: bool, limit: int) -> None:
        self.folder, self._plain, self._limit = folder, plain, limit
        self._names: dict[str, dict[str, str]] = {}
        self._lock = Lock()

    def find(self, wanted: Wanted, unpacked: Path) -> Found:
        """Look for a file. Every place that has one of its name makes an attempt; if none has, one says so.

        Args:
            unpacked: Folder in which a compressed file is kept when it has been unpacked.
        """
        attempts = []
        for parts in self._places(wanted):
            path = self._existing(parts)
            if path is None:
                continue
            found = self._taken(path, wanted, unpacked)
            outcome = (Outcome.FOUND, "") if isinstance(found, Path) else found
            attempts.append(Attempt(str(self.folder), "/".join(parts), *outcome))
            if isinstance(found, Path):
                return Found(found, tuple(attempts))
        if not attempts:
            outcome = (Outcome.ABSENT, "") if wanted.parts else (Outcome.REFUSED, "a name that no store can have")
            attempts = [Attempt(str(self.folder), escape(wanted.key), *outcome)]
        return Found(None, tuple(attempts))

    def _places(self, wanted: Wanted) -> Iterator[tuple[str, ...]]:
        if wanted.parts is None:
            return
        if os.path.isfile(self.folder / THREE_TIERS):
            yield from store_paths(wanted, True)
        yield from store_paths(wanted, False)
        if self._plain:
            file = wanted.parts[0]
            extension = file.rpartition(".")[2].lower()
            yield from ((file,), ("symbols", extension, file), (extension, file))

    def _taken(self, path: Path, wanted: Wanted, unpacked: Path) -> Path | tuple[Outcome, str]:
        """The file at the end of a place, or why it cannot be had from there."""
        try:
            if path.name.lower() == "file.ptr":
                return self._pointed(path, wanted)
            if wanted.parts is not None and path.name.lower() != wanted.parts[0].lower():
                return self._unpacked(path, wanted, unpacked)
            wrong = objection(path, wanted)
        except OSError as error:
            return _of_disk(error)
        return path if wrong is None else (Outcome.MALFORMED, wrong)

    def _pointed(self, path: Path, wanted: Wanted) -> Path | tuple[Outcome, str]:
        with path.open("rb") as file:
            pointer = parse_pointer(file.read(LONGEST_POINTER))
        if not pointer.target:
            return Outcome.ABSENT, pointer.message
        target = local_target(pointer.target, self.folder)
        if isinstance(target, str):
            return Outcome.REFUSED, target
        if not os.path.isfile(target):
            return Outcome.ABSENT, f"the pointer leads to no file: {escape(str(target))}"
        wrong = objection(target, wanted)
        return target if wrong is None else (Outcome.MALFORMED, wrong)

    def _unpacked(self, path: Path, wanted: Wanted, unpacked: Path) -> Path | tuple[Outcome, str]:
        place = place_in(unpacked, wanted)
        if place is None:
            return Outcome.REFUSED, "a name that no store can have"
        with draft(place) as made, path.open("rb") as packed:
            try:
                unpack_cabinet(packed, made.file, self._limit)
            except FormatError as error:
                return Outcome.MALFORMED, str(error)
            made.file.flush()
            wrong = objection(made.path, wanted)
            return made.keep() if wrong is None else (Outcome.MALFORMED, wrong)

    def _existing(self, parts: tuple[str, ...]) -> Path | None:
        """The file at this place, its names in any case."""
        at = self.folder
        for part in parts:
            found = part if os.path.lexists(at / part) else self._in_any_case(at).get(part.lower())
            if found is None:
                return None
            at /= found
        return at if os.path.isfile(at) else None

    def _in_any_case(self, folder: Path) -> dict[str, str]:
        key = str(folder)
        with self._lock:
            if key not in self._names:
                self._names[key] = _listing(folder)
            return self._names[key]


def _listing(folder: Path) -> dict[str, str]:
    """Names in a folder by their lower case; of a folder that is not there, none."""
    names: dict[str, str] = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                names.setdefault(entry.name.lower(), entry.name)
                if len(names) == _MOST_NAMES:
                    break
    except OSError:
        pass
    return names


def _of_disk(error: OSError) -> tuple[Outcome, str]:
    refused = isinstance(error, PermissionError)
    return Outcome.REFUSED if refused else Outcome.FAILED, error.strerror or str(error)
