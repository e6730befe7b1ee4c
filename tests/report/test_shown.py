"""Values in words: times since boot, numbers of things, paragraphs."""

from __future__ import annotations

import pytest

from smalldump.report.shown import counted, labelled, paragraph, uptime


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (3.747, "3.7 s"),
        (59.9, "59.9 s"),
        (60, "1 min"),
        (111.0, "1 min 51 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h"),
        (3660, "1 h 1 min"),
        (100_000, "27 h 46 min"),
        (172_800, "2 days"),
        (2_584_800, "29 days 22 h"),
    ],
)
def test_times_since_boot(seconds: float, words: str) -> None:
    assert uptime(seconds) == words


@pytest.mark.parametrize(
    ("number", "words"), [(0, "no frames"), (1, "1 frame"), (2, "2 frames"), (4096, "4,096 frames")]
)
def test_numbers_of_things(number: int, words: str) -> None:
    assert counted(number, "frame") == words


def test_words_with_hyphens_stay_whole() -> None:
    lines = paragraph("[insufficient-dump-file-size] " * 3, 50)
    assert lines == ["[insufficient-dump-file-size]"] * 3


def test_prose_is_no_wider_than_can_be_read() -> None:
    assert max(map(len, paragraph("word " * 100, 1000))) <= 100


def test_a_bullet_hangs() -> None:
    assert labelled("", "- " + "word " * 8, 34)[1].startswith(" " * 12 + "word")
