"""Conditions on bug check parameters: their written form and what they hold for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.knowledge.conditions import Condition, ParameterFacts

WORDS = st.integers(0, (1 << 64) - 1)
TEXTS = ["1=3", "1=3,4", "1&FF=2", "3>=1", "1<=3FFF", "2=C0000005", "4&100=0"]


@pytest.mark.parametrize(
    ("text", "holds_for", "fails_for"),
    [
        ("1=3", [3], [0, 4, 0x103]),
        ("1=3,4", [3, 4], [0, 34]),
        ("1&FF=2", [2, 0xABCD02], [3, 0x200]),
        ("3>=1", [1, 1 << 63], [0]),
        ("1<=3FFF", [0, 0x3FFF], [0x4000]),
        ("1&FFFF0000=CA550000", [0xCA550123], [0xCA560000, 0xCA55]),
    ],
)
def test_a_condition_holds(text: str, holds_for: list[int], fails_for: list[int]) -> None:
    condition = Condition.parse(text)
    assert condition.param == int(text[0])
    assert all(map(condition.holds, holds_for))
    assert not any(map(condition.holds, fails_for))


@pytest.mark.parametrize("text", ["", "5=1", "1==3", "1=", "1=g", "=3", "1=3,", "1&=3", "1=3 2=4", "1 = 3"])
def test_other_forms_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a condition"):
        Condition.parse(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [("1=3", "P1 = 0x3"), ("1=3,4", "P1 = 0x3 or 0x4"), ("1&FF=2", "P1 & 0xff = 0x2"), ("3>=1", "P3 >= 0x1")],
)
def test_a_condition_in_words(text: str, words: str) -> None:
    assert str(Condition.parse(text)) == words


@given(value=st.one_of(WORDS, st.integers(0, 5)), text=st.sampled_from(TEXTS))
def test_the_short_way_agrees_with_the_condition(value: int, text: str) -> None:
    facts = ParameterFacts([value] * 4, [False] * 4)
    assert facts.satisfy(text) == Condition.parse(text).holds(value)


@given(high=st.integers(0, 0xFFFFFFFF))
def test_of_status_codes_only_the_low_word_counts(high: int) -> None:
    parameters = [high << 32 | 0xC0000005, 0, 0, 0]
    assert ParameterFacts(parameters, [True, False, False, False]).satisfy("1=C0000005")
    assert ParameterFacts(parameters, [False] * 4).satisfy("1=C0000005") == (high == 0)
