"""Qualified names: scopes, operators, templates, and what hides in functions."""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple

from smalldump.symbols.undecorate.cursor import Cursor, MalformedName, Remembered
from smalldump.symbols.undecorate.tables import DYNAMIC_NAMES, OPERATORS, RTTI_NAMES, SPECIAL_NAMES

__all__ = ["Head", "NameReader"]

_ANONYMOUS = "`anonymous namespace'"
_STRING = "`string'"
_DIGITS = frozenset("0123456789")
_HEX_LETTERS = frozenset("BCDEFGHIJKLMNOP")  # what a number begins with that is no digit; `?A` is something else


class Head(NamedTuple):
    """The innermost part of a symbol's name, of which some wait for what comes later.

    Attributes:
        text: The name; empty where it is that of the class, `~` for the destructor, `operator` of a conversion.
        arguments: `<...>` of a template, else empty.
        kind: `plain`, `structor` or `conversion`.
    """

    text: str
    arguments: str = ""
    kind: str = "plain"


class NameReader(Cursor):
    """Reads names; types and declarations, which names may hold, are read by those who extend this."""

    __slots__ = ()

    @abstractmethod
    def type_text(self) -> str:
        """A type, written without a declarator."""

    @abstractmethod
    def template_arguments(self) -> str:
        """Arguments of a template up to their `@`, written with their angle brackets."""

    @abstractmethod
    def declaration(self, head: Head, scopes: list[str]) -> str:
        """What comes behind the name of a symbol, and with it the symbol as a whole."""

    def symbol(self) -> str:
        """A symbol from its `?` on, with its declaration."""
        self.enter()
        self.require("?")
        if self.skip("?_C@_"):
            name = self._string_literal()
        else:
            head = self.head()
            name = self.spend(self.declaration(head, self.scopes()))
        self.leave()
        return name

    def _string_literal(self) -> str:
        self.take()  # the width of a character
        self.number()
        self.up_to_at_sign()  # a checksum
        self.at = self.text.index("@", self.at) + 1 if "@" in self.text[self.at :] else len(self.text)
        return _STRING

    def head(self) -> Head:
        """The innermost part of a symbol's name."""
        if self.skip("?$"):
            return self._template()
        if self.skip("?"):
            return self._operator()
        return Head(self._simple())

    def qualified(self) -> str:
        """The name of a class or enumeration with its scopes, up to the closing `@`."""
        innermost = self._scope()
        scopes = self.scopes()
        return self.joined(innermost, scopes)

    def joined(self, innermost: str, scopes: list[str]) -> str:
        """A name behind its scopes, which come innermost first."""
        if not scopes:
            return innermost
        return self.spend("::".join((*reversed(scopes), innermost)))

    def scopes(self) -> list[str]:
        """The scopes of a name, innermost first, up to the closing `@`."""
        found: list[str] = []
        while not self.skip("@"):
            found.append(self._scope())
        return found

    def _scope(self) -> str:
        if not self.skip("?"):
            return self._simple()
        following = self.text[self.at]
        if following == "$":
            self.at += 1
            return self._remembered_template()
        if following == "A":
            key = self.up_to_at_sign()
            self.seen.name(key, _ANONYMOUS)
            return _ANONYMOUS
        if following == "?":
            return f"`{self.symbol()}'"
        if following == "Q":
            self.at += 1
            return self._interface()
        if following in _DIGITS or following in _HEX_LETTERS:
            return f"`{self.number()}'"
        raise MalformedName(self.text)

    def _interface(self) -> str:
        self.enter()
        name = self.qualified()
        self.leave()
        return self.spend(f"[{name}]")

    def _remembered_template(self) -> str:
        start = self.at
        head = self._template()
        if head.kind != "plain":
            raise MalformedName(self.text)
        name = self.spend(head.text + head.arguments)
        self.seen.name(self.text[start : self.at], name)
        return name

    def _simple(self) -> str:
        character = self.text[self.at]
        if character in _DIGITS:
            self.at += 1
            return self.spend(self.seen.names[int(character)])
        name = self.up_to_at_sign()
        self.seen.name(name, name)
        return name

    def _template(self) -> Head:
        outer, self.seen = self.seen, Remembered()
        self.enter()
        head = self._operator() if self.skip("?") else Head(self._simple())
        head = head._replace(arguments=self.spend(self.template_arguments()))
        self.leave()
        self.seen = outer
        return head

    def _operator(self) -> Head:
        code = self.take()
        if code in "01":
            return Head("~" if code == "1" else "", kind="structor")
        if code == "B":
            return Head("operator", kind="conversion")
        while code in ("_", "__"):
            code += self.take()
        if code == "_P":
            return Head(f"`udt returning'{self._plain_operator()}")
        if code == "_R":
            return Head(self._rtti())
        if code == "__K":
            return Head(f'operator "" {self._simple()}')
        if code in DYNAMIC_NAMES:
            return Head(self._dynamic(DYNAMIC_NAMES[code]))
        name = OPERATORS.get(code) or SPECIAL_NAMES.get(code)
        if name is None:
            raise MalformedName(self.text)
        return Head(name)

    def _plain_operator(self) -> str:
        code = self.take()
        while code in ("_", "__"):
            code += self.take()
        if code not in OPERATORS:
            raise MalformedName(self.text)
        return OPERATORS[code]

    def _dynamic(self, words: str) -> str:
        if self.text[self.at] != "?":
            return f"`{words} '{self.up_to_at_sign()}''"
        name = self.symbol()
        self.require("@")
        return self.spend(f"`{words} '{name}''")

    def _rtti(self) -> str:
        digit = self.take()
        if digit == "0":
            return self.spend(f"{self.type_text()} `RTTI Type Descriptor'")
        if digit == "1":
            numbers = ",".join(str(self.number()) for _ in range(4))
            return f"`RTTI Base Class Descriptor at ({numbers})'"
        if digit not in RTTI_NAMES:
            raise MalformedName(self.text)
        return RTTI_NAMES[digit]
