"""Names: which ones promise a dump, and how a name that someone else chose is shown."""

from __future__ import annotations

from smalldump.escape import escape, shortened

__all__ = ["is_archive_name", "is_dump_name", "is_dump_start", "printable"]

_DUMP_SUFFIXES = (".dmp", ".mdmp")
_ARCHIVE_SUFFIXES = (".zip", ".7z", ".rar", ".cab", ".tar", ".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz")
_DUMP_SIGNATURES = (b"PAGEDUMP", b"PAGEDU64")
_LONGEST_SHOWN = 300


def is_dump_name(name: str) -> bool:
    """Tell whether a name promises a memory dump: ``.dmp`` or ``.mdmp``, in any case."""
    return name.lower().endswith(_DUMP_SUFFIXES)


def is_archive_name(name: str) -> bool:
    """Tell whether a name promises an archive. Only decides what is worth reporting, never what is opened."""
    return name.lower().endswith(_ARCHIVE_SUFFIXES)


def is_dump_start(start: bytes) -> bool:
    """Tell whether these first bytes are a kernel memory dump's. Source: format reference §2.1."""
    return start.startswith(_DUMP_SIGNATURES)


def printable(name: str) -> str:
    r"""Make a name safe to show: control, direction and undecodable characters become ``\x1b``-like escapes.

    Names longer than 300 characters lose their middle. The result is for people; no file is opened by it.
    """
    return escape(shortened(name, _LONGEST_SHOWN))
