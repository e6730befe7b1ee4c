"""Proof that a file is the image or the PDB that was wanted, out of the file itself."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import BinaryIO

from smalldump.errors import FormatError, MemoryUnavailable, SymbolError
from smalldump.images.pe import PeImage
from smalldump.layout.msf import MSF_MAGIC, MsfHdr, NewDbiHdr, PdbStream70, StreamNumber
from smalldump.symbols.msf import Msf
from smalldump.symbols.wanted import Wanted, WantedImage, WantedPdb

__all__ = ["HEAD", "codeview_of", "objection"]

HEAD = 0x1000
"""Bytes of an image that its headers are looked for in."""

_LARGEST_DIRECTORY = 1 << 24
"""Bytes of a PDB's directory; that of a PDB of 1 GiB takes 1 MiB, or 8 with the smallest blocks."""


def objection(path: Path, wanted: Wanted) -> str | None:
    """Why a file is not the one that was wanted, in words; None where it is.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if isinstance(wanted, WantedImage):
            return _image_objection(file, size, wanted)
        return _pdb_objection(file, size, wanted)


def codeview_of(path: Path) -> WantedPdb | None:
    """The PDB that an image names, if it names one.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        try:
            found = PeImage.from_file(memoryview(file.read())).codeview
        except (FormatError, MemoryUnavailable):
            return None
    return None if found is None else WantedPdb(found.name, found.guid, found.age)


def _image_objection(file: BinaryIO, size: int, wanted: WantedImage) -> str | None:
    try:
        image = PeImage.from_file(memoryview(file.read(HEAD)))
    except (FormatError, MemoryUnavailable) as error:
        return f"not an image: {error}"
    if (image.timestamp, image.size_of_image) != (wanted.timestamp, wanted.size):
        return f"another build: timestamp {image.timestamp:08X}, size {image.size_of_image:x}"
    end = max((section.file_offset + section.file_size for section in image.sections), default=0)
    return f"the image is cut: {size:,} bytes of {end:,}" if size < end else None


def _pdb_objection(file: BinaryIO, size: int, wanted: WantedPdb) -> str | None:
    head = file.read(MsfHdr.SIZE)
    if not head.startswith(MSF_MAGIC) or len(head) < MsfHdr.SIZE:
        return "not a PDB of MSF 7.00"
    header = MsfHdr(head)
    promised = header.cb_pg * header.pn_mac
    if size < promised:
        return f"the PDB is cut: {size:,} bytes of {promised:,}"
    if header.cb_st > _LARGEST_DIRECTORY:
        return f"the PDB's directory is too large: {header.cb_st:,} bytes"
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as view:
        return _identity_objection(view, wanted)


def _identity_objection(data: memoryview, wanted: WantedPdb) -> str | None:
    """Lets go of the data before it returns: Windows renames no file that is mapped."""
    try:
        msf = Msf(data)
        information, dbi = (
            msf.stream(StreamNumber.PDB, "the PDB stream"),
            msf.stream(StreamNumber.DBI, "the DBI stream"),
        )
        if information is None:
            return "the PDB does not tell its identity"
        own = information.record(PdbStream70, 0)
        guid, age = own.sig70, own.age if dbi is None else dbi.record(NewDbiHdr, 0).age
    except SymbolError as error:
        return str(error)
    if (guid.replace("-", ""), age) == (wanted.guid.replace("-", "").lower(), wanted.age):
        return None
    return f"another build: {guid.replace('-', '').upper()}, age {age:x}"
