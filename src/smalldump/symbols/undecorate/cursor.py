"""A place in a decorated name, with what has been seen so far and what may still be spent."""

from __future__ import annotations

from collections.abc import Container

__all__ = ["MAX_DECORATED", "Cursor", "MalformedName", "Remembered"]

MAX_DECORATED = 8192
"""Characters; Visual C++ itself writes a hash in place of what would be longer than 4096."""
_MAX_DEPTH = 80  # of types and names within each other
_MAX_COMPOSED = 1 << 18  # characters of all pieces put together on the way: back-references double them with ease
_MAX_REMEMBERED = 10  # one digit refers back
_MAX_DIGITS = 16  # of a number
_HEX = frozenset("ABCDEFGHIJKLMNOP")
_TO_HEX = str.maketrans("ABCDEFGHIJKLMNOP", "0123456789ABCDEF")


class MalformedName(ValueError):
    """The name is none that Visual C++ writes, or none that is worth the cost; its decoration stays."""


class Remembered:
    """What digits refer back to: names by their text, parameters of functions, arguments of the template."""

    __slots__ = ("arguments", "keys", "names", "parameters")

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.names: list[str] = []
        self.parameters: list[str] = []
        self.arguments: list[str] = []

    def name(self, key: str, name: str) -> None:
        """Remember a name that was not there yet, as long as a digit is left."""
        if len(self.keys) < _MAX_REMEMBERED and key not in self.keys:
            self.keys.append(key)
            self.names.append(name)


class Cursor:
    """Reads a decorated name from left to right.

    Reading past the end raises IndexError, which means the same as MalformedName.

    Attributes:
        text: The decorated name.
        at: Where the next character is.
        full: Whether types are written as well: else `struct` and the like are left out.
        seen: What digits refer back to; a template's arguments have their own.
    """

    __slots__ = ("_budget", "_depth", "at", "full", "seen", "text")

    def __init__(self, text: str, *, full: bool) -> None:
        self.text, self.at, self.full = text, 0, full
        self.seen = Remembered()
        self._budget, self._depth = _MAX_COMPOSED, 0

    def take(self) -> str:
        """The next character."""
        character = self.text[self.at]
        self.at += 1
        return character

    def one_of(self, codes: Container[str]) -> str:
        """The next character, which must be among `codes`."""
        character = self.take()
        if character not in codes:
            raise MalformedName(self.text)
        return character

    def skip(self, expected: str) -> bool:
        """Step over `expected` if it comes next."""
        if self.text.startswith(expected, self.at):
            self.at += len(expected)
            return True
        return False

    def require(self, expected: str) -> None:
        """Step over `expected`, which must come next."""
        if not self.skip(expected):
            raise MalformedName(self.text)

    def up_to_at_sign(self) -> str:
        """What comes before the next `@`, not empty; the `@` is stepped over."""
        end = self.text.find("@", self.at)
        if end <= self.at:
            raise MalformedName(self.text)
        piece = self.text[self.at : end]
        self.at = end + 1
        return piece

    def number(self) -> int:
        """A digit for 1 to 10, or hexadecimal digits A to P up to an `@`; `?` in front is the sign."""
        sign = -1 if self.skip("?") else 1
        first = self.take()
        if first.isdecimal() and first.isascii():
            return sign * (int(first) + 1)
        self.at -= 1
        digits = self.up_to_at_sign()
        if len(digits) > _MAX_DIGITS or not _HEX.issuperset(digits):
            raise MalformedName(self.text)
        return sign * int(digits.translate(_TO_HEX), 16)

    def spend(self, composed: str) -> str:
        """Account for a piece put together from others, and give it back."""
        self._budget -= len(composed)
        if self._budget < 0:
            raise MalformedName(self.text)
        return composed

    def enter(self) -> None:
        """Go one level deeper, into a type or a name within one; `leave` when done."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise MalformedName(self.text)

    def leave(self) -> None:
        """Come back from a level."""
        self._depth -= 1
