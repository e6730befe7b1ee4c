"""Records: a binary structure declared once, for reader, writer and documentation alike.

A record class is a table of fields; each field knows its byte offset, its coding and its meaning:

    class DumpHeader64(Record, size=0x2000):
        signature = raw(0x000, 4, "`PAGE`")
        bug_check_code = u32(0x038, "bug check code")

An instance is a view: nothing is copied, and a field is decoded when it is asked for. `build` is the writer's
half. Overlaps and overruns are refused when the class is made.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, ClassVar, Generic, Self, TypeVar, overload

from smalldump.errors import Truncated

__all__ = ["Buffer", "Field", "Record", "guid", "i64", "raw", "u8", "u16", "u32", "u64", "utf16", "words"]

T = TypeVar("T")
Buffer = bytes | bytearray | memoryview


class Field(Generic[T]):
    """One field of a record: where it sits (byte offset), how it is coded (`struct` code), what it means."""

    __slots__ = ("code", "codec", "doc", "name", "offset")

    def __init__(self, offset: int, code: str, doc: str = "") -> None:
        self.offset, self.code, self.doc, self.name = offset, code, doc, ""
        self.codec = struct.Struct("<" + code)

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, record: None, owner: Any = None) -> Self: ...
    @overload
    def __get__(self, record: Record, owner: Any = None) -> T: ...
    def __get__(self, record: Record | None, owner: Any = None) -> Self | T:
        if record is None:
            return self
        return self.decode(self.codec.unpack_from(record.data, self.offset))

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self.codec.size

    @property
    def end(self) -> int:
        """Offset of the first byte behind the field."""
        return self.offset + self.codec.size

    def decode(self, values: tuple[Any, ...]) -> T:
        """Turn what `struct` unpacked into the field's value."""
        return values[0]  # type: ignore[no-any-return]

    def encode(self, value: T) -> tuple[Any, ...]:
        """Turn the field's value into what `struct` packs."""
        return (value,)


class _Words(Field[tuple[int, ...]]):
    __slots__ = ()

    def decode(self, values: tuple[Any, ...]) -> tuple[int, ...]:
        return values

    def encode(self, value: tuple[int, ...]) -> tuple[Any, ...]:
        return value


class _Utf16(Field[str]):
    __slots__ = ()

    def decode(self, values: tuple[Any, ...]) -> str:
        return bytes(values[0]).decode("utf-16-le", "replace")

    def encode(self, value: str) -> tuple[Any, ...]:
        return (value.encode("utf-16-le"),)


class _Guid(Field[str]):
    __slots__ = ()

    def decode(self, values: tuple[Any, ...]) -> str:
        a, b, c = struct.unpack_from("<IHH", values[0])
        tail = values[0][8:].hex()
        return f"{a:08x}-{b:04x}-{c:04x}-{tail[:4]}-{tail[4:]}"

    def encode(self, value: str) -> tuple[Any, ...]:
        a, b, c, d, e = value.split("-")
        return (struct.pack("<IHH", int(a, 16), int(b, 16), int(c, 16)) + bytes.fromhex(d + e),)


def u8(offset: int, doc: str = "") -> Field[int]:
    """Unsigned byte."""
    return Field(offset, "B", doc)


def u16(offset: int, doc: str = "") -> Field[int]:
    """Unsigned 16-bit word."""
    return Field(offset, "H", doc)


def u32(offset: int, doc: str = "") -> Field[int]:
    """Unsigned 32-bit word."""
    return Field(offset, "I", doc)


def u64(offset: int, doc: str = "") -> Field[int]:
    """Unsigned 64-bit word."""
    return Field(offset, "Q", doc)


def i64(offset: int, doc: str = "") -> Field[int]:
    """Signed 64-bit word."""
    return Field(offset, "q", doc)


def raw(offset: int, size: int, doc: str = "") -> Field[bytes]:
    """`size` bytes as they are."""
    return Field(offset, f"{size}s", doc)


def words(offset: int, count: int, code: str, doc: str = "") -> Field[tuple[int, ...]]:
    """`count` equal integers of `struct` code `code`, as a tuple."""
    return _Words(offset, f"{count}{code}", doc)


def utf16(offset: int, characters: int, doc: str = "") -> Field[str]:
    """A fixed array of UTF-16 characters; what follows a NUL is kept."""
    return _Utf16(offset, f"{2 * characters}s", doc)


def guid(offset: int, doc: str = "") -> Field[str]:
    """A GUID, as 36 lower-case characters."""
    return _Guid(offset, "16s", doc)


class Record:
    """A read-only view of one structure inside a larger buffer."""

    SIZE: ClassVar[int]
    FIELDS: ClassVar[tuple[Field[Any], ...]]
    __slots__ = ("data",)

    def __init_subclass__(cls, *, size: int) -> None:
        cls.SIZE = size
        fields = {f.name: f for base in reversed(cls.__mro__) for f in vars(base).values() if isinstance(f, Field)}
        cls.FIELDS = tuple(sorted(fields.values(), key=lambda field: field.offset))
        end = 0
        for field in cls.FIELDS:
            if field.offset < end:
                raise TypeError(f"{cls.__name__}.{field.name} overlaps its neighbour")
            end = field.end
        if end > size:
            raise TypeError(f"{cls.__name__} overruns its {size:#x} bytes")

    def __init__(self, data: Buffer, offset: int = 0) -> None:
        """View the record at byte `offset` of `data`.

        Raises:
            Truncated: Fewer than `SIZE` bytes are left there.
        """
        view = memoryview(data)[offset : offset + self.SIZE] if offset >= 0 else memoryview(b"")
        if len(view) < self.SIZE:
            raise Truncated(
                f"{type(self).__name__} is cut",
                offset=offset,
                expected=f"{self.SIZE:#x} bytes",
                found=f"{len(view):#x}",
            )
        self.data = view

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.SIZE:#x} bytes>"

    def items(self) -> Iterator[tuple[str, Any]]:
        """Field names with their values, in file order."""
        for field in self.FIELDS:
            yield field.name, getattr(self, field.name)

    @classmethod
    def build(cls, fill: bytes = b"\0", **values: Any) -> bytearray:
        """Bytes of a record that holds `values`; all else is `fill`, repeated.

        Raises:
            KeyError: A value names no field.
        """
        out = bytearray((fill * (cls.SIZE // len(fill) + 1))[: cls.SIZE])
        by_name = {field.name: field for field in cls.FIELDS}
        for name, value in values.items():
            field = by_name[name]
            field.codec.pack_into(out, field.offset, *field.encode(value))
        return out

    @classmethod
    def unpacker(cls, *names: str) -> struct.Struct:
        """One `struct.Struct` that takes the named fields (in file order) out of an array of such records.

        For long arrays: `iter_unpack` is twenty times faster than a view for each element.
        """
        by_name = {field.name: field for field in cls.FIELDS}
        code, position = "<", 0
        for field in sorted((by_name[name] for name in names), key=lambda f: f.offset):
            code += f"{field.offset - position}x{field.code}"
            position = field.end
        return struct.Struct(f"{code}{cls.SIZE - position}x")
