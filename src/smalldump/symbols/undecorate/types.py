"""Types, and the arguments of templates and functions, in the words and with the spaces of Visual C++'s undecorator."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from smalldump.symbols.undecorate.cursor import MalformedName
from smalldump.symbols.undecorate.names import NameReader
from smalldump.symbols.undecorate.tables import (
    BASIC_TYPES,
    CALLING_CONVENTIONS,
    CLASS_TAGS,
    CV,
    ENUM_TYPES,
    EXTENDED_TYPES,
    POINTERS,
)

__all__ = ["Signature", "Type", "TypeReader"]

_MAX_DIMENSIONS = 32
_MANAGED = {"*": "^", "&": "%"}


class Glue(IntEnum):
    """How close a declarator's next sign comes: `int *`, `(__cdecl**`."""

    SPACE = 0
    POINTER_TO_FUNCTION = 1
    FUNCTION = 2
    OPEN = 3
    """Right behind the parenthesis of an array's declarator."""


class Type(NamedTuple):
    """A type around the place where the name of what has it stands: `int (__cdecl*` and `)(void)`."""

    left: str
    right: str = ""
    glue: Glue = Glue.SPACE

    def followed(self, word: str) -> Type:
        """With a sign or a qualifier behind it."""
        gap = "" if self.glue or not self.left or self.left.endswith(" ") else " "
        return Type(self.left + gap + word, self.right)

    @property
    def text(self) -> str:
        """With nothing in between."""
        return self.left + self.right


class Signature(NamedTuple):
    """How a function is called.

    Attributes:
        convention: As `__cdecl`.
        result: Its type; empty of constructors and the like.
        parameters: In parentheses.
        noexcept: The word with a space before it, or empty.
    """

    convention: str
    result: Type
    parameters: str
    noexcept: str


class TypeReader(NameReader):
    """Reads types and what is made of them."""

    __slots__ = ()

    def type_text(self) -> str:
        """A type, written without a declarator."""
        return self.type().text

    def type(self, *, own: bool = False) -> Type:
        """A type.

        Args:
            own: Whether a pointer's own `const` counts: a pointee's and a variable's stand elsewhere.
        """
        self.enter()
        found = self._type(own=own)
        self.spend(found.left)
        self.leave()
        return found

    def _type(self, *, own: bool) -> Type:
        code = self.take()
        if code in BASIC_TYPES:
            return Type(BASIC_TYPES[code])
        if code in CLASS_TAGS:
            tag = CLASS_TAGS[code] if self.full else ""
            return Type(tag + self.qualified())
        if code in POINTERS:
            return self._pointer(*POINTERS[code], own=own)
        if code == "_":
            return self._extended()
        if code == "W":
            return Type(f"enum {ENUM_TYPES[self.one_of(ENUM_TYPES)]}{self.qualified()}")
        if code == "?":
            return self._qualified_value(own=own)
        if code == "$" and self.skip("$"):
            return self._marked(own=own)
        raise MalformedName(self.text)

    def _extended(self) -> Type:
        code = self.take()
        if code == "O":
            return Type(f"{self.type().text}[]")
        if code == "$":
            return Type(f"__w64 {self.type().text}")
        if code == "V":
            return Type(f"this {self.type(own=True).text}")
        if code not in EXTENDED_TYPES:
            raise MalformedName(self.text)
        return Type(EXTENDED_TYPES[code])

    def _qualified_value(self, *, own: bool) -> Type:
        qualifiers = self.cv()
        found = self.type(own=own)
        return found.followed(qualifiers) if qualifiers else found

    def _marked(self, *, own: bool) -> Type:
        """What begins with `$$`."""
        code = self.take()
        if code == "A":
            return self._bare_function()
        if code == "B":
            return self._bare_array()
        if code == "C":
            qualifiers = self.cv()
            found = self.type()
            return found.followed(f"{qualifiers} ") if qualifiers else found
        if code == "T":
            return Type("std::nullptr_t")
        if code == "Y":
            return Type(self.qualified())
        if f"$${code}" in POINTERS:
            return self._pointer(*POINTERS[f"$${code}"], own=own)
        raise MalformedName(self.text)

    def cv(self) -> str:
        """Qualifiers by the letters A to D."""
        return CV["ABCD".index(self.one_of("ABCD"))]

    # Pointers and references

    def _pointer(self, sign: str, qualifiers: str, *, own: bool) -> Type:
        words, unaligned = self.pointer_words()
        if self.skip("$"):
            return self._managed(sign, words)
        code = self.take()
        if code in "6789" and not words:
            target = self._function(member=code in "89")
        elif code in "ABCD":
            target = self._pointee(CV["ABCD".index(code)], unaligned)
        elif code in "QRST":
            sign = f"{self.qualified()}::{sign}"
            target = self._pointee(CV["QRST".index(code)], unaligned)
        else:
            raise MalformedName(self.text)
        found = self._point(target, sign)
        for word in words:
            found = Type(f"{found.left} {word}", found.right)
        return found.followed(qualifiers) if own and qualifiers else found

    def _point(self, target: Type, sign: str) -> Type:
        glue = Glue.POINTER_TO_FUNCTION if target.glue is Glue.FUNCTION else Glue.SPACE
        return target.followed(sign)._replace(glue=glue)

    def pointer_words(self) -> tuple[list[str], bool]:
        """Keywords of Microsoft's behind a pointer; and whether what it points to is unaligned."""
        words: list[str] = []
        unaligned = False
        while (code := self.text[self.at]) in "EFI":
            self.at += 1
            if code == "F":
                unaligned = True
            else:
                words.append("__ptr64" if code == "E" else "__restrict")
        return words, unaligned

    def _pointee(self, qualifiers: str, unaligned: bool) -> Type:
        if self.skip("Y"):
            return self._array(qualifiers)
        found = self.type()
        for word in (qualifiers, "__unaligned" if unaligned else ""):
            if word:
                found = found.followed(word)
        return found

    def _managed(self, sign: str, words: list[str]) -> Type:
        """Handles of C++/CLI and C++/CX."""
        kind = self.one_of("ABC0123456789")
        rank = int(kind + self.one_of("0123456789")) if kind.isdecimal() else 0
        qualifiers = self.cv()
        target = self._pointee(qualifiers, unaligned=False)
        if kind == "B":
            return Type(f"cli::pin_ptr<{target.text} >")
        if rank:
            return Type(f"cli::array<{target.text} {f',{rank}' if rank > 1 else ''}>^")
        found = self._point(target, "%" if kind == "C" else _MANAGED[sign])
        return Type(" ".join((found.left, *words)), found.right)

    # Arrays and functions

    def _dimensions(self) -> str:
        count = self.number()
        if not 0 < count <= _MAX_DIMENSIONS:
            raise MalformedName(self.text)
        return "".join(f"[{self.number()}]" for _ in range(count))

    def _array(self, qualifiers: str) -> Type:
        """An array that something points to."""
        dimensions = self._dimensions()
        element = self.type()
        left = element.followed("(").left + (f"{qualifiers} " if qualifiers else "")
        return Type(left, f"){dimensions}{element.right}", Glue.OPEN)

    def _bare_array(self) -> Type:
        """An array that is an argument of a template itself."""
        self.require("Y")
        dimensions = self._dimensions()
        element = self.type()
        return Type(element.followed(dimensions).left + element.right)

    def _function(self, *, member: bool) -> Type:
        """A function that something points to."""
        scope = f" {self.qualified()}::" if member else ""
        suffix = self.this_qualifiers() if member else ""
        convention, result, parameters, noexcept = self.signature()
        left = result.followed(f"({convention}{scope}").left
        return Type(left, f"){parameters}{suffix}{noexcept}{result.right}", Glue.FUNCTION)

    def _bare_function(self) -> Type:
        """A function that is an argument of a template itself."""
        scope = suffix = ""
        if self.one_of("68") == "8":
            if not self.skip("@@"):
                scope = f" {self.qualified()}::"
            suffix = self.this_qualifiers()
        convention, result, parameters, noexcept = self.signature()
        return Type(result.followed(f"{convention}{scope}{parameters}{suffix}{noexcept}").text)

    def this_qualifiers(self) -> str:
        """Qualifiers of `this`, as they stand behind the parameters."""
        pointer, reference, unaligned = [], "", ""
        while (code := self.text[self.at]) in "EFGHI":
            self.at += 1
            if code in "GH":
                reference = "& " if code == "G" else "&& "
            elif code == "F":
                unaligned = "__unaligned"
            else:
                pointer.append("__ptr64" if code == "E" else "__restrict")
        if self.skip("$"):  # of a class of C++/CX
            self.one_of("ABC")
        own = " ".join(filter(None, (self.cv(), unaligned)))
        return f"{own} {' '.join(pointer)}{reference}" if own or pointer else reference

    def signature(self) -> Signature:
        """How a function is called."""
        convention = CALLING_CONVENTIONS[self.one_of(CALLING_CONVENTIONS)]
        result = Type("") if self.skip("@") else self.type()
        parameters = f"({self._parameters()})"
        noexcept = self.skip("_E")
        if not noexcept:
            self.require("Z")
        return Signature(convention, result, parameters, " noexcept" if noexcept else "")

    def _parameters(self) -> str:
        if self.skip("X"):
            return "void"
        found: list[str] = []
        while not self.skip("@"):
            if self.skip("Z"):
                found.append("...")
                break
            found.append(self._repeatable(self.seen.parameters))
        return self.spend(",".join(found))

    def _repeatable(self, seen: list[str]) -> str:
        """A parameter's or argument's type: a digit repeats one that took more than a letter."""
        start = self.at
        character = self.text[start]
        if character.isdecimal():
            self.at += 1
            return self.spend(seen[int(character)])
        text = self.type(own=True).text
        if self.at - start > 1 and len(seen) < 10:
            seen.append(text)
        return text

    # Arguments of templates

    def template_arguments(self) -> str:
        """Arguments of a template up to their `@`, written with their angle brackets."""
        found: list[str] = []
        while not self.skip("@"):
            argument = self._argument()
            if argument is not None:
                found.append(argument)
        text = ",".join(found)
        return f"<{text} >" if text.endswith(">") else f"<{text}>"

    def _argument(self) -> str | None:
        if any(self.skip(pack) for pack in ("$$$V", "$$V", "$$Z", "$S")):
            return None
        if self.text[self.at] != "$" or self.text.startswith("$$", self.at):
            return self._repeatable(self.seen.arguments)
        self.at += 1
        if self.skip("M"):
            self.type()
        text = self.spend(self._value(self.take()))
        if len(self.seen.arguments) < 10:
            self.seen.arguments.append(text)
        return text

    def _value(self, code: str) -> str:
        if code == "0":
            return str(self.number())
        if code in "1E":
            return ("&" if code == "1" else "") + self.symbol()
        if code in "FG":
            return self._braced([], 2 if code == "F" else 3)
        if code in "HIJ":
            return self._braced([self.symbol()], "HIJ".index(code) + 1)
        if code == "2":
            return self._structure()
        raise MalformedName(self.text)

    def _braced(self, values: list[str], count: int) -> str:
        return f"{{{','.join([*values, *(str(self.number()) for _ in range(count))])}}}"

    def _structure(self) -> str:
        """A value of a class: its fields, each a type and a value."""
        self.enter()
        found = self.type().text
        fields: list[str] = []
        while not self.skip("@"):
            of = self.type().text
            fields.append(f"{of}:{self._value(self.take())}")
        self.leave()
        return self.spend(f"{found}{{{','.join(fields)}}}")
