r"""The symbol path, as Windows' debuggers write it.

    folder;folder                      looked into as they are, and in symbols\ext and ext below
    srv*folder                         a symbol store
    srv*cache*store                    a store behind one or more caches, the nearest first; up to ten stores
    symsrv*symsrv.dll*cache*store      the same
    cache*folder;…                     a cache for all servers to the right
    https://server/symbols             a server, behind the standard cache
    srv*                               Microsoft's server, behind the standard cache

Source: "Advanced SymSrv Use" in Microsoft's documentation of its debuggers.
"""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

__all__ = ["MICROSOFT", "Element", "default_cache", "is_url", "parse_symbol_path", "shown_url"]

MICROSOFT = "https://msdl.microsoft.com/download/symbols"
"""The server that `srv*` alone stands for, as in WinDbg."""

_MOST_STORES, _MOST_ELEMENTS, _LONGEST = 10, 100, 32_767


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a symbol path.

    Attributes:
        stores: Folders and URLs in the order of asking; what is found in a later one is kept in the earlier ones.
        plain: Whether it is a folder named without `srv*`, which files may lie in as they are.
    """

    stores: tuple[str, ...]
    plain: bool = False


def parse_symbol_path(text: str, standard_cache: Path | None = None) -> tuple[Element, ...]:
    """The elements of a symbol path; empty ones are passed over.

    Args:
        standard_cache: Folder for what servers give where no cache is named; by default this user's.

    Raises:
        ValueError: It is malformed; the text says where.
    """
    if len(text) > _LONGEST:
        raise ValueError(f"a symbol path of more than {_LONGEST:,} characters")
    standard = str(standard_cache or default_cache())
    elements, caches = list[Element](), tuple[str, ...]()
    for part in text.split(";"):
        element = _element(part.strip().strip('"'), standard)
        if element is None:
            continue
        if len(elements) == _MOST_ELEMENTS:
            raise ValueError(f"a symbol path of more than {_MOST_ELEMENTS} elements")
        if part.strip().lower().startswith("cache*"):
            caches = (*caches, *element.stores)
            elements.append(element)
        else:
            elements.append(_behind(element, caches, standard))
    return tuple(elements)


def _element(part: str, standard: str) -> Element | None:
    words = [word.strip() for word in part.split("*")]
    kind = words[0].lower()
    if not part:
        return None
    if len(words) == 1:
        return Element((_store(part),), plain=not is_url(part))
    if kind == "cache" and len(words) == 2:
        return Element((words[1] or standard,))
    if kind == "symsrv" and words[1].lower() == "symsrv.dll":
        words = words[1:]
    elif kind != "srv":
        shown = "*".join(map(shown_url, words))
        raise ValueError(
            f"unknown element {shown!r} (it begins with srv*, symsrv*symsrv.dll* or cache*, or is a folder)"
        )
    if words[1:] in ([], [""]):
        return Element((standard, MICROSOFT))
    # An empty name between stars stands for the standard cache.
    stores = tuple(_store(word) if word else standard for word in words[1:])
    if len(stores) > _MOST_STORES:
        raise ValueError(f"more than {_MOST_STORES} stores in one element")
    if any(map(is_url, stores[:-1])):
        shown = "*".join(map(shown_url, stores))
        raise ValueError(f"a server can only be the last store of an element: {shown!r}")
    return Element(stores)


def _behind(element: Element, caches: tuple[str, ...], standard: str) -> Element:
    """The element behind the caches to its left; servers always have one."""
    if element.plain:
        return element
    stores = (*(cache for cache in caches if cache not in element.stores), *element.stores)
    if len(stores) == 1 and is_url(stores[0]):
        stores = (standard, *stores)
    return replace(element, stores=stores)


def is_url(store: str) -> bool:
    """Whether a store is a server."""
    return store.lower().startswith(("http://", "https://"))


def _store(text: str) -> str:
    if "\0" in text or not text.isprintable():
        raise ValueError(f"no folder and no URL: {text!r}")
    if not is_url(text):
        if "://" in text:
            raise ValueError(f"no server that can be asked: {shown_url(text)!r} (only https:// and http:// can)")
        return text
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"no URL: {shown_url(text)!r} ({error})") from error
    if not parts.hostname or port == 0 or parts.query or parts.fragment:
        raise ValueError(f"no URL of a symbol server: {shown_url(text)!r}")
    return text.rstrip("/")


def shown_url(url: str) -> str:
    """A URL without the name and password in it."""
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}" if separator else url


def default_cache() -> Path:
    """The folder where this user's downloaded symbols are kept, in the system's way."""
    environment, home = os.environ, _home()
    if sys.platform == "win32":
        base = Path(environment.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(environment.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "smalldump" / "symbols"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # containers run programs for users that the system does not know
        return Path(tempfile.gettempdir()) / f"smalldump-{os.getuid() if hasattr(os, 'getuid') else 'home'}"
