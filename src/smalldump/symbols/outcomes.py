"""Outcomes that are remembered, by kind, so that no server is asked the same in vain, and a dead one only once.

In a cache's folder the file `smalldump-outcomes.jsonl` has a line for each: what was asked of whom, when, what came of
it. The last line about a thing counts; lines that are too old or malformed do not.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from smalldump.escape import escape
from smalldump.symbols.attempts import Outcome

__all__ = ["FILE_NAME", "LIFETIMES", "OutcomeMemory", "Remembered"]

FILE_NAME = "smalldump-outcomes.jsonl"
"""The file in a cache's folder."""

LIFETIMES = {
    Outcome.FOUND: 86_400.0,
    Outcome.ABSENT: 86_400.0,
    Outcome.REFUSED: 3_600.0,
    Outcome.MALFORMED: 3_600.0,
    Outcome.TIMEOUT: 300.0,
    Outcome.UNREACHABLE: 300.0,
    Outcome.FAILED: 300.0,
}
"""Seconds for which an outcome is believed."""

_LARGEST_FILE = 1 << 22
_LONGEST_DETAIL = 200


class Remembered(NamedTuple):
    """An outcome of an earlier time, in seconds since 1970."""

    outcome: Outcome
    detail: str
    time: float


class OutcomeMemory:
    """What came of asking servers, in this run and, with a folder, in earlier ones.

    The disk is only a help: what cannot be read or written there is as if it had never been.

    Args:
        folder: The cache's folder; None for this run only.
    """

    def __init__(self, folder: Path | None) -> None:
        self._path = None if folder is None else folder / FILE_NAME
        self._known: dict[tuple[str, str], Remembered] | None = None
        self._lock = Lock()

    def recall(self, store: str, key: str) -> Remembered | None:
        """What is known of a thing, if it is not too old."""
        with self._lock:
            found = self._loaded().get((store, key))
        return found if found is not None and _fresh(found, time.time()) else None

    def remember(self, store: str, key: str, outcome: Outcome, detail: str) -> None:
        """Keep what came of a thing."""
        if outcome not in LIFETIMES:
            return
        made = Remembered(outcome, detail[:_LONGEST_DETAIL], time.time())
        with self._lock:
            self._loaded()[store, key] = made
            self._append(_line(store, key, made))

    def _loaded(self) -> dict[tuple[str, str], Remembered]:
        if self._known is None:
            self._known = {}
            if self._path is not None:
                self._load(self._path)
        return self._known

    def _load(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                data = file.read(_LARGEST_FILE + 1)
        except OSError:
            return
        now, known = time.time(), self._known
        for line in data.splitlines():
            parsed = _parsed(line)
            if parsed is not None and known is not None and _fresh(parsed[1], now):
                known[parsed[0]] = parsed[1]
        if len(data) > _LARGEST_FILE:
            self._rewrite(path)

    def _rewrite(self, path: Path) -> None:
        """Leave only what still counts."""
        known = self._known or {}
        temporary = path.with_name(f".smalldump-{os.getpid()}-outcomes.tmp")
        try:
            temporary.write_text("".join(_line(*thing, found) for thing, found in known.items()), "ascii")
            os.replace(temporary, path)
        except OSError:
            temporary.unlink(missing_ok=True)

    def _append(self, line: str) -> None:
        """One write at the file's end, so that lines of several processes do not mix."""
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o666)
            try:
                os.write(descriptor, line.encode("ascii"))
            finally:
                os.close(descriptor)
        except OSError:
            pass


def _fresh(found: Remembered, now: float) -> bool:
    return 0 <= now - found.time < LIFETIMES[found.outcome]


def _line(store: str, key: str, found: Remembered) -> str:
    fields = {"store": store, "key": key, "outcome": found.outcome.value, "detail": found.detail, "time": found.time}
    return json.dumps(fields) + "\n"


def _parsed(line: bytes) -> tuple[tuple[str, str], Remembered] | None:
    try:
        fields = json.loads(line)
        outcome = Outcome(fields["outcome"])
        thing = (str(fields["store"]), str(fields["key"]))
        found = Remembered(outcome, escape(str(fields["detail"])[:_LONGEST_DETAIL]), float(fields["time"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return (thing, found) if outcome in LIFETIMES else None
