"""What symbol stores are asked for: an image or a PDB, each told apart from all others of its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from smalldump.images.identity import image_key, pdb_key, safe_file_name

__all__ = ["Wanted", "WantedImage", "WantedPdb"]

_WORD = 1 << 32


@dataclass(frozen=True, slots=True)
class WantedImage:
    """An image, as its PE header tells it apart.

    Attributes:
        name: File name or path, as a dump has it.
        timestamp: TimeDateStamp.
        size: SizeOfImage, bytes.
    """

    name: str
    timestamp: int
    size: int

    @property
    def file(self) -> str | None:
        """The name of its file; None where a store can have none of that name."""
        return safe_file_name(self.name) if 0 <= self.timestamp < _WORD and 0 < self.size < _WORD else None

    @property
    def key(self) -> str:
        """Where a store keeps it: name, folder and name, with `/` between them; only to be shown."""
        return image_key(self.file or self.name, self.timestamp, self.size)

    @property
    def parts(self) -> tuple[str, str] | None:
        """Its file name and its folder in a store, both safe to be parts of a path."""
        file = self.file
        return None if file is None else (file, f"{self.timestamp:08X}{self.size:x}")


@dataclass(frozen=True, slots=True)
class WantedPdb:
    """A PDB, as the CodeView record of its image names it.

    Attributes:
        name: File name or path.
        guid: With hyphens; of a PDB 2.0 its signature, eight hexadecimal digits.
        age: How often it was written to.
    """

    name: str
    guid: str
    age: int

    @property
    def file(self) -> str | None:
        """The name of its file; None where a store can have none of that name."""
        digits = self.guid.replace("-", "")
        known = len(digits) in (8, 32) and digits.isascii() and digits.isalnum() and 0 <= self.age < _WORD
        return safe_file_name(self.name) if known else None

    @property
    def key(self) -> str:
        """Where a store keeps it: name, folder and name, with `/` between them; only to be shown."""
        return pdb_key(self.file or self.name, self.guid, self.age)

    @property
    def parts(self) -> tuple[str, str] | None:
        """Its file name and its folder in a store, both safe to be parts of a path."""
        file = self.file
        return None if file is None else (file, f"{self.guid.replace('-', '').upper()}{self.age:x}")


Wanted: TypeAlias = WantedImage | WantedPdb
"""What a store can be asked for."""
