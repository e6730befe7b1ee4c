"""The parts of a small dump that claim bytes: headers, sections, driver names, data blocks, blobs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from smalldump.addresses import format_address
from smalldump.checking.content import Content, content_of, data_start
from smalldump.checking.tail import tail_start
from smalldump.layout.blobs import BlobChain, BlobSpan, ChainEnd, DumpBlobFileHeader, DumpBlobHeader, blob_kind
from smalldump.layout.record import Field
from smalldump.layout.triage import MARKER, UNLOADED_SLOTS, DumpString, UnloadedDriver32, UnloadedDriver64
from smalldump.model.absent import Absent
from smalldump.sources.memory_view import data_blocks
from smalldump.sources.register_sets import CONTEXT_SIZES
from smalldump.sources.triage_file import Section, TriageFile

__all__ = ["LEFTOVERS", "Claim", "primary_claims", "secondary_claims"]


class Claim(NamedTuple):
    """A range `[start, end)` of the file, what it is, and more about it in words (perhaps nothing)."""

    start: int
    end: int
    name: str
    detail: str = ""


LEFTOVERS = frozenset({"header fields", "string pool slack"})
"""Claims on what others leave of a larger part."""

_HEADER_PARTS = {
    "version_user": "VersionUser",
    "physical_memory_block": "physical memory block",
    "exception": "EXCEPTION_RECORD",
    "comment": "comment",
    "reserved": "reserved",
    "reserved0": "reserved",
    "reserved2": "reserved",
    "reserved3": "reserved",
}
_CONTENT = {Content.ZEROS: "zeros", Content.FILL: "never written", Content.DATA: ""}


def primary_claims(file: TriageFile) -> Iterator[Claim]:
    """Claims on the primary dump in order of precedence; they may overlap and lead out of the file."""
    yield from _header_claims(file)
    if file.triage is None:
        return
    yield Claim(file.header.SIZE, file.header.SIZE + file.triage.SIZE, "triage header")
    marker = file.triage.valid_offset
    if file.view(marker, len(MARKER)) == MARKER:
        yield Claim(marker, marker + len(MARKER), "end marker")
    for section in file.sections.values():
        yield from _section_claims(file, section)
    pool = file.sections.get("string pool")
    if pool is not None:
        yield from _name_claims(file, pool)
    yield from _block_claims(file)


def _header_claims(file: TriageFile) -> Iterator[Claim]:
    kind = type(file.header)
    for name, words in _HEADER_PARTS.items():
        field = getattr(kind, name, None)
        if isinstance(field, Field):
            yield _header_part(file, field.offset, field.end, words)
    size = CONTEXT_SIZES.get(file.machine, 0)
    yield Claim(kind.context_record.offset, kind.context_record.offset + size, "CONTEXT")
    yield _header_part(file, kind.context_record.offset + size, kind.context_record.end, "behind the CONTEXT")
    yield Claim(0, kind.SIZE, "header fields")


def _header_part(file: TriageFile, start: int, end: int, name: str) -> Claim:
    end = min(end, len(file.data))
    return Claim(start, end, name, _CONTENT[content_of(file.data, start, end)])


def _section_claims(file: TriageFile, section: Section) -> Iterator[Claim]:
    match section.name:
        case "unloaded drivers":
            yield from _unloaded_claims(file, section)
        case "call stack" if file.triage is not None:
            yield Claim(section.offset, section.end, section.name, _at(file, file.triage.top_of_stack))
        case "data page" if file.triage is not None:
            yield Claim(section.offset, section.end, section.name, _at(file, file.triage.data_page_address))
        case "debugger data block":
            block = file.debugger_data
            valid = section.offset + (section.size if isinstance(block, Absent) else len(block))
            yield Claim(section.offset, valid, section.name, "damaged" if isinstance(block, Absent) else "")
            yield Claim(valid, section.end, "behind the debugger data block", "the writer's structure is larger")
        case "driver list" if file.triage is not None:
            yield Claim(section.offset, section.end, section.name, f"{file.triage.driver_count} entries")
        case "data block table" if file.triage is not None:
            yield Claim(section.offset, section.end, section.name, f"{file.triage.data_blocks_count} entries")
        case "string pool":
            pass
        case _:
            yield Claim(section.offset, section.end, section.name)


def _unloaded_claims(file: TriageFile, section: Section) -> Iterator[Claim]:
    prefix, entry = (8, UnloadedDriver64.SIZE) if file.bits == 64 else (4, UnloadedDriver32.SIZE)
    count = int.from_bytes(file.view(section.offset, prefix), "little")
    first = section.offset + prefix
    slots = max(section.end - first, 0) // entry
    used = min(count, slots, UNLOADED_SLOTS)
    yield Claim(section.offset, min(first, section.end), "unloaded drivers", f"count: {count}")
    yield Claim(first, first + used * entry, "unloaded drivers", f"{used} entries")
    yield Claim(first + used * entry, first + slots * entry, "unused slots of unloaded drivers")


def _name_claims(file: TriageFile, pool: Section) -> Iterator[Claim]:
    # Each name with its NUL and the padding to 8 bytes; then what is left of the pool.
    for offset in sorted({entry[0] for entry in file.driver_entries}):
        text = file.string(offset) if pool.offset <= offset < pool.end else Absent.CORRUPT
        if isinstance(text, str):
            length = int.from_bytes(file.view(offset, DumpString.SIZE), "little")
            end = (offset + DumpString.SIZE + 2 * length + 2 + 7) & ~7
            yield Claim(offset, min(end, pool.end), "driver name", text)
    yield Claim(pool.offset, pool.end, "string pool slack")


def _block_claims(file: TriageFile) -> Iterator[Claim]:
    for index, (address, size, offset) in enumerate(data_blocks(file, file.machine)):
        yield Claim(offset, offset + size, f"data block {index}", _at(file, address))


def _at(file: TriageFile, address: int) -> str:
    return f"at {format_address(address, file.bits)}"


def secondary_claims(file: TriageFile) -> Iterator[Claim]:
    """Claims on what follows the primary dump: the chain of blobs, and the tail that is no part of the dump."""
    chain = file.blob_chain
    if chain.reason is not ChainEnd.NO_SIGNATURE and file.triage is not None:
        start = file.triage.size_of_dump
        position = start + DumpBlobFileHeader(file.data, start).header_size
        yield Claim(start, position, "secondary data header")
        yield from _chain_claims(file, chain, position)
    tail = tail_start(file, chain)
    if tail is not None:
        stale = data_start(file.data, tail, len(file.data))
        yield Claim(tail, stale, "zeros behind the dump")
        yield Claim(stale, len(file.data), "stale bytes", "old page-file content, not part of the dump")


def _chain_claims(file: TriageFile, chain: BlobChain, position: int) -> Iterator[Claim]:
    for blob in chain.blobs:
        yield Claim(position, blob.header_offset, "empty blobs")
        yield from _blob_claims(file, blob)
        position = blob.offset + blob.size + blob.post_pad
    yield Claim(position, chain.end, "empty blobs")
    if chain.reason is ChainEnd.OVERRUN:
        yield Claim(chain.end, chain.end + DumpBlobHeader.SIZE, "blob header", "promises more than the file has")


def _blob_claims(file: TriageFile, blob: BlobSpan) -> Iterator[Claim]:
    kind = blob_kind(blob.tag)
    name = kind.name if kind else "unknown tag"
    end = blob.offset + blob.size
    yield Claim(blob.header_offset, blob.offset - blob.pre_pad, "blob header", blob.tag)
    yield Claim(blob.offset - blob.pre_pad, blob.offset, "blob padding")
    yield Claim(blob.offset, end, "blob", name)
    if end + blob.post_pad <= len(file.data):
        yield Claim(end, end + blob.post_pad, "blob padding")
