"""Columns: aligned, as wide as asked for, never wrapped."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from smalldump.report.columns import columns, shorten, width_of

CELLS = st.text(st.characters(categories=["L", "N", "P", "Mn"]), max_size=40)
ROWS = st.lists(st.lists(CELLS, min_size=1, max_size=5), min_size=1, max_size=6)


def test_alignment() -> None:
    rows = [["nt", "1,000", "kernel"], ["wobblefs", "7", ""]]
    assert columns(rows, headers=["name", "size", "role"], right=(1,)) == [
        "name       size  role",
        "--------  -----  ------",
        "nt        1,000  kernel",
        "wobblefs      7",
    ]


def test_nothing() -> None:
    assert columns([]) == []
    assert columns([[]]) == []
    assert columns([], headers=["a", "b"]) == ["a  b", "-  -"]


def test_short_rows_lack_their_last_cells() -> None:
    assert columns([["a"], ["b", "c"]]) == ["a", "b  c"]


def test_the_widest_column_gives_way() -> None:
    assert columns([["a" * 50, "b" * 10, "c" * 12]], width=40) == ["aaaaaaaaaaa...  bbbbbbbbbb  cccccccccccc"]


def test_fixed_columns_do_not() -> None:
    (line,) = columns([["a" * 30, "b" * 20]], width=40, fixed=(0,))
    assert line == "a" * 30 + "  " + "b" * 5 + "..."


def test_wrapped_columns_go_on_below() -> None:
    lines = columns([["1", "ffff", "Access kind: 0 read, 1 write", "read"]], width=32, fixed=(0, 1), wrapped=(2, 3))
    assert lines == ["1  ffff  Access kind: 0     read", "         read, 1 write"]
    assert columns([["日本語日本語"]], width=8, wrapped=(0,)) == ["日本語日", "本語"]


@given(ROWS, st.integers(60, 120))
def test_wrapped_columns_lose_no_character(rows: list[list[str]], width: int) -> None:
    lines = columns(rows, width=width, wrapped=range(5))
    assert all(width_of(line) <= width for line in lines)
    assert sorted("".join(lines).replace(" ", "")) == sorted("".join(map("".join, rows)).replace(" ", ""))


def test_wide_characters_take_two_cells() -> None:
    assert width_of("日本") == 4
    assert width_of("e\u0301") == 1
    assert columns([["日本", "x"], ["abcd", "y"]]) == ["日本  x", "abcd  y"]
    assert shorten("日本語日本語", 8) == "日本..."


@given(ROWS, st.integers(60, 120))
def test_no_line_is_wider_than_asked_for(rows: list[list[str]], width: int) -> None:
    lines = columns(rows, width=width)
    assert len(lines) == len(rows)
    assert all(width_of(line) <= width for line in lines)
    assert all(line == line.rstrip() for line in lines)


@given(CELLS, st.integers(3, 50))
def test_shortened_text_fits(text: str, width: int) -> None:
    short = shorten(text, width)
    assert width_of(short) <= width
    assert short == text or short.endswith("...")
