"""Escaping: nothing that a terminal obeys gets through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.escape import escape, shortened, shown_bytes


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("wobblefs.sys", "wobblefs.sys"),
        (r"C:\Windows\x", r"C:\Windows\x"),
        ("Gerät 日本", "Gerät 日本"),
        ("\x1b[2J\x9b1m", r"\x1b[2J\x9b1m"),
        ("a\r\nb\t\0", r"a\r\nb\t\x00"),
        ("exe\u202excod", r"exe\u202excod"),
        ("zero\u200bwidth\u2028line", r"zero\u200bwidth\u2028line"),
        ("\udcff\ud800", r"\udcff\ud800"),
        ("\U000e0041\ue000", r"\U000e0041\ue000"),
    ],
)
def test_examples(text: str, shown: str) -> None:
    assert escape(text) == shown


@given(st.text(st.characters(categories=None)))
def test_the_result_is_printable_and_stays(text: str) -> None:
    shown = escape(text)
    assert shown.isprintable()
    assert escape(shown) == shown
    shown.encode("utf-8")


@given(st.text(max_size=50), st.integers(5, 60))
def test_shortened_text_keeps_its_ends(text: str, longest: int) -> None:
    short = shortened(text, longest)
    assert len(short) <= longest
    assert short == text or (short[0], short[-1]) == (text[0], text[-1])


@pytest.mark.parametrize(
    ("data", "shown"), [(b"PAGE", "`PAGE`"), (b"EG\0\xff", "45 47 00 ff"), (b"\xc3\xa4", "c3 a4"), (b"", "nothing")]
)
def test_bytes_are_text_or_hexadecimal(data: bytes, shown: str) -> None:
    assert shown_bytes(data) == shown
