"""Making what others chose safe to show: names of files, processes and drivers, comments, bytes of a file."""

from __future__ import annotations

__all__ = ["escape", "shortened", "shown_bytes"]

_ELLIPSIS = "..."


def escape(text: str) -> str:
    r"""The text with what could command or deceive a terminal written out: ``\x1b``, ``\n``, ``\u202e``, ``\udc80``.

    That is every character that Python calls not printable: control and format characters (which turn the direction of
    writing or join others invisibly), lone surrogates, line separators, spaces other than the usual one, private and
    unassigned ones. A backslash that was there before stays as it is: the result is for reading, not for parsing.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def shortened(text: str, longest: int) -> str:
    """The text, without its middle where it is longer than `longest` characters."""
    if len(text) <= longest:
        return text
    half = (longest - len(_ELLIPSIS)) // 2
    return f"{text[:half]}{_ELLIPSIS}{text[len(text) - half :]}"


def shown_bytes(data: bytes) -> str:
    """A few bytes as text in backquotes where they are text, else in hexadecimal: `PAGE`, ``45 47 00 ff``."""
    text = data.decode("ascii", "replace")
    return f"`{text}`" if text.isascii() and text.isprintable() and text else data.hex(" ") or "nothing"
