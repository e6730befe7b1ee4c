"""Findings about what lies behind the primary dump: the chain of blobs, and what is behind that."""

from __future__ import annotations

from collections.abc import Iterator

from smalldump.checking.content import data_start
from smalldump.checking.evidence import Evidence, error, warning
from smalldump.checking.tail import begins_secondary_data, tail_start
from smalldump.escape import shown_bytes
from smalldump.layout.blobs import BLOB_LIMIT, SIGNATURE, ChainEnd, DumpBlobHeader, blob_kind
from smalldump.model.records import Finding

__all__ = ["SECONDARY_CHECKS"]

_LARGEST_PAD = 7


def secondary_data_corrupt(evidence: Evidence) -> Iterator[Finding]:
    """Secondary data begins behind the primary dump, but its header is damaged: no blob can be found."""
    start = evidence.triage.size_of_dump
    if evidence.chain.reason is ChainEnd.NO_SIGNATURE and begins_secondary_data(evidence.file):
        expected = f"expected {shown_bytes(SIGNATURE)} and a header size of 0x10"
        message = f"the header of the secondary data is damaged: {expected}"
        yield error("secondary-data-corrupt", message, start)


def blob_chain_broken(evidence: Evidence) -> Iterator[Finding]:
    """What should be the header of a blob is none, so all that follows is lost.

    The chain of a kernel-written dump ends in zeros, that of others at the end of the file.
    """
    chain = evidence.chain
    head = evidence.file.view(chain.end, DumpBlobHeader.SIZE)
    cut_short = chain.reason is ChainEnd.END_OF_FILE and len(head) < DumpBlobHeader.SIZE
    if (chain.reason is not ChainEnd.NO_HEADER and not cut_short) or not any(head):
        return
    if cut_short:
        found = f"expected a blob header of 0x20 bytes, found the end of the file after {len(head):#x}"
    else:
        found = f"expected a header size of 0x20, found {int.from_bytes(head[:4], 'little'):#x}"
    message = f"the chain of blobs is broken after {len(chain.blobs)} blobs: {found}"
    yield error("blob-chain-broken", message, chain.end)


def blob_pad(evidence: Evidence) -> Iterator[Finding]:
    """The padding behind the last blob leads out of the file: pads are below 8 bytes, so its size is damaged."""
    if evidence.chain.reason is not ChainEnd.END_OF_FILE or not evidence.chain.blobs:
        return
    last = evidence.chain.blobs[-1]
    if last.post_pad > _LARGEST_PAD and last.offset + last.size + last.post_pad > evidence.size:
        message = f"a blob's padding leads out of the file: expected 7 bytes or fewer, found {last.post_pad:#x}"
        yield error("blob-pad", message, last.header_offset + DumpBlobHeader.post_pad.offset)


def blob_cut(evidence: Evidence) -> Iterator[Finding]:
    """A blob promises more bytes than the file has left: the file was cut, or the size is damaged."""
    chain = evidence.chain
    if chain.reason is not ChainEnd.OVERRUN:
        return
    head = DumpBlobHeader(evidence.file.data, chain.end)
    kind = blob_kind(head.tag)
    name = kind.name if kind else head.tag
    left = max(evidence.size - chain.end - head.header_size - head.pre_pad, 0)
    message = f"a blob is cut ({name}): expected {head.data_size:#x} bytes, found {left:#x}; it and all behind are lost"
    yield error("blob-cut", message, chain.end)


def blob_limit(evidence: Evidence) -> Iterator[Finding]:
    """More blobs than are read."""
    if evidence.chain.reason is ChainEnd.LIMIT:
        message = f"there are more than {BLOB_LIMIT} blobs; the others are not read"
        yield warning("blob-limit", message, evidence.chain.end)


def stale_tail(evidence: Evidence) -> Iterator[Finding]:
    """Bytes behind the last blob that belong to no dump: old content of the page file, so anyone's data.

    Source: format reference §5 and §7; in 5 of 7 kernel-written dumps, up to 0.9 MB.
    """
    start = tail_start(evidence.file, evidence.chain)
    if start is None:
        return
    stale = data_start(evidence.file.data, start, evidence.size)
    if stale < evidence.size:
        found = f"up to {evidence.size - stale:,} stale bytes lie behind the dump, most likely old page-file content"
        message = f"{found}: no part of it, but they can hold private data"
        yield warning("stale-tail", message, stale)


SECONDARY_CHECKS = (secondary_data_corrupt, blob_chain_broken, blob_pad, blob_cut, blob_limit, stale_tail)
"""Checks of what is behind the primary dump; they need the triage header."""
