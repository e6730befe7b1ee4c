"""Exceptions in words: what a record's parameters say of the access that failed.

Source: Microsoft's documentation of EXCEPTION_RECORD.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["access_words"]

_VIOLATION, _IN_PAGE = 0xC0000005, 0xC0000006
_WAYS = {0: "read from", 1: "write to", 8: "execution of"}


def access_words(code: int, information: Sequence[int], bits: int) -> str | None:
    """What was accessed how, `write to 0x10`; None for exceptions that do not tell."""
    if code not in (_VIOLATION, _IN_PAGE) or len(information) < 2 or information[0] not in _WAYS:
        return None
    way, address = _WAYS[information[0]], information[1]
    if address == (1 << bits) - 1:
        return f"{way} an address that is not told, often one that is not canonical"
    return f"{way} {address:#x}"
