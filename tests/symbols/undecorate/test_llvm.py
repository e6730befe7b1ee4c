"""Declarations against those of llvm-undname, which was written from the same names by others."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable

import pytest

from smalldump.symbols.undecorate import undecorated
from tests.symbols.undecorate.images import exported_names
from tests.symbols.undecorate.llvm import UNDNAME, comparable, declarations, reason
from tests.symbols.undecorate.table import NAMES


def differences(names: Iterable[str]) -> tuple[int, list[tuple[str, str, str]]]:
    """How many names llvm-undname understands, and where we differ without a reason that we know of."""
    theirs = declarations(names)
    ours = {name: undecorated(name, full=True) for name in theirs}
    unlike = [name for name in theirs if comparable(ours[name]) != comparable(theirs[name])]
    print(f"{len(theirs) - len(unlike)} of {len(theirs)} alike;", dict(Counter(map(reason, unlike))))
    return len(theirs), [(name, ours[name], theirs[name]) for name in unlike if reason(name) is None]


@pytest.fixture
def undname() -> None:
    if not UNDNAME:
        words = "llvm-undname is not installed (Debian package llvm-14)"
        pytest.fail(words) if os.environ.get("SMALLDUMP_CI") else pytest.skip(words)


@pytest.mark.usefixtures("undname")
def test_names_of_our_own() -> None:
    """Most are odd on purpose, and some are more than llvm-undname 14 knows; Microsoft's word is in the table."""
    count, unlike = differences(each.decorated for each in NAMES)
    assert count > 250
    assert len(unlike) < count // 8, unlike


@pytest.mark.usefixtures("undname")
def test_names_of_real_images() -> None:
    count, unlike = differences(exported_names())
    assert len(unlike) <= count // 1000, unlike[:10]
