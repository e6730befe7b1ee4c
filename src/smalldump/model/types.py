"""Structure types as symbol files describe them, whichever kind of file they come from."""

from __future__ import annotations

from typing import NamedTuple, Protocol

__all__ = ["StructField", "StructType", "TypeLookup"]


class StructField(NamedTuple):
    """A field of a structure.

    Attributes:
        name: As declared, `UniqueProcessId`.
        offset: Bytes from the start of the structure.
        size: Bytes, or None where the file does not say; of a bit field, of the integer that holds it.
        type_name: As C writes it, without tags: `_LIST_ENTRY`, `unsigned long`, `void*`, `unsigned char[15]`.
        bit_position: Of a bit field, its lowest bit; else None.
        bit_length: Of a bit field, its bits; else None.
    """

    name: str
    offset: int
    size: int | None
    type_name: str
    bit_position: int | None = None
    bit_length: int | None = None


class StructType(NamedTuple):
    """A structure, union or class: its size in bytes and its fields, by offset."""

    name: str
    size: int
    fields: tuple[StructField, ...]

    def field(self, name: str) -> StructField | None:
        """The field called `name`, in the spelling of the declaration."""
        return next((field for field in self.fields if field.name == name), None)


class TypeLookup(Protocol):
    """Structure types by name."""

    def type_named(self, name: str) -> StructType | None:
        """The structure, union or class called `name`, as in `_EPROCESS`; None where it is not described.

        Raises:
            SymbolError: The description is malformed.
        """
