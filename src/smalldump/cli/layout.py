"""The layout of a file: every byte accounted for, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator

from smalldump.checking.claims import FileLayout, file_layout
from smalldump.escape import escape
from smalldump.intake import ByteSource
from smalldump.report.columns import columns
from smalldump.report.values import JsonObject
from smalldump.sources.triage_file import TriageFile

__all__ = ["layout_json", "layout_text"]

_HEADERS = ("offset", "end", "bytes", "what", "more")


def layout_text(source: ByteSource, width: int) -> str:
    """A line for each range of the file, in its order, those that nobody claims marked; then the sums.

    Raises:
        FormatError: The file is no small dump.
    """
    layout = _layout(source)
    lines = columns(sorted(_rows(layout)), headers=_HEADERS, width=width, right=(0, 1, 2))
    return "\n".join([*lines, "", _sums(source, layout)])


def layout_json(source: ByteSource) -> JsonObject:
    """The same as JSON: `size`, `claims`, `overlaps` and `unclaimed`; offsets as hex strings, ends exclusive.

    Raises:
        FormatError: The file is no small dump.
    """
    layout = _layout(source)
    return {
        "size": source.size,
        "claims": [
            _range(claim.start, claim.end) | {"name": claim.name, "detail": claim.detail} for claim in layout.claims
        ],
        "overlaps": [
            _range(claim.start, claim.end) | {"name": claim.name, "detail": claim.detail, "lost": lost}
            for claim, lost in layout.overlaps
        ],
        "unclaimed": [_range(start, end) | {"content": content.value} for start, end, content in layout.unclaimed],
    }


def _layout(source: ByteSource) -> FileLayout:
    return file_layout(TriageFile(source.data))


def _range(start: int, end: int) -> JsonObject:
    return {"start": f"{start:#x}", "end": f"{end:#x}"}


def _rows(layout: FileLayout) -> Iterator[tuple[str, ...]]:
    for claim in layout.claims:
        yield _row(claim.start, claim.end, claim.name, claim.detail)
    for start, end, content in layout.unclaimed:
        yield _row(start, end, "UNCLAIMED", content.value)


def _row(start: int, end: int, what: str, more: str) -> tuple[str, ...]:
    return f"{start:08x}", f"{end:08x}", f"{end - start:,}", escape(what), escape(more)


def _sums(source: ByteSource, layout: FileLayout) -> str:
    unclaimed = sum(end - start for start, end, _ in layout.unclaimed)
    return f"{source.size:,} bytes: {source.size - unclaimed:,} accounted for, {unclaimed:,} unclaimed"
