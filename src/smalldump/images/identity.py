"""What names an image or a PDB beyond doubt: its store key. And which names of others may become file names."""

from __future__ import annotations

import re

__all__ = ["image_key", "pdb_key", "safe_file_name"]

_SEPARATORS = re.compile(r"[/\\]")
_FORBIDDEN = frozenset('<>:"|?*')
"""What Windows forbids in file names beside separators; a colon would also open a stream of another file."""
_DEVICES = re.compile(r"(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9¹²³])\s*(?:\..*)?", re.IGNORECASE)
_LONGEST = 255
"""Bytes of a file name that all usual file systems take."""


def image_key(file: str, timestamp: int, size: int) -> str:
    """Where a symbol store keeps an image: `ntoskrnl.exe/FC9570F01046000/ntoskrnl.exe`.

    Args:
        file: File name of the image.
        timestamp: TimeDateStamp of its PE header.
        size: SizeOfImage, bytes.

    Source: Microsoft's documentation of symbol servers; eight upper-case digits, then the size without padding.
    """
    return f"{file}/{timestamp:08X}{size:x}/{file}"


def pdb_key(name: str, guid: str, age: int) -> str:
    """Where a symbol store keeps a PDB: `ntkrnlmp.pdb/3844DBB920174967BE7AA4A2C20430FA2/ntkrnlmp.pdb`.

    Args:
        name: File name of the PDB.
        guid: Its GUID with hyphens; of a PDB 2.0 its signature as eight hexadecimal digits. Either case.
        age: Its age, as the image has it.

    Source: Microsoft's documentation of symbol servers; upper-case digits, then the age without padding.
    """
    return f"{name}/{guid.replace('-', '').upper()}{age:x}/{name}"


def safe_file_name(name: str) -> str | None:
    r"""The last part of a path that somebody else chose, where it can be a file name on any system, else None.

    None is what would leave its folder or reach something that is no file: nothing, `.` and `..`; names with control or
    invisible characters, or with those that Windows forbids; names of devices (`NUL`, `com1.pdb`); names that end in a
    dot or a blank, which Windows drops; names longer than 255 bytes.
    """
    base = _SEPARATORS.split(name)[-1]
    fits = base and base.isprintable() and not _FORBIDDEN.intersection(base)
    if not fits or base.endswith((".", " ")) or base.startswith(" "):
        return None
    return None if _DEVICES.fullmatch(base) or len(base.encode("utf-8", "replace")) > _LONGEST else base
