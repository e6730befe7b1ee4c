"""Making strings that others chose safe to show: names of files, processes and drivers, comments."""

from __future__ import annotations

__all__ = ["escape"]


def escape(text: str) -> str:
    r"""The text with what could command or deceive a terminal written out: ``\x1b``, ``\n``, ``\u202e``, ``\udc80``.

    That is every character that Python calls not printable: control and format characters (which turn the direction of
    writing or join others invisibly), lone surrogates, line separators, spaces other than the usual one, private and
    unassigned ones. A backslash that was there before stays as it is: the result is for reading, not for parsing.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
