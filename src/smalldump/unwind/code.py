"""The code that a walk goes through: the dump's own pieces of it, and the images that are at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smalldump.memory import AddressSpace
from smalldump.model import Module, ModuleList
from smalldump.model.symbols import PlaceName, SymbolTable
from smalldump.unwind.lookup import CodeLookup

if TYPE_CHECKING:
    from smalldump.images.pe import PeImage

__all__ = ["Code"]


class Code(AddressSpace):
    """Memory of the dump, and behind its gaps the sections of images: good for code, not for variables.

    An image holds what its variables were before it ran. Instructions stay, but for places that Windows patches when it
    loads a driver, so the dump's own bytes come first.
    """

    def __init__(self, memory: AddressSpace, modules: ModuleList, lookup: CodeLookup) -> None:
        self._memory, self._modules, self._lookup = memory, modules, lookup

    def read_some(self, address: int, size: int) -> bytes:
        data = self._memory.read_some(address, size)
        if len(data) >= size:
            return data
        found = self.image_at(address + len(data))
        if found is None:
            return data
        module, image = found
        return data + image.read_some(address + len(data) - module.base, min(size - len(data), module.end - address))

    def holds(self, address: int) -> bool:
        """Whether `address` lies in a loaded module."""
        return self._modules.at(address) is not None

    def image_at(self, address: int) -> tuple[Module, PeImage] | None:
        """The module that holds `address`, if its image is at hand."""
        module = self._modules.at(address)
        image = None if module is None else self._lookup.image(module)
        return None if module is None or image is None else (module, image)

    def symbols_at(self, address: int) -> tuple[Module, SymbolTable] | None:
        """The module that holds `address`, if its symbols are at hand."""
        module = self._modules.at(address)
        table = None if module is None else self._lookup.symbols(module)
        return None if module is None or table is None else (module, table)

    def name_at(self, address: int) -> PlaceName | None:
        """What the symbols say of the code at `address`; for a return address ask about the byte before it."""
        found = self.symbols_at(address)
        if found is None:
            return None
        module, table = found
        rva = address - module.base
        symbol = table.nearest(rva)
        return None if symbol is None else PlaceName(symbol, table.line(rva), tuple(table.inlines(rva)))
