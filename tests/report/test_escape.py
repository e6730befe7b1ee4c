"""Escaping: nothing that a terminal obeys gets through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.report.escape import escape


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
