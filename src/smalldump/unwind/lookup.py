"""What a walk asks of images and symbols, if there are any."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from smalldump.model import Module
from smalldump.model.symbols import ModuleFiles, SymbolTable

if TYPE_CHECKING:
    from smalldump.images.pe import PeImage

__all__ = ["NO_CODE", "CodeLookup"]


class CodeLookup(Protocol):
    """Images and symbols of loaded modules, as far as they are at hand."""

    def image(self, module: Module, /) -> PeImage | None:
        """The image of a module, proved to be it by TimeDateStamp and SizeOfImage."""

    def symbols(self, module: Module, /) -> SymbolTable | None:
        """The symbols of a module, proved to be its own; the export table of its image where there are no others."""

    def files(self, module: Module, /) -> ModuleFiles | None:
        """Which files were wanted for a module, and which were found; None where nobody looked for any."""


class _NoCode:
    def image(self, _: Module) -> None:
        """None."""

    def symbols(self, _: Module) -> None:
        """None."""

    def files(self, _: Module) -> None:
        """None."""


NO_CODE: CodeLookup = _NoCode()
"""No images, no symbols."""
