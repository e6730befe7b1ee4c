"""From names to codes: bug checks and status codes by what people call them."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from smalldump.knowledge.table import table_path

__all__ = ["codes_named", "names_like"]

_TABLES = ("bug_checks.txt", "ntstatus.txt")
_PREFIXES = ("", "BUGCODE_", "STATUS_")
_CLOSE = 0.7


def codes_named(name: str) -> list[int]:
    """The codes of this name, bug checks first; case does not matter, and `STATUS_` may be left out."""
    wanted = {prefix + name.upper() for prefix in _PREFIXES}
    return [code for code, called in _names() if called in wanted]


def names_like(name: str, most: int = 3) -> list[str]:
    """Names that are much like this one, the closest first."""
    known = list({called for _, called in _names()})
    words = name.upper()
    found = get_close_matches(words, sorted(known), most, _CLOSE)
    return found or sorted(each for each in known if words in each)[:most]


def _names() -> Iterator[tuple[int, str]]:
    """Codes and names of both tables, other names of the same code among them."""
    for table in _TABLES:
        with table_path(table).open(encoding="ascii") as lines:
            for line in lines:
                if not line.startswith("#"):
                    yield from _named(table, line.rstrip("\n"))


def _named(table: str, line: str) -> Iterator[tuple[int, str]]:
    if table == _TABLES[0]:
        number, name, _source, _marks, _variant, aliases, _rest = line.split("\t", 6)
        names = [name, *aliases.split()]
    else:
        number, *names = line.split(" ")
    yield from ((int(number, 16), name) for name in names)
