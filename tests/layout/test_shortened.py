"""The note on a shortened structure: written into the comment, found in it again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.layout.shortened import Shortened, shortened_note, shortened_structures

SIZES = st.integers(0, 0xFFFFFFFF)


def test_the_note() -> None:
    assert shortened_note(Shortened("KPRCB", 0xAF00, 0x700)) == "KPRCB of 0xaf00 bytes shortened to 0x700"


@given(SIZES, SIZES, st.text(max_size=20))
def test_it_is_found_behind_any_text(size: int, kept: int, text: str) -> None:
    shortened = Shortened("KPRCB", size, kept)
    assert shortened_structures(f"{text}; {shortened_note(shortened)}")[-1:] == (shortened,)


@pytest.mark.parametrize("comment", ["", "KPRCB", "KPRCB of 0xaf00 bytes", "EPROCESS of 0x10 bytes shortened to 0x8"])
def test_other_comments_say_nothing(comment: str) -> None:
    assert shortened_structures(comment) == ()
