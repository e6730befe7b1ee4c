"""From a loaded module to its image and its symbols: each found once, proved to be its own, and kept."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from smalldump.errors import FormatError, MemoryUnavailable, SymbolError
from smalldump.images import PeImage
from smalldump.images.loaded import loaded_image
from smalldump.memory import AddressSpace
from smalldump.model import Module
from smalldump.model.absent import present
from smalldump.model.symbols import FrameProgram, InlineSite, ModuleFiles, SourceLine, Symbol, SymbolOrigin, SymbolTable
from smalldump.symbols.isf import find_isf
from smalldump.symbols.path import is_url
from smalldump.symbols.pdb import open_pdb
from smalldump.symbols.sources import SymbolSources
from smalldump.symbols.undecorate import undecorated
from smalldump.symbols.wanted import WantedImage, WantedPdb

__all__ = ["Resolver"]

T = TypeVar("T")


class Resolver:
    """Images and symbols of the modules of one machine, out of symbol sources and the machine's own memory.

    An image in a file counts when its TimeDateStamp and SizeOfImage are those of the module, a PDB when its GUID and
    age are those that the image names. Malformed ones count as not there; `problems` tells of them.

    Attributes:
        problems: What was wrong with files that were found, in sentences.
    """

    def __init__(self, sources: SymbolSources, memory: AddressSpace) -> None:
        """Take symbol sources, which stay open, and the memory in which parts of images may lie."""
        self.sources, self._memory = sources, memory
        self.problems: list[str] = []
        self._images: dict[int, PeImage | None] = {}
        self._tables: dict[int, SymbolTable | None] = {}

    def prefetch(self, modules: Iterable[Module]) -> None:
        """Ask servers for the images and PDBs of these modules, many at once, so that nobody waits for each."""
        if any(is_url(store) for element in self.sources.elements for store in element.stores):
            wanted = filter(None, map(_wanted_image, modules))
            for _ in self.sources.prefetch(wanted):
                pass

    def image(self, module: Module, /) -> PeImage | None:
        """The image of a module: the file, else what of it is in the machine's memory."""
        if module.base not in self._images:
            self._images[module.base] = self._file(module) or self._in_memory(module)
        return self._images[module.base]

    def symbols(self, module: Module, /) -> SymbolTable | None:
        """The symbols of a module: its PDB, else a symbol file made from it, else the exports of its image."""
        if module.base not in self._tables:
            self._tables[module.base] = self._pdb(module) or self._isf(module) or self._exports(module)
        return self._tables[module.base]

    def files(self, module: Module, /) -> ModuleFiles:
        """What belongs to a module, and whether it was found."""
        wanted, pdb = _wanted_image(module), self.wanted_pdb(module)
        return ModuleFiles(
            None if wanted is None else wanted.key,
            wanted is not None and self.sources.find(wanted).path is not None,
            None if pdb is None else pdb.key,
            pdb is not None and self._tables.get(module.base) is not None and not self._only_exports(module),
        )

    def wanted_pdb(self, module: Module) -> WantedPdb | None:
        """The PDB that the module's image names, as far as the image is at hand."""
        image = self.image(module)
        codeview = None if image is None else self._tried(lambda: image.codeview, module.file)
        return None if codeview is None else WantedPdb(*codeview)

    def _only_exports(self, module: Module) -> bool:
        table = self._tables.get(module.base)
        return isinstance(table, _Careful) and isinstance(table.table, _Exports)

    def _file(self, module: Module) -> PeImage | None:
        wanted = _wanted_image(module)
        path = None if wanted is None else self.sources.find(wanted).path
        return None if path is None else self._tried(partial(_mapped_image, path), path.name)

    # Nobody but the machine itself says that it is the image; it must look like the one in the module list.
    def _in_memory(self, module: Module) -> PeImage | None:
        return loaded_image(self._memory, module.base, module.size, present(module.timestamp))

    def _pdb(self, module: Module) -> SymbolTable | None:
        wanted = self.wanted_pdb(module)
        path = None if wanted is None else self.sources.find(wanted).path
        if path is None:
            return None
        table = self._tried(partial(open_pdb, path, partial(undecorated, public=True)), path.name)
        return None if table is None else _Careful(table, self._note)

    def _isf(self, module: Module) -> SymbolTable | None:
        wanted = self.wanted_pdb(module)
        if wanted is None or wanted.file is None:
            return None
        for folder in self._folders:
            found = self._tried(partial(find_isf, folder, wanted.file, wanted.guid, wanted.age), wanted.file)
            if found is not None:
                return _Careful(found, self._note)
        return None

    @property
    def _folders(self) -> list[str]:
        return [store for element in self.sources.elements for store in element.stores if not is_url(store)]

    def _exports(self, module: Module) -> SymbolTable | None:
        image = self.image(module)
        return None if image is None else _Careful(_Exports(image), self._note)

    def _tried(self, make: Callable[[], T], name: str) -> T | None:
        try:
            return make()
        except (FormatError, MemoryUnavailable, SymbolError, OSError, ValueError) as error:
            self._note(f"{name}: {error}")
            return None

    def _note(self, problem: str) -> None:
        if problem not in self.problems and len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(problem)


_MOST_PROBLEMS = 100


def _wanted_image(module: Module) -> WantedImage | None:
    stamp = present(module.timestamp)
    return None if not stamp else WantedImage(module.file, stamp, module.size)


def _mapped_image(path: Path) -> PeImage:
    with path.open("rb") as file:
        return PeImage.from_file(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))


class _Exports:
    """The export table as symbols: names are right for what is exported, and only near for all else."""

    def __init__(self, image: PeImage) -> None:
        self._image = image

    def nearest(self, rva: int) -> Symbol | None:
        """The export at or before `rva`, in the same section, unless another function begins in between."""
        found, function = self._image.nearest_export(rva), self._image.functions.find(rva)
        if found is None or (function is not None and function.begin > found.rva):
            return None
        return Symbol(undecorated(found.name, public=True), found.rva, None, SymbolOrigin.EXPORT)

    def line(self, _: int) -> SourceLine | None:
        """None."""

    def inlines(self, _: int) -> Sequence[InlineSite]:
        """None."""
        return ()

    def frame_program(self, _: int) -> FrameProgram | None:
        """None."""


class _Careful:
    """Symbols that may be malformed: what cannot be read is not there, and is noted."""

    def __init__(self, table: SymbolTable, note: Callable[[str], None]) -> None:
        self.table, self._note = table, note

    def nearest(self, rva: int) -> Symbol | None:
        return self._asked(self.table.nearest, rva)

    def line(self, rva: int) -> SourceLine | None:
        return self._asked(self.table.line, rva)

    def inlines(self, rva: int) -> Sequence[InlineSite]:
        return self._asked(self.table.inlines, rva) or ()

    def frame_program(self, rva: int) -> FrameProgram | None:
        return self._asked(self.table.frame_program, rva)

    def _asked(self, question: Callable[[int], T], rva: int) -> T | None:
        try:
            return question(rva)
        except (FormatError, MemoryUnavailable, SymbolError) as error:
            self._note(str(error))
            return None
