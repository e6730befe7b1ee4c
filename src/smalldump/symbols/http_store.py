"""A symbol server: asked in the order in which Microsoft's client asks, and given up when it does not answer.

index2.txt                 once: whether the store has three tiers
name/key/name              the file
name/key/nam_              compressed: the last character of the name is `_`
name/key/file.ptr          where it is instead, or a message
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock
from typing import BinaryIO
from urllib.parse import quote, urlsplit

from smalldump.errors import FormatError
from smalldump.escape import escape
from smalldump.symbols.attempts import Attempt, Found, Outcome
from smalldump.symbols.cabinet import SIGNATURE, unpack_cabinet
from smalldump.symbols.folder_store import THREE_TIERS, store_paths
from smalldump.symbols.http import HttpClient, Reply
from smalldump.symbols.keeping import Draft, draft, place_in
from smalldump.symbols.outcomes import OutcomeMemory, Remembered
from smalldump.symbols.path import shown_url
from smalldump.symbols.pointer import LONGEST_POINTER, parse_pointer, remote_target
from smalldump.symbols.proof import objection
from smalldump.symbols.wanted import Wanted, WantedImage

__all__ = ["HttpStore"]

_SERVER = ""
"""The key under which it is remembered that the server itself does not answer."""
_MOST_FAILURES = 3
_LARGEST_INDEX = 1 << 16
_OVERLAY = 1 << 26  # signatures and debugging data behind what is loaded of an image
_WORST_FIRST = (Outcome.MALFORMED, Outcome.TIMEOUT, Outcome.UNREACHABLE, Outcome.FAILED, Outcome.REFUSED)


class HttpStore:
    """A symbol server; several threads may ask it.

    Args:
        url: Its address, perhaps with a name and a password.
        client: What downloads.
        memory: What is known of it from before.
        limit: Bytes that a file may have.
    """

    def __init__(self, url: str, client: HttpClient, memory: OutcomeMemory, limit: int) -> None:
        self._url, self._client, self._memory, self._limit = url, client, memory, limit
        self.name = escape(shown_url(url))
        self._first = Lock()
        self._three_tiers: bool | None = None
        self._failures = 0
        self._given_up: str | None = None

    def find(self, wanted: Wanted, cache: Path) -> Found:
        """Ask for a file and keep it in a cache. Whoever asked in vain a short while ago is not bothered again."""
        place = place_in(cache, wanted)
        if place is None:
            return Found(None, (self._attempt(wanted.key, Reply(Outcome.REFUSED, "a name that no store can have")),))
        known = self._memory.recall(self.name, wanted.key)
        if known is not None and known.outcome is not Outcome.FOUND:
            return Found(None, (self._attempt(wanted.key, _reminded(known)),))
        attempts = list(self._find_tiers())
        if self._given_up is not None:
            attempts.append(self._attempt(wanted.key, Reply(Outcome.SKIPPED, self._given_up)))
            return Found(None, tuple(attempts))
        try:
            path = self._asked(wanted, place, attempts)
        except OSError as error:
            reply = Reply(Outcome.FAILED, f"the cache {cache} cannot be written: {error.strerror or error}")
            return Found(None, (*attempts, self._attempt(wanted.key, reply)))
        if path is None and self._given_up is None:
            self._remember_worst(wanted.key, attempts)
        return Found(path, tuple(attempts))

    def _find_tiers(self) -> Iterator[Attempt]:
        """Ask for index2.txt where nobody has yet: one thread does, the others wait for what it learns."""
        with self._first:
            if self._three_tiers is not None or self._given_up is not None:
                return
            known = self._memory.recall(self.name, _SERVER)
            if known is not None and known.outcome is not Outcome.FOUND:
                self._given_up = f"the server was given up: {_reminded(known).detail}"
                return
            known = self._memory.recall(self.name, THREE_TIERS)
            if known is not None:
                self._three_tiers = known.outcome is Outcome.FOUND
                return
            reply = self._client.download(f"{self._url}/{THREE_TIERS}", io.BytesIO(), _LARGEST_INDEX)
            self._judge(reply)
            if self._given_up is None:
                self._three_tiers = reply.outcome is Outcome.FOUND
                # A server that failed at this may have three tiers none the less; that is asked again another time.
                if reply.outcome in (Outcome.FOUND, Outcome.ABSENT, Outcome.REFUSED):
                    self._memory.remember(self.name, THREE_TIERS, reply.outcome, reply.detail)
            yield self._attempt(THREE_TIERS, reply)

    def _asked(self, wanted: Wanted, place: Path, attempts: list[Attempt]) -> Path | None:
        ways: tuple[Callable[[str, Draft, Wanted], Reply], ...] = (self._as_it_is, self._as_it_is, self._by_pointer)
        for parts, way in zip(store_paths(wanted, bool(self._three_tiers)), ways, strict=True):
            key = "/".join(parts)
            with draft(place) as made:
                reply = way("/".join(quote(part, safe="") for part in parts), made, wanted)
                attempts.append(self._attempt(key, reply))
                if reply.outcome is Outcome.FOUND:
                    return made.keep()
            if self._given_up is not None:
                break
        return None

    def _as_it_is(self, path: str, made: Draft, wanted: Wanted) -> Reply:
        return self._downloaded(f"{self._url}/{path}", made, wanted)

    def _by_pointer(self, path: str, made: Draft, wanted: Wanted) -> Reply:
        pointing = io.BytesIO()
        reply = self._client.download(f"{self._url}/{path}", pointing, LONGEST_POINTER)
        self._judge(reply)
        if reply.outcome is not Outcome.FOUND:
            return reply
        pointer = parse_pointer(pointing.getvalue())
        if not pointer.target:
            return Reply(Outcome.ABSENT, pointer.message)
        base = urlsplit(self._url)
        bare = base._replace(netloc=base.netloc.rpartition("@")[2]).geturl()
        url = remote_target(pointer.target, bare)
        if url is None:
            return Reply(Outcome.REFUSED, "the pointer leads away from the server")
        return self._downloaded(urlsplit(url)._replace(netloc=base.netloc).geturl(), made, wanted)

    def _downloaded(self, url: str, made: Draft, wanted: Wanted) -> Reply:
        """Get a file, compressed or not (its first bytes tell), and make sure that it is the right one."""
        reply = self._client.download(url, made.file, self._largest(wanted))
        self._judge(reply)
        if reply.outcome is not Outcome.FOUND:
            return reply
        made.file.flush()
        try:
            _unpack_in_place(made.file, self._limit)
        except FormatError as error:
            return Reply(Outcome.MALFORMED, str(error))
        made.file.flush()
        wrong = objection(made.path, wanted)
        return reply if wrong is None else Reply(Outcome.MALFORMED, wrong)

    def _largest(self, wanted: Wanted) -> int:
        return min(self._limit, wanted.size + _OVERLAY) if isinstance(wanted, WantedImage) else self._limit

    def _judge(self, reply: Reply) -> None:
        """Give the server up when it seems to be dead or fails time after time."""
        failed = reply.dead or reply.outcome in (Outcome.TIMEOUT, Outcome.FAILED)
        self._failures = self._failures + 1 if failed else 0
        if (reply.dead or self._failures >= _MOST_FAILURES) and self._given_up is None:
            self._given_up = f"the server was given up: {reply.detail}"
            self._memory.remember(self.name, _SERVER, reply.outcome, reply.detail)

    def _remember_worst(self, key: str, attempts: list[Attempt]) -> None:
        outcomes = {attempt.outcome: attempt.detail for attempt in attempts if attempt.key != THREE_TIERS}
        worst = next((outcome for outcome in _WORST_FIRST if outcome in outcomes), Outcome.ABSENT)
        self._memory.remember(self.name, key, worst, outcomes.get(worst, ""))

    def _attempt(self, key: str, reply: Reply) -> Attempt:
        return Attempt(self.name, escape(key), reply.outcome, reply.detail)


def _unpack_in_place(file: BinaryIO, limit: int) -> None:
    """Put the file in a cabinet in the cabinet's place; leave what is none alone."""
    file.seek(0)
    if file.read(len(SIGNATURE)) != SIGNATURE:
        return
    from tempfile import SpooledTemporaryFile

    file.seek(0)
    with SpooledTemporaryFile(max_size=1 << 24) as packed:
        while chunk := file.read(1 << 20):
            packed.write(chunk)
        packed.seek(0)
        file.seek(0)
        file.truncate()
        unpack_cabinet(packed, file, limit)  # type: ignore[arg-type]


def _reminded(known: Remembered) -> Reply:
    from datetime import UTC, datetime

    when = datetime.fromtimestamp(known.time, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return Reply(known.outcome, f"{known.detail}{', ' if known.detail else ''}remembered from {when}")
