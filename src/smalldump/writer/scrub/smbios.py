"""Scrubbing of SMBIOS tables: maker, model and measures of the machine, without what tells it from its like.

Each structure is built anew: of its area only listed numbers, of its strings only listed ones. Serial numbers, the
UUID, asset tags, SKU numbers and all other types of structures are left out. Offsets: DMTF DSP0134 (SMBIOS 3.7).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from smalldump.decode.smbios import RawSmbiosData, Structure, smbios_structures

__all__ = ["rebuilt_smbios"]

_TEXT = re.compile(r"[ -~]{1,64}")


class _Kept(NamedTuple):
    """What stays of a type of structure: offsets of string numbers, ranges of the area, offsets of private strings."""

    texts: tuple[int, ...]
    numbers: tuple[tuple[int, int], ...] = ()
    private: tuple[int, ...] = ()


_TYPES = {
    0: _Kept((0x04, 0x05, 0x08), ((0x06, 0x08), (0x09, 0x0A))),
    1: _Kept((0x04, 0x05, 0x06, 0x1A), private=(0x07, 0x19)),
    2: _Kept((0x04, 0x05, 0x06), private=(0x07, 0x08)),
    3: _Kept((0x04,), ((0x05, 0x06),), private=(0x07, 0x08)),
    4: _Kept((0x04, 0x07, 0x10), ((0x05, 0x07), (0x14, 0x1A), (0x23, 0x30)), private=(0x20, 0x21)),
    16: _Kept((), ((0x04, 0x17),)),
    17: _Kept((0x10, 0x11, 0x17, 0x1A), ((0x04, 0x10), (0x12, 0x17), (0x1B, 0x28), (0x54, 0x5C)), private=(0x18, 0x19)),
    127: _Kept(()),
}


def rebuilt_smbios(data: bytes) -> bytes:
    """The tables without what is private, behind a header of their new length.

    Raises:
        Truncated: Not even the header is there.
    """
    header = RawSmbiosData(data)
    tables = data[RawSmbiosData.SIZE :][: header.length]
    rebuilt = b"".join(_rebuilt(structure) for structure in smbios_structures(tables, _TYPES))
    head = RawSmbiosData.build(
        major_version=header.major_version,
        minor_version=header.minor_version,
        dmi_revision=header.dmi_revision,
        length=len(rebuilt),
    )
    return bytes(head) + rebuilt


def _rebuilt(structure: Structure) -> bytes:
    kept = _TYPES[structure.type]
    area = bytearray(len(structure.area))
    area[:4] = structure.area[:4]
    for start, end in kept.numbers:
        area[start:end] = structure.area[start:end]
    area = area[: len(structure.area)]
    private = {text for offset in kept.private if (text := structure.text(offset))}
    texts: list[bytes] = []
    for offset in kept.texts:
        text = structure.text(offset)
        if text and text not in private and _TEXT.fullmatch(text):
            texts.append(text.encode("ascii"))
            area[offset] = len(texts)
    return bytes(area) + (b"\0".join(texts) + b"\0\0" if texts else b"\0\0")
