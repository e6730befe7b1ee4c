"""Columns: aligned text tables that fit a width."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator, Sequence
from itertools import zip_longest
from textwrap import wrap

__all__ = ["columns", "shorten", "width_of"]

_GAP = "  "
_ELLIPSIS = "..."
_NARROWEST = 8
_COMBINING = frozenset({"Mn", "Me"})


def columns(
    rows: Sequence[Sequence[str]],
    *,
    headers: Sequence[str] | None = None,
    width: int = 100,
    right: Collection[int] = (),
    fixed: Collection[int] = (),
    wrapped: Collection[int] = (),
) -> list[str]:
    """Align rows of cells into lines.

    Where the lines would be longer than the width, the widest columns give way first, down to eight cells of the
    screen; what does not fit into its column ends in an ellipsis, or goes on below. A table with more columns than
    fit even then stays wider than asked for. Lines have no blanks at their end.

    Args:
        rows: Cells already escaped; a short row lacks its last cells.
        headers: A first row, underlined.
        width: Of the screen.
        right: Positions, from 0, of the columns that are aligned to the right.
        fixed: Positions of the columns that never give way.
        wrapped: Positions of the columns whose cells go on below where they do not fit.
    """
    table = [headers, *rows] if headers is not None else list(rows)
    count = max(map(len, table), default=0)
    if not count:
        return []
    cells = [[*row, *[""] * (count - len(row))] for row in table]
    widths = _fitting([max(width_of(row[at]) for row in cells) for at in range(count)], width, fixed)
    rows_of_lines = [[_line(part, widths, right) for part in _parts(row, widths, wrapped)] for row in cells]
    if headers is not None:
        rows_of_lines.insert(1, [_GAP.join("-" * size for size in widths).rstrip()])
    return [line for lines in rows_of_lines for line in lines]


def shorten(text: str, width: int) -> str:
    """The text, or as much of it as fits into the width with an ellipsis."""
    if width_of(text) <= width:
        return text
    room, kept = width - len(_ELLIPSIS), ""
    for character in text:
        room -= width_of(character)
        if room < 0:
            break
        kept += character
    return kept + _ELLIPSIS[: max(width, 0)]


def width_of(text: str) -> int:
    """Cells of the screen that a text takes: East Asian wide characters take two, combining marks none."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def _cells(character: str) -> int:
    if unicodedata.category(character) in _COMBINING:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _fitting(widths: Sequence[int], width: int, fixed: Collection[int]) -> list[int]:
    """The widths, those of flexible columns limited so that a line fits, as far as columns stay readable."""
    room = width - len(_GAP) * (len(widths) - 1) - sum(widths[at] for at in fixed)
    flexible = [size for at, size in enumerate(widths) if at not in fixed]
    limit = min(max(flexible, default=0), max(room, _NARROWEST))
    while limit > _NARROWEST and sum(min(size, limit) for size in flexible) > room:
        limit -= 1
    return [size if at in fixed else min(size, limit) for at, size in enumerate(widths)]


def _parts(row: Sequence[str], widths: Sequence[int], wrapped: Collection[int]) -> Iterator[tuple[str, ...]]:
    """The row, cut into what each of its lines holds."""
    parts = [
        _broken(cell, size) if at in wrapped else [cell]
        for at, (cell, size) in enumerate(zip(row, widths, strict=True))
    ]
    return zip_longest(*parts, fillvalue="")


def _broken(cell: str, width: int) -> list[str]:
    # Wide characters take two cells, which `wrap` does not know.
    room = width if cell.isascii() else max(width // 2, 1)
    return [cell] if width_of(cell) <= width else wrap(cell, room, break_on_hyphens=False)


def _line(row: Sequence[str], widths: Sequence[int], right: Collection[int]) -> str:
    padded = (
        _padded(shorten(cell, size), size, at in right) for at, (cell, size) in enumerate(zip(row, widths, strict=True))
    )
    return _GAP.join(padded).rstrip()


def _padded(cell: str, size: int, right: bool) -> str:
    blanks = " " * (size - width_of(cell))
    return blanks + cell if right else cell + blanks
