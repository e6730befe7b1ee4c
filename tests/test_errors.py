"""The error tree: as drawn, and able to travel between processes."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from importlib import import_module

import pytest

from smalldump import errors
from smalldump.errors import (
    BudgetTooSmall,
    FormatError,
    MemoryUnavailable,
    SmallDumpError,
    SourceUnreadable,
    SymbolError,
    Truncated,
)

TREE = [getattr(errors, name) for name in errors.__all__]


def drawn() -> Iterator[tuple[str, str | None]]:
    """Names in the module's drawing, each with its parent."""
    path: list[str] = []
    text = (errors.__doc__ or "").split("\n\n")[1]
    margin = len(text) - len(text.lstrip())
    for line in text.splitlines():
        depth = (len(line) - len(line.lstrip()) - margin) // 2
        name = line.split()[0]
        path = [*path[:depth], name]
        yield name, path[-2] if depth else None


def test_the_drawing_shows_the_classes() -> None:
    assert dict(drawn()) == {
        kind.__name__: None if kind is SmallDumpError else kind.__bases__[0].__name__ for kind in TREE
    }
    assert len(list(drawn())) == len(TREE)


def test_each_class_has_one_parent() -> None:
    assert all(len(kind.__bases__) == 1 for kind in TREE)
    assert all(issubclass(kind, SmallDumpError) for kind in TREE)
    assert SmallDumpError.__bases__ == (Exception,)


def test_the_drawing_names_attributes_that_exist() -> None:
    samples = {type(error).__name__: error for error in ERRORS}
    for line in (errors.__doc__ or "").split("\n\n")[1].splitlines():
        name, *words = line.replace("(", "").replace(")", "").split()
        attributes = [word.lstrip(".") for word in words if word.startswith(".")]
        assert all(hasattr(samples[name], attribute) for attribute in attributes), name


def test_no_error_is_declared_elsewhere() -> None:
    """Modules of the package raise these on purpose, and no others of their own."""
    for room in ("layout.record", "sources.small", "intake", "memory", "model"):
        import_module(f"smalldump.{room}")
    known = set(TREE)
    found = {kind for parent in known for kind in parent.__subclasses__()}
    assert found <= known


def made(kind: type[SmallDumpError]) -> SmallDumpError:
    if issubclass(kind, FormatError | SymbolError):
        return kind("the marker is missing", offset=0x1234, expected="`TRGD`", found="zeros")
    if issubclass(kind, MemoryUnavailable):
        return kind(0xFFFFF80400001000, 0x20, b"abc")
    if issubclass(kind, BudgetTooSmall):
        return kind(70_000, 65_536)
    if issubclass(kind, SmallDumpError) and kind is not SmallDumpError:
        return kind("a/b.dmp", "no such file")
    return kind("something")


ERRORS = [made(kind) for kind in TREE] + [FormatError("odd"), Truncated("cut", found="3 bytes")]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors_travel(error: SmallDumpError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


def test_what_they_say() -> None:
    assert str(FormatError("odd")) == "odd"
    assert str(Truncated("cut", offset=16)) == "cut at offset 0x10"
    assert (
        str(FormatError("odd", offset=0, expected="one", found="two")) == "odd at offset 0x0: expected one, found two"
    )
    assert str(MemoryUnavailable(0xFFFFF80400001000, 16, b"ab")) == (
        "memory at fffff804`00001000 is not in the dump: wanted 0x10 bytes, got 0x2"
    )
    assert str(BudgetTooSmall(70_000, 65_536)) == "the dump needs at least 70,000 bytes, 65,536 are allowed"
    assert str(SymbolError("no such stream", offset=4, found="9")) == "no such stream at offset 0x4: found 9"
    assert str(SourceUnreadable("a.dmp", "no such file")) == "a.dmp: no such file"
