"""Names: which ones promise a dump, and how a name that someone else chose is shown."""

from __future__ import annotations

from smalldump.escape import escape, shortened

__all__ = ["is_archive_name", "is_dump_name", "is_dump_start", "is_memory_name", "is_memory_start", "printable"]

_DUMP_SUFFIXES = (".dmp", ".mdmp")
_ARCHIVE_SUFFIXES = (".zip", ".7z", ".rar", ".cab", ".tar", ".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz", ".zst")
_DUMP_SIGNATURES = (b"PAGEDUMP", b"PAGEDU64")
_MEMORY_SUFFIXES = (".vmem", ".raw", ".mem", ".core")
_MEMORY_SIGNATURES = (b"\x7fELF", b"EMiL", b"KDUMP   ", b"makedumpfile\0", b"\xd2\xbe\xd2\xbe", b"\xd3\xbe\xd3\xbe")
_TYPES = {b"PAGEDUMP": 0xF88, b"PAGEDU64": 0xF98}
_BIG = frozenset({1, 2, 5, 6, 8, 9, 10})
_LONGEST_SHOWN = 300


def is_dump_name(name: str) -> bool:
    """Tell whether a name promises a memory dump: ``.dmp`` or ``.mdmp``, in any case."""
    return name.lower().endswith(_DUMP_SUFFIXES)


def is_memory_name(name: str) -> bool:
    """Tell whether a name promises an image of physical memory, which need not have a signature."""
    return name.lower().endswith(_MEMORY_SUFFIXES)


def is_archive_name(name: str) -> bool:
    """Tell whether a name promises an archive. Only decides what is worth reporting, never what is opened."""
    return name.lower().endswith(_ARCHIVE_SUFFIXES)


def is_dump_start(start: bytes) -> bool:
    """Tell whether these first bytes are a kernel memory dump's. Source: format reference §2.1."""
    return start.startswith(_DUMP_SIGNATURES)


def is_memory_start(start: bytes) -> bool:
    """Tell whether these first bytes are those of an image of physical memory, which may be large.

    Of a kernel dump its type is wanted, too (a small one is none): give 4 KiB. Source: format reference §2.4.
    """
    at = _TYPES.get(start[:8])
    if at is None:
        return start.startswith(_MEMORY_SIGNATURES)
    return int.from_bytes(start[at : at + 4], "little") in _BIG


def printable(name: str) -> str:
    r"""Make a name safe to show: control, direction and undecodable characters become ``\x1b``-like escapes.

    Names longer than 300 characters lose their middle. The result is for people; no file is opened by it.
    """
    return escape(shortened(name, _LONGEST_SHOWN))
