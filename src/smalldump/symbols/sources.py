"""Symbol sources: where images and PDBs come from, one after the other, with every attempt kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from threading import Lock

from smalldump.escape import escape
from smalldump.images.folders import ImageFolders
from smalldump.symbols.attempts import Attempt, Found, Outcome
from smalldump.symbols.folder_store import FolderStore
from smalldump.symbols.http import HttpClient, HttpLimits, Progress
from smalldump.symbols.http_store import HttpStore
from smalldump.symbols.keeping import keep_copy
from smalldump.symbols.outcomes import OutcomeMemory
from smalldump.symbols.path import Element, default_cache, is_url, parse_symbol_path
from smalldump.symbols.proof import codeview_of
from smalldump.symbols.wanted import Wanted, WantedImage, WantedPdb

__all__ = ["LARGEST_FILE", "SymbolSources"]

LARGEST_FILE = 1 << 30
"""Bytes of an image or PDB, unpacked; the largest public PDBs have some hundreds of MiB."""

_THREADS = 6


class SymbolSources:
    """Image folders and a symbol path, asked in that order. Without servers in the path it uses no network.

    What was found, and what was not, is remembered: asking twice costs nothing. Several threads may ask.

    Args:
        symbols: A symbol path, or its elements; empty for none.
        images: Folders with images.
        limits: Of downloads.
        largest: Bytes that a file may have.
        progress: Called while files come, from any thread.

    Raises:
        ValueError: The symbol path is malformed.
    """

    def __init__(
        self,
        symbols: str | Sequence[Element] = "",
        images: Iterable[str | Path] = (),
        *,
        limits: HttpLimits | None = None,
        largest: int = LARGEST_FILE,
        progress: Progress | None = None,
    ) -> None:
        self.elements = parse_symbol_path(symbols) if isinstance(symbols, str) else tuple(symbols)
        self.images = ImageFolders(images)
        self._largest = largest
        self._client = HttpClient(limits or HttpLimits(), progress)
        self._folders: dict[tuple[str, bool], FolderStore] = {}
        self._servers: dict[str, HttpStore] = {}
        self._found: dict[Wanted, Found] = {}
        self._lock = Lock()

    def __enter__(self) -> SymbolSources:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __bool__(self) -> bool:
        return bool(self.elements or self.images.folders)

    def close(self) -> None:
        """Close connections; the files stay."""
        self._client.close()

    def find_image(self, name: str, timestamp: int, size: int) -> Found:
        """The image of that name, TimeDateStamp and SizeOfImage."""
        return self.find(WantedImage(name, timestamp, size))

    def find_pdb(self, name: str, guid: str, age: int) -> Found:
        """The PDB that a CodeView record names: its name or path, GUID (any form) and age."""
        return self.find(WantedPdb(name, guid, age))

    def find(self, wanted: Wanted) -> Found:
        """The file that is wanted. Never raises for what stores hold or servers do."""
        known = self._found.get(wanted)
        if known is None:
            known = self._search(wanted)
            with self._lock:
                known = self._found.setdefault(wanted, known)
        return known

    def prefetch(self, wanted: Iterable[Wanted]) -> Iterator[tuple[Wanted, Found]]:
        """Look for many files at once, and for the PDBs of images that are found; yields each as it comes."""
        asked, done = set[Wanted](), SimpleQueue[tuple[Wanted, Future[Found]]]()
        threads = ThreadPoolExecutor(_THREADS, "symbols")

        def ask(each: Wanted) -> None:
            if each not in asked:
                asked.add(each)
                threads.submit(self.find, each).add_done_callback(lambda future: done.put((each, future)))

        try:
            for each in wanted:
                ask(each)
            settled = 0
            while settled < len(asked):
                each, future = done.get()
                found, settled = future.result(), settled + 1
                pdb = self.pdb_of(found) if isinstance(each, WantedImage) else None
                if pdb is not None:
                    ask(pdb)
                yield each, found
        finally:
            threads.shutdown(cancel_futures=True)

    def pdb_of(self, image: Found) -> WantedPdb | None:
        """The PDB that an image that was found names, if any."""
        try:
            return None if image.path is None else codeview_of(image.path)
        except OSError:
            return None

    def _search(self, wanted: Wanted) -> Found:
        attempts = list[Attempt]()
        if isinstance(wanted, WantedImage) and self.images.folders:
            path = self._in_image_folders(wanted, attempts)
            if path is not None:
                return Found(path, tuple(attempts))
        for element in self.elements:
            path = self._in_element(element, wanted, attempts)
            if path is not None:
                return Found(path, tuple(attempts))
        return Found(None, tuple(attempts))

    def _in_image_folders(self, wanted: WantedImage, attempts: list[Attempt]) -> Path | None:
        path, others = self.images.find(wanted.name, wanted.timestamp, wanted.size)
        store = "image folders"
        attempts += [Attempt(store, escape(str(other)), Outcome.MALFORMED, wrong) for other, wrong in others]
        if path is not None:
            attempts.append(Attempt(store, escape(str(path)), Outcome.FOUND))
        elif not others:
            attempts.append(Attempt(store, escape(wanted.file or wanted.name), Outcome.ABSENT))
        return path

    def _in_element(self, element: Element, wanted: Wanted, attempts: list[Attempt]) -> Path | None:
        """Ask the stores of an element; what a later one has is kept in the folders before it."""
        for at, store in enumerate(element.stores):
            caches = [Path(folder) for folder in element.stores[:at]]
            kept = caches[0] if caches else default_cache()
            if is_url(store):
                found = self._server(store, kept).find(wanted, kept)
            else:
                found = self._folder(store, element.plain).find(wanted, kept)
            attempts += found.attempts
            if found.path is not None:
                return keep_copy(found.path, wanted, caches)
        return None

    def _folder(self, folder: str, plain: bool) -> FolderStore:
        with self._lock:
            key = (folder, plain)
            if key not in self._folders:
                self._folders[key] = FolderStore(Path(folder), plain=plain, limit=self._largest)
            return self._folders[key]

    def _server(self, url: str, cache: Path) -> HttpStore:
        with self._lock:
            if url not in self._servers:
                self._servers[url] = HttpStore(url, self._client, OutcomeMemory(cache), self._largest)
            return self._servers[url]
