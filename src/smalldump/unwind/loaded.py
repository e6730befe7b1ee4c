"""Images out of the machine's own memory: all of them in a big dump, the parts that were collected in a small one."""

from __future__ import annotations

from smalldump.images import CodeView, PeImage
from smalldump.images.identity import image_key, pdb_key, safe_file_name
from smalldump.images.loaded import loaded_image
from smalldump.memory import AddressSpace
from smalldump.model import Module
from smalldump.model.absent import present
from smalldump.model.symbols import ModuleFiles, SymbolTable

__all__ = ["LoadedImages"]


class LoadedImages:
    """What a walk finds where nobody names a file: images as far as memory holds them, and no symbols.

    Attributes:
        memory: Where they lie.
    """

    def __init__(self, memory: AddressSpace) -> None:
        self.memory = memory
        self._images: dict[int, PeImage | None] = {}

    def image(self, module: Module, /) -> PeImage | None:
        """The image of a module, where its headers are in memory and tell its TimeDateStamp and SizeOfImage."""
        if module.base not in self._images:
            self._images[module.base] = self.found(module)
        return self._images[module.base]

    @property
    def some_found(self) -> bool:
        """Whether memory holds an image among those that were asked for so far."""
        return any(image is not None for image in self._images.values())

    def found(self, module: Module) -> PeImage | None:
        """Look for the image of a module."""
        return loaded_image(self.memory, module.base, module.size, present(module.timestamp))

    def symbols(self, _: Module, /) -> SymbolTable | None:
        """None."""

    def files(self, module: Module, /) -> ModuleFiles | None:
        """Which files belong to a module; None where its image is not in memory, so that nothing more is known."""
        image = self.image(module)
        if image is None:
            return None
        key = image_key(module.file, image.timestamp, module.size)
        return ModuleFiles(key, False, _pdb_key(image.codeview), False)


def _pdb_key(codeview: CodeView | None) -> str | None:
    if codeview is None:
        return None
    return pdb_key(safe_file_name(codeview.name) or codeview.name, codeview.guid, codeview.age)
