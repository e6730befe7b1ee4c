"""Everything that smalldump raises on purpose.

    SmallDumpError
      FormatError            the bytes are not what their header says     (.offset .expected .found)
        NotADump             the file is no kernel memory dump at all
        Truncated            the file ends before what it promises
        UnsupportedFormat    a dump, but of a kind that is not read (yet)
      SymbolError            malformed symbol data: a PDB, a symbol file  (.offset .expected .found)
      MemoryUnavailable      memory that was asked for is not in the dump (.address .wanted .got .cause)
      SourceUnreadable       a file, folder or archive cannot be read     (.path)
        MonitorLost          a virtual machine's monitor is not to be had (.path)
        CommandRefused       it did not do what it was asked              (.path)
      BudgetTooSmall         what must be in a dump needs more bytes       (.needed .budget)
      StoreError             minidump directory or reserve trouble        (.path)
      KnownIssuesError       a list of known issues is malformed          (.path)

A test holds this drawing against the classes.
"""

from __future__ import annotations

from smalldump.addresses import format_address

__all__ = [
    "BudgetTooSmall",
    "CommandRefused",
    "FormatError",
    "KnownIssuesError",
    "MemoryUnavailable",
    "MonitorLost",
    "NotADump",
    "SmallDumpError",
    "SourceUnreadable",
    "StoreError",
    "SymbolError",
    "Truncated",
    "UnsupportedFormat",
]


class SmallDumpError(Exception):
    """Root of all errors that smalldump raises on purpose."""


class FormatError(SmallDumpError):
    """The bytes are not what their header says.

    Attributes:
        offset: File offset of the offending bytes, or None where no single place is at fault.
        expected: What the format asks for, in words.
        found: What the file holds, in words.
    """

    def __init__(
        self, what: str, *, offset: int | None = None, expected: str | None = None, found: str | None = None
    ) -> None:
        self.what, self.offset, self.expected, self.found = what, offset, expected, found
        super().__init__(_complaint(what, offset, expected, found))

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild_format_error, (type(self), self.what, self.offset, self.expected, self.found))


class NotADump(FormatError):
    """The file is no kernel memory dump at all: empty, zero-filled, or with another signature."""


class Truncated(FormatError):
    """The file ends before what it promises."""


class UnsupportedFormat(FormatError):
    """A memory dump, but of a kind that is not read."""


class SymbolError(SmallDumpError):
    """Symbol data is malformed, which is not the same as a symbol that is not there.

    Attributes:
        offset: Offset of the offending bytes in the file or stream, or None where no single place is at fault.
        expected: What the format asks for, in words.
        found: What the file holds, in words.
    """

    def __init__(
        self, what: str, *, offset: int | None = None, expected: str | None = None, found: str | None = None
    ) -> None:
        self.what, self.offset, self.expected, self.found = what, offset, expected, found
        super().__init__(_complaint(what, offset, expected, found))

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild_format_error, (type(self), self.what, self.offset, self.expected, self.found))


class MemoryUnavailable(SmallDumpError):
    """Memory that was asked for is not in the dump.

    Attributes:
        address: First byte asked for.
        wanted: Bytes asked for.
        got: The bytes before the gap, perhaps none.
        cause: Why there is a gap, in words; empty where nobody knows.
    """

    def __init__(self, address: int, wanted: int, got: bytes = b"", cause: str = "") -> None:
        self.address, self.wanted, self.got, self.cause = address, wanted, got, cause
        why = f" ({cause})" if cause else ""
        super().__init__(
            f"memory at {format_address(address)} is not in the dump: wanted {wanted:#x} bytes, got {len(got):#x}{why}"
        )

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.address, self.wanted, self.got, self.cause))


class BudgetTooSmall(SmallDumpError):
    """What must be in a dump needs more bytes than it may have.

    Attributes:
        needed: Bytes that cannot be given up.
        budget: Bytes that were allowed.
    """

    def __init__(self, needed: int, budget: int) -> None:
        self.needed, self.budget = needed, budget
        super().__init__(f"the dump needs at least {needed:,} bytes, {budget:,} are allowed")

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.needed, self.budget))


class SourceUnreadable(SmallDumpError):
    """A file, folder or archive cannot be read; `.path` says which."""

    def __init__(self, path: str, why: str) -> None:
        self.path, self.why = path, why
        super().__init__(f"{path}: {why}")

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.path, self.why))


class MonitorLost(SourceUnreadable):
    """The monitor of a virtual machine cannot be had: not there, in use, not to be trusted, gone, or silent."""


class CommandRefused(SourceUnreadable):
    """The monitor of a virtual machine did not do what it was asked; its words are in `.why`."""


class StoreError(SmallDumpError):
    """A dump cannot be saved, kept or removed; `.path` says where, `.why` says why in words."""

    def __init__(self, path: str, why: str) -> None:
        self.path, self.why = path, why
        super().__init__(f"{path}: {why}")

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.path, self.why))


class KnownIssuesError(SmallDumpError):
    """A list of known issues cannot be read or is malformed; `.path` says which, `.why` says where and why."""

    def __init__(self, path: str, why: str) -> None:
        self.path, self.why = path, why
        super().__init__(f"{path}: {why}")

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.path, self.why))


def _complaint(what: str, offset: int | None, expected: str | None, found: str | None) -> str:
    place = "" if offset is None else f" at offset {offset:#x}"
    details = [f"{word} {text}" for word, text in (("expected", expected), ("found", found)) if text is not None]
    return f"{what}{place}" + (f": {', '.join(details)}" if details else "")


def _rebuild_format_error(
    kind: type[FormatError] | type[SymbolError],
    what: str,
    offset: int | None,
    expected: str | None,
    found: str | None,
) -> FormatError | SymbolError:
    return kind(what, offset=offset, expected=expected, found=found)
