"""Names made to hurt: deep, long, and doubling themselves; and whatever comes of spoiling good ones."""

from __future__ import annotations

import os
import random
import sys
import time
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.symbols.undecorate import undecorated
from smalldump.symbols.undecorate.cursor import MAX_DECORATED, Cursor, MalformedName
from tests.symbols.undecorate.table import NAMES

ALPHABET = "?@$_0123456789ABCDEFGHIJPQRSTUVWXYZabf<>"
MOST = 1 << 18  # characters that come out of any name
GOOD = [each.decorated for each in NAMES]


def nested_doubling(levels: int) -> str:
    inner = reduce(lambda inside, _: f"V?$A@{inside}000000000@@", range(levels), "H")
    return f"?f@@YAX{inner}@Z"


HOSTILE = {
    "pointers": "?f@@YAX" + "PEA" * 2000 + "H@Z",
    "templates": "?f@@YAX" + "V?$A@" * 1000 + "H" + "@@" * 1000 + "@Z",
    "names": "?" + "?$a@" * 1000,
    "scopes in scopes": "?x@" + "?1??" * 1000,
    "functions": "?f@@YAX" + "P6A" * 1000 + "XXZ" * 1000,
    "nested doubling": nested_doubling(40),
    "arrays": "?f@@YAXPAY" + "PPPPPPPPPPPPPPP@" + "1" * 1000 + "H@Z",
    "operators": "??" + "_P" * 3000,
    "interfaces": "?x@" + "?Q" * 3000,
    "structures": "??$f@" + "$2VA@@" * 1000,
    "fields": "??$f@$2VA@@" + "H2VA@@" * 1000,
    "dynamic": "??__E" * 1000,
    "long": "?f@@YAX" + "VA@@" * (MAX_DECORATED // 4) + "@Z",
    "far too long": "?" + "f" * 1_000_000 + "@@YAXXZ",
    "back-references": "?f@" + "0" * 8000 + "@YAXXZ",
    "long back-references": "?" + "f" * 4000 + "@" + "0" * 4000 + "@YAXXZ",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_names_are_bounded(kind: str) -> None:
    name = HOSTILE[kind]
    for full in (False, True):
        assert len(undecorated(name, full=full)) <= max(MOST, len(name))


@pytest.mark.parametrize("kind", ["pointers", "templates", "names", "scopes in scopes", "functions", "dynamic"])
def test_what_is_too_deep_stays(kind: str) -> None:
    assert undecorated(HOSTILE[kind], full=True) == HOSTILE[kind]


def test_what_grows_out_of_proportion_stays() -> None:
    assert undecorated(HOSTILE["nested doubling"], full=True) == HOSTILE["nested doubling"]
    assert undecorated(HOSTILE["long back-references"]) == HOSTILE["long back-references"]


def test_depth_does_not_need_much_of_the_stack() -> None:
    """As many levels as are let through, where half of the stack is used already; and where all of it is."""
    deepest = "?f@@YAX" + "V?$A@" * 38 + "H" + "@@" * 38 + "@Z"
    assert undecorated(deepest, full=True) != deepest

    def below(frames: int) -> str:
        return below(frames - 1) if frames else undecorated(deepest, full=True)

    assert below(sys.getrecursionlimit() // 2) != deepest
    assert below(sys.getrecursionlimit() - 150) == deepest


@given(st.text(ALPHABET, max_size=120))
def test_any_text_gives_a_text(text: str) -> None:
    for name in (text, f"?{text}", f"??{text}", f"?f@@YAX{text}", f"??$f@{text}"):
        for full in (False, True):
            assert len(undecorated(name, full=full, public=True)) <= MOST


@given(st.text(max_size=60))
def test_any_characters_at_all(text: str) -> None:
    assert undecorated(text) is not None
    assert undecorated(f"?{text}", full=True) is not None


def spoilt(name: str, chance: random.Random) -> str:
    at = chance.randrange(len(name))
    kind = chance.randrange(4)
    if kind == 0:
        return name[:at] + name[at + 1 :]
    if kind == 1:
        return name[:at] + chance.choice(ALPHABET) + name[at:]
    if kind == 2:
        return name[:at] + chance.choice(ALPHABET) + name[at + 1 :]
    other = chance.choice(GOOD)
    return name[:at] + other[chance.randrange(len(other)) :]


def test_spoilt_names_raise_nothing() -> None:
    """As long as SMALLDUMP_FUZZ_SECONDS says, one second where it is unset; the seed is fixed."""
    chance = random.Random(4)
    end = time.monotonic() + float(os.environ.get("SMALLDUMP_FUZZ_SECONDS", "1"))
    name = GOOD[0]
    while time.monotonic() < end:
        name = spoilt(chance.choice((name, chance.choice(GOOD))) or "?", chance) or "?"
        for full in (False, True):
            assert len(undecorated(name, full=full)) <= MOST


def test_numbers_have_sixteen_digits_at_most() -> None:
    assert Cursor("PPPPPPPPPPPPPPPP@", full=False).number() == (1 << 64) - 1
    assert Cursor("?9", full=False).number() == -10
    for text in ("PPPPPPPPPPPPPPPPP@", "@", "Q@", "?@"):
        with pytest.raises(MalformedName):
            Cursor(text, full=False).number()
