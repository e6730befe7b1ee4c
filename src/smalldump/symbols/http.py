"""Downloads over HTTP: bounded in time and size, whole or not at all. urllib3 is imported with the first of them."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Timer
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple
from urllib.parse import unquote, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from smalldump.escape import escape, shortened
from smalldump.symbols.attempts import Outcome
from smalldump.version import __version__

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, HTTPConnectionPool, PoolManager

__all__ = ["HttpClient", "HttpLimits", "Progress", "Reply", "redirect_allowed", "same_server"]

Progress = Callable[[str, int, int | None], None]
"""Told while a file comes: its URL, the bytes so far, all bytes where the server says how many."""

_CHUNK = 1 << 16
_REDIRECTS = (301, 302, 303, 307, 308)
_BUSY = (429, 500, 502, 503, 504)
_LONGEST_WORDS = 160
_AGENT = f"smalldump/{__version__} (Microsoft-Symbol-Server compatible)"


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """How long and how much a download may take.

    Attributes:
        connect_s: Seconds until there is a connection.
        silence_s: Seconds without a byte.
        grace_s: Seconds that a download may take in any case; beyond, `slowest` bytes per second are asked for.
        longest_s: Seconds that it may take at most.
        retries: Times that a cut transfer or a busy server is tried again, after `pause_s` seconds, then twice that.
        redirects: Redirects that are followed.
    """

    connect_s: float = 5.0
    silence_s: float = 10.0
    grace_s: float = 20.0
    longest_s: float = 1800.0
    slowest: int = 20_000
    retries: int = 2
    pause_s: float = 0.5
    redirects: int = 5


class Reply(NamedTuple):
    """What came of a download.

    Attributes:
        again: Whether it may be worth trying again at once.
        dead: Whether the server itself seems to be out of order, whatever it is asked.
    """

    outcome: Outcome
    detail: str = ""
    again: bool = False
    dead: bool = False


class HttpClient:
    """Downloads files; its connections are kept and may be used by several threads.

    Proxies are those of the environment (HTTPS_PROXY, HTTP_PROXY, NO_PROXY; on Windows and macOS the system's).

    Args:
        limits: How long and how much.
        progress: Called from any thread.
    """

    def __init__(self, limits: HttpLimits, progress: Progress | None = None) -> None:
        self._limits, self._progress = limits, progress
        self._pools: dict[str | None, PoolManager] = {}

    def close(self) -> None:
        """Close all connections."""
        for pool in self._pools.values():
            pool.clear()
        self._pools = {}

    def download(self, url: str, target: BinaryIO, limit: int) -> Reply:
        """Write what a URL has to `target`, at most `limit` bytes. Never raises for what the server does.

        Raises:
            OSError: `target` cannot be written.
        """
        pause = self._limits.pause_s
        for turn in range(self._limits.retries + 1):
            if turn:
                time.sleep(pause)
                pause *= 2
            target.seek(0)
            target.truncate()
            reply = self._followed(url, target, limit)
            if not reply.again:
                break
        return reply

    def _followed(self, url: str, target: BinaryIO, limit: int) -> Reply:
        started, at = time.monotonic(), url
        for _ in range(self._limits.redirects + 1):
            answer = self._asked(at, target, limit, started, same_server(url, at))
            if isinstance(answer, Reply):
                return answer
            if not redirect_allowed(at, answer):
                return Reply(Outcome.REFUSED, f"a redirect that is not followed: {_shown(answer)}")
            at = answer
        return Reply(Outcome.REFUSED, f"more than {self._limits.redirects} redirects")

    def _asked(self, url: str, target: BinaryIO, limit: int, started: float, own: bool) -> Reply | str:
        """One request: what came of it, or the URL that it is redirected to."""
        from urllib3 import Timeout
        from urllib3 import exceptions as errors

        timeout = Timeout(connect=self._limits.connect_s, read=self._limits.silence_s)
        plain, headers = _without_password(url, own)
        response = None
        try:
            response = self._pool(plain).request(
                "GET", plain, redirect=False, retries=False, preload_content=False, timeout=timeout, headers=headers
            )
            return self._received(plain, response, target, limit, started)
        except (errors.NewConnectionError, errors.ProxyError, errors.SSLError) as error:
            return Reply(Outcome.UNREACHABLE, _words(error), dead=True)
        except (errors.ReadTimeoutError, errors.ConnectTimeoutError):
            return Reply(Outcome.TIMEOUT, "no answer in time", dead=response is None)
        except errors.ProtocolError as error:
            cut = response is not None
            outcome = Outcome.MALFORMED if cut else Outcome.UNREACHABLE
            return Reply(outcome, "the transfer was cut" if cut else _words(error), again=True, dead=not cut)
        except (errors.HTTPError, ValueError) as error:
            return Reply(Outcome.FAILED, _words(error))
        finally:
            if response is not None:
                response.close()

    def _received(
        self, url: str, response: BaseHTTPResponse, target: BinaryIO, limit: int, started: float
    ) -> Reply | str:
        status, location = response.status, response.headers.get("Location")
        if status in _REDIRECTS and location:
            return urljoin(url, location)
        if status != 200:
            return _of_status(status)
        total = _length(response)
        if total is not None and total > limit:
            return Reply(Outcome.MALFORMED, f"too large: {total:,} bytes, at most {limit:,} are allowed")
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            return Reply(Outcome.MALFORMED, "encoded in a way that was not asked for")
        done = 0
        # read1 gives what is there: a server that drips does not hold us beyond the limits.
        while chunk := response.read1(_CHUNK, decode_content=False):
            done += len(chunk)
            if done > limit:
                return Reply(Outcome.MALFORMED, f"too large: more than {limit:,} bytes")
            if self._too_slow(time.monotonic() - started, done):
                return Reply(Outcome.TIMEOUT, f"too slow: {done:,} bytes so far")
            target.write(chunk)
            if self._progress is not None:
                self._progress(url, done, total)
        if total is not None and done != total:
            return Reply(Outcome.MALFORMED, f"the transfer was cut: {done:,} bytes of {total:,}", again=True)
        response.release_conn()
        return Reply(Outcome.FOUND)

    def _too_slow(self, elapsed: float, done: int) -> bool:
        return elapsed > min(self._limits.grace_s + done / self._limits.slowest, self._limits.longest_s)

    def _pool(self, url: str) -> PoolManager:
        from urllib3 import PoolManager, ProxyManager

        parts = urlsplit(url)
        proxy = None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)
        if proxy not in self._pools:
            settings: dict[str, Any] = {"num_pools": 8, "maxsize": 8}
            if proxy is None:
                self._pools[proxy] = PoolManager(**settings)
            else:
                address = proxy if "://" in proxy else f"http://{proxy}"
                plain, headers = _without_password(address, True, "proxy-authorization")
                self._pools[proxy] = ProxyManager(plain, proxy_headers=headers, **settings)
            self._pools[proxy].pool_classes_by_scheme = _bounded_pools(self._limits.grace_s)
        return self._pools[proxy]


def _bounded_pools(seconds: float) -> dict[str, type[HTTPConnectionPool]]:
    """Pools whose connections hang up when the head of an answer takes longer, however steadily it drips."""
    from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool
    from urllib3.connection import HTTPConnection, HTTPSConnection

    class Plain(HTTPConnection):
        def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3's own
            with _hanging_up(self.sock, seconds):
                return super().getresponse()

    class Secure(HTTPSConnection):
        def getresponse(self) -> HTTPResponse:  # type: ignore[override]
            with _hanging_up(self.sock, seconds):
                return super().getresponse()

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


@contextmanager
def _hanging_up(connected: socket.socket | None, seconds: float) -> Iterator[None]:
    """End a connection if this lasts longer; then whatever was read of it counts as nothing."""
    late = Event()

    def hang_up() -> None:
        late.set()
        if connected is not None:
            with suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)

    timer = Timer(seconds, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if late.is_set():
            raise TimeoutError


def redirect_allowed(url: str, to: str) -> bool:
    """Whether a redirect is followed: on the same server, or to another one by HTTPS (as Microsoft's server needs).

    So nobody on the way, and no server without a certificate, can send us to another machine; and none leads from
    HTTPS back to HTTP.
    """
    try:
        before, after = urlsplit(url), urlsplit(to)
        return after.hostname is not None and (
            after.scheme == "https" or (before.scheme == "http" and same_server(url, to))
        )
    except ValueError:
        return False


def same_server(url: str, other: str) -> bool:
    """Whether two URLs have scheme, host and port in common."""
    try:
        one, two = urlsplit(url), urlsplit(other)
        return (one.scheme, one.hostname, one.port) == (two.scheme, two.hostname, two.port)
    except ValueError:
        return False


def _without_password(url: str, own: bool, name: str = "authorization") -> tuple[str, dict[str, str]]:
    """A URL without its user's name and password, and headers that have them instead, for their own server only."""
    from urllib3.util import make_headers

    parts = urlsplit(url)
    headers = {"User-Agent": _AGENT, "Accept-Encoding": "identity"}
    if parts.username is None:
        return url, headers
    if own:
        secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers[name] = make_headers(basic_auth=secret)["authorization"]
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(), headers


def _of_status(status: int) -> Reply:
    words = f"HTTP {status}"
    if status in (404, 410):
        return Reply(Outcome.ABSENT, words)
    if status in _BUSY:
        return Reply(Outcome.FAILED, words, again=True)
    return Reply(Outcome.REFUSED if 400 <= status < 500 else Outcome.FAILED, words)


def _length(response: BaseHTTPResponse) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _shown(url: str) -> str:
    return escape(shortened(url.rpartition("@")[2], _LONGEST_WORDS))


def _words(error: Exception) -> str:
    """The innermost reason of urllib3's errors, which wrap each other."""
    reason: BaseException = error
    for _ in range(8):
        inner = getattr(reason, "reason", None) or getattr(reason, "original_error", None) or reason.__cause__
        if not isinstance(inner, BaseException):
            break
        reason = inner
    text = getattr(reason, "strerror", None) or str(reason)
    return escape(shortened(str(text), _LONGEST_WORDS))
