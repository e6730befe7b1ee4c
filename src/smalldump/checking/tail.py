"""Where a dump ends, and whether what follows is its secondary data or no part of it."""

from __future__ import annotations

from smalldump.layout.blobs import SIGNATURE, BlobChain, ChainEnd, DumpBlobFileHeader, DumpBlobHeader
from smalldump.sources.triage_file import TriageFile

__all__ = ["begins_secondary_data", "tail_start"]


def begins_secondary_data(file: TriageFile) -> bool:
    """Whether the bytes behind the primary dump look like secondary data, be it with a damaged header.

    Either the signature is there, or the sizes of the first two headers are.
    """
    if file.triage is None or file.triage.size_of_dump < file.header.SIZE + file.triage.SIZE:
        return False
    head = bytes(file.view(file.triage.size_of_dump, DumpBlobFileHeader.SIZE + 4))
    if not head.strip(b"\0"):
        return False
    sizes = int.from_bytes(head[8:12], "little"), int.from_bytes(head[16:20], "little")
    return head[: len(SIGNATURE)] == SIGNATURE[: len(head)] or sizes == (DumpBlobFileHeader.SIZE, DumpBlobHeader.SIZE)


def tail_start(file: TriageFile, chain: BlobChain) -> int | None:
    """File offset of what follows the dump; None where nothing does, or where the dump's own end is not known."""
    if file.triage is None:
        return None
    end = file.triage.size_of_dump
    if chain.reason is ChainEnd.NO_SIGNATURE:
        known = file.header.SIZE + file.triage.SIZE <= end < len(file.data)
        return end if known and not begins_secondary_data(file) else None
    if chain.reason is ChainEnd.NO_HEADER and not any(file.view(chain.end, DumpBlobHeader.SIZE)):
        return chain.end
    return None
