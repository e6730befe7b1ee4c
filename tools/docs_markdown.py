"""Markdown for the generated pages: aligned tables, headings, paragraphs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

__all__ = ["code", "heading", "page", "paragraphs", "table"]

_WIDTH = 120
_NOTE = "<!-- Made by `python -m tools.make_docs` from {source}: edit that, not this page. -->"


def page(title: str, source: str, parts: Iterable[str]) -> str:
    """A whole page: its title, a note on what it is made from, and its parts, with blank lines between them."""
    return "\n\n".join([_NOTE.format(source=source), f"# {title}", *(part.rstrip("\n") for part in parts)]) + "\n"


def heading(level: int, text: str) -> str:
    """A heading of the given level, 1 to 6."""
    return f"{'#' * level} {text}"


def code(text: object) -> str:
    """Text in code type; nothing stays nothing."""
    return f"`{text}`" if str(text) else ""


def paragraphs(text: str) -> str:
    """Prose in lines of at most 120 characters; blank lines divide paragraphs, indented ones stay as they are."""
    blocks = textwrap.dedent(text).strip("\n").split("\n\n")
    return "\n\n".join(block if block.startswith("    ") else _filled(block) for block in blocks)


def _filled(block: str) -> str:
    return textwrap.fill(" ".join(block.split()), _WIDTH, break_long_words=False, break_on_hyphens=False)


def table(headers: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[int] = ()) -> str:
    """A table with aligned columns.

    Args:
        headers: Of the columns.
        rows: One cell for each column; `|` and line ends in them do no harm.
        right: Numbers (from 0) of the columns that are set to the right.
    """
    cells = [[_cell(cell) for cell in row] for row in [headers, *rows]]
    widths = [max(3, *(len(row[at]) for row in cells)) for at in range(len(headers))]
    rule = ["-" * (width - 1) + ":" if at in right else "-" * width for at, width in enumerate(widths)]
    return "\n".join(_line(row, widths, right) for row in [cells[0], rule, *cells[1:]])


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")


def _line(row: Sequence[str], widths: Sequence[int], right: Sequence[int]) -> str:
    cells = (
        cell.rjust(width) if at in right else cell.ljust(width)
        for at, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return f"| {' | '.join(cells)} |"
