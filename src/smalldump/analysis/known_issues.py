"""Known issues: a list that somebody keeps, of failures that have been understood, and what to do about them.

A TOML file of `[[issue]]` tables: `id`, `text`, perhaps `link`, and `[issue.match]`, all of whose keys must hold.

    bug_check = ["0xD1", "0x50"]        one, or several, any of which may be it
    parameters = { 1 = "0x3" }          bug check parameters by number
    signature = "d1|wobblefs*"          the coarse or the fine one, with * and ?
    bucket = "AV_wobblefs!*"            Microsoft's bucket, likewise
    culprit = "wobblefs.sys"            whom the verdict blames: name or file
    module = { file = "wobblefs.sys", linked_from = 2024-01-01, linked_before = 2025-09-01 }
                                        a loaded driver; perhaps only as linked in that time, or with one of the
                                        `timestamps = ["0x68B0F2A1"]` that reproducible builds have in place of a time
    build = { from = 19041, before = 22000 }
                                        of Windows

A small dump holds no file versions: the time stamp of a driver's header stands for one.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from smalldump.analysis.plugins import AnalysisPlugin
from smalldump.analysis.remarks import Remark
from smalldump.analysis.result import Analysis
from smalldump.errors import KnownIssuesError
from smalldump.model import Absent, BugCheck, Module, Snapshot

__all__ = ["KnownIssue", "KnownIssues"]

_LARGEST = 4 << 20
_FIELDS = frozenset({"id", "text", "link", "match"})
_MODULE, _BUILD = frozenset({"file", "linked_from", "linked_before", "timestamps"}), frozenset({"from", "before"})


class KnownIssue(NamedTuple):
    """One issue of a list.

    Attributes:
        name: Its `id`.
        text: What is known, and what to do.
        link: Where more is to be found, or empty.
        tests: All must hold for a dump to show the issue.
    """

    name: str
    text: str
    link: str
    tests: tuple[Callable[[Snapshot, Analysis], bool], ...]


class KnownIssues(AnalysisPlugin):
    """A list of known issues, at work as a plug-in.

    Attributes:
        issues: In the order of the file.
    """

    name = "known issues"

    def __init__(self, issues: Iterable[KnownIssue]) -> None:
        self.issues = tuple(issues)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> KnownIssues:
        """Read a list.

        Raises:
            KnownIssuesError: The file cannot be read, or is malformed.
        """
        name = os.fspath(path)
        try:
            with open(path, "rb") as file:
                data = file.read(_LARGEST + 1)
            if len(data) > _LARGEST:
                raise KnownIssuesError(name, f"larger than {_LARGEST:,} bytes")
            return cls.parse(data.decode(), name)
        except OSError as error:
            raise KnownIssuesError(name, error.strerror or str(error)) from error
        except ValueError as error:  # malformed UTF-8
            raise KnownIssuesError(name, str(error)) from error

    @classmethod
    def parse(cls, text: str, name: str = "known issues") -> KnownIssues:
        """Read a list out of its text; `name` is for errors.

        Raises:
            KnownIssuesError: It is malformed.
        """
        try:
            data = tomllib.loads(text)
            issues = data.pop("issue", [])
            if data or not isinstance(issues, list):
                raise _MalformedError("expected only [[issue]] tables")
            return cls(_issue(number, table) for number, table in enumerate(issues, 1))
        except (_MalformedError, tomllib.TOMLDecodeError) as error:
            raise KnownIssuesError(name, str(error)) from error

    def after_bucket(self, machine: Snapshot, analysis: Analysis) -> Iterator[Remark]:
        """The issues that a dump shows."""
        for issue in self.issues:
            if all(test(machine, analysis) for test in issue.tests):
                yield Remark(issue.name, issue.text, issue.link)


class _MalformedError(Exception):
    """What is wrong, and where in the file."""


def _issue(number: int, table: object) -> KnownIssue:
    where = f"issue {number}"
    fields = _table(table, _FIELDS, where)
    name, text, link = (_text(fields.get(key, ""), f"{where}: {key}") for key in ("id", "text", "link"))
    if not name or not text:
        raise _MalformedError(f"{where}: id and text are needed")
    match = _table(fields.get("match", {}), frozenset(_TESTS), f"{name}: match")
    if not match:
        raise _MalformedError(f"{name}: match has no condition, so every dump would show the issue")
    return KnownIssue(name, text, link, tuple(_TESTS[key](value, f"{name}: {key}") for key, value in match.items()))


def _bug_check(value: object, where: str) -> Callable[[Snapshot, Analysis], bool]:
    codes = _numbers(value if isinstance(value, list) else [value], where)
    return lambda machine, _: isinstance(machine.bug_check, BugCheck) and machine.bug_check.code in codes


def _parameters(value: object, where: str) -> Callable[[Snapshot, Analysis], bool]:
    wanted = {key: _number(each, where) for key, each in _table(value, frozenset("1234"), where).items()}

    def holds(machine: Snapshot, _: Analysis) -> bool:
        stop = machine.bug_check
        return isinstance(stop, BugCheck) and all(stop.parameters[int(key) - 1] == each for key, each in wanted.items())

    return holds


def _signature(value: object, where: str) -> Callable[[Snapshot, Analysis], bool]:
    pattern = _text(value, where).lower()

    def holds(_: Snapshot, analysis: Analysis) -> bool:
        found = analysis.signature
        return found is not None and any(fnmatchcase(key, pattern) for key in (found.coarse, found.fine))

    return holds


def _bucket(value: object, where: str) -> Callable[[Snapshot, Analysis], bool]:
    pattern = _text(value, where).lower()
    return lambda _, found: found.bucket is not None and fnmatchcase(found.bucket.words.lower(), pattern)


def _culprit(value: object, where: str) -> Callable[[Snapshot, Analysis], bool]:
    wanted = _text(value, where).lower()

    def holds(_: Snapshot, analysis: Analysis) -> bool:
        found = analysis.verdict.culprit
        return found is not None and wanted in {found.name.lower(), (found.file or "").lower()}

    return holds


def _module(value: object, where: str) -> Callable[[Snapshot, Analysis], bool]:
    table = _table(value, _MODULE, where)
    file = _text(table.get("file", ""), f"{where}: file").lower()
    if not file:
        raise _MalformedError(f"{where}: file is needed")
    first, last = (_day(table[key], f"{where}: {key}") if key in table else None for key in _TIMES)
    stamps = _numbers(table.get("timestamps", []), f"{where}: timestamps")

    def loaded(module: Module) -> bool:
        if module.file.lower() != file:
            return False
        if not stamps and first is None and last is None:
            return True
        stamp = module.timestamp
        return not isinstance(stamp, Absent) and _fits(stamp, stamps, first, last)

    return lambda machine, _: any(map(loaded, machine.modules))


_TIMES = ("linked_from", "linked_before")


def _fits(stamp: int, stamps: set[int], first: float | None, last: float | None) -> bool:
    if stamp in stamps:
        return True
    if first is None and last is None:
        return False
    return (first is None or stamp >= first) and (last is None or stamp < last)


def _build(value: object, where: str) -> Callable[[Snapshot, Analysis], bool]:
    table = _table(value, _BUILD, where)
    first, last = (_number(table.get(key, other), where) for key, other in (("from", 0), ("before", 1 << 32)))

    def holds(machine: Snapshot, _: Analysis) -> bool:
        build = machine.system.build
        return not isinstance(build, Absent) and first <= build < last

    return holds


_TESTS: Mapping[str, Callable[[object, str], Callable[[Snapshot, Analysis], bool]]] = {
    "bug_check": _bug_check,
    "parameters": _parameters,
    "signature": _signature,
    "bucket": _bucket,
    "culprit": _culprit,
    "module": _module,
    "build": _build,
}


def _table(value: object, keys: frozenset[str], where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _MalformedError(f"{where}: expected a table, found {value!r}")
    unknown = sorted(value.keys() - keys)
    if unknown:
        raise _MalformedError(f"{where}: {unknown[0]!r} is none of {', '.join(sorted(keys))}")
    return value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise _MalformedError(f"{where}: expected text, found {value!r}")
    return value


def _numbers(value: object, where: str) -> set[int]:
    if not isinstance(value, list):
        raise _MalformedError(f"{where}: expected a list, found {value!r}")
    return {_number(each, where) for each in value}


def _number(value: object, where: str) -> int:
    try:
        if isinstance(value, int | str) and not isinstance(value, bool):
            return value if isinstance(value, int) else int(value, 16)
    except ValueError:
        pass
    raise _MalformedError(f'{where}: expected a number or hexadecimal text such as "0xD1", found {value!r}')


def _day(value: object, where: str) -> float:
    if not isinstance(value, date):
        raise _MalformedError(f"{where}: expected a date such as 2025-09-01, found {value!r}")
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    return datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp()
