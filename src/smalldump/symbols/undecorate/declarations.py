"""What comes behind a symbol's name: whose it is, of what type, and how it is called."""

from __future__ import annotations

from smalldump.symbols.undecorate.cursor import MalformedName
from smalldump.symbols.undecorate.names import Head
from smalldump.symbols.undecorate.tables import CALLING_CONVENTIONS, CV
from smalldump.symbols.undecorate.types import TypeReader

__all__ = ["DeclarationReader"]

_ACCESS = ("private: ", "protected: ", "public: ")
_KINDS = ("", "static ", "virtual ", "virtual ")  # the last: with `this` adjusted
_STATIC, _ADJUSTING = 1, 3
_VCALL = "`vcall'"


class DeclarationReader(TypeReader):
    """Reads whole symbols: gives their names, or with `full` their declarations."""

    __slots__ = ()

    def undecorated(self) -> str:
        """The whole text, which must be one symbol; where types are not wanted, its name.

        Raises:
            MalformedName: It is not, or too costly.
            IndexError: It ends early, or refers back to what is not there.
        """
        if not self.full and not self.text.startswith("??_C@_"):
            return self._name_alone().strip()
        found = self.symbol()
        if self.at != len(self.text):
            raise MalformedName(self.text)
        return found.strip()

    def _name_alone(self) -> str:
        # What follows the name is read only where the name depends on it: new codes of types do no harm.
        self.require("?")
        head = self.head()
        scopes = self.scopes()
        if head.kind == "conversion" or head.text == _VCALL:
            return self.declaration(head, scopes)
        if self.at >= len(self.text):
            raise MalformedName(self.text)
        return self._named(head, scopes)

    def _named(self, head: Head, scopes: list[str]) -> str:
        own = scopes[0] if head.kind == "structor" else ""
        return self.joined(head.text + own + head.arguments, scopes)

    def declaration(self, head: Head, scopes: list[str]) -> str:
        """What comes behind the name of a symbol, and with it the symbol as a whole."""
        code = self.take()
        if code in "01234":
            return self._variable(self._named(head, scopes), code)
        if code == "5":
            name, number = self._named(head, scopes), self.number()
            return f"{name}{{{number}}}'" if self.full else name
        if code in "67":
            return self._table(self._named(head, scopes))
        if code in "89":
            return self._named(head, scopes)
        if code == "$":
            return self._special(head, scopes)
        return self._plain_function(head, scopes, code)

    def _variable(self, name: str, code: str) -> str:
        found = self.type()
        words, _ = self.pointer_words()
        letter = self.one_of("ABCDQRST")
        qualifiers = CV["ABCDQRST".index(letter) % 4]
        if letter in "QRST":  # a pointer to a member: its class once more
            self.qualified()
        if not self.full:
            return name
        if qualifiers:
            found = found.followed(qualifiers)
        storage = f"{_ACCESS[int(code)]}static " if code in "012" else ""
        return f"{storage}{' '.join((found.left, *words))} {name}{found.right}"

    def _table(self, name: str) -> str:
        qualifiers = self.cv()
        bases: list[str] = []
        while not self.skip("@"):
            bases.append(f"`{self.qualified()}'")
        if not self.full:
            return name
        return f"{qualifiers} {name}{'{for ' + 's '.join(bases) + '}' if bases else ''}"

    # Functions

    def _plain_function(self, head: Head, scopes: list[str], code: str) -> str:
        if code in "YZ":
            return self._declared(head, scopes)
        if not "A" <= code <= "X":
            raise MalformedName(self.text)
        place = ord(code) - ord("A")
        access, kind = _ACCESS[place // 8], place % 8 // 2
        adjustment = f"`adjustor{{{self.number()}}}' " if kind == _ADJUSTING else ""
        return self._declared(head, scopes, access + _KINDS[kind], adjustment, member=kind != _STATIC)

    def _special(self, head: Head, scopes: list[str]) -> str:
        """Thunks, and functions of managed code."""
        code = self.take()
        if code == "B":
            return self._virtual_call(self._named(head, scopes))
        if code == "$":
            return self._managed_code(head, scopes)
        words, count = ("vtordispex", 4) if code == "R" else ("vtordisp", 2)
        access = self.one_of("012345") if code == "R" else code
        if access not in "012345":
            raise MalformedName(self.text)
        numbers = ",".join(str(self.number()) for _ in range(count))
        return self._declared(
            head, scopes, f"{_ACCESS[int(access) // 2]}virtual ", f"`{words}{{{numbers}}}' ", member=True
        )

    def _virtual_call(self, name: str) -> str:
        offset = self.number()
        self.require("A")
        convention = CALLING_CONVENTIONS[self.one_of(CALLING_CONVENTIONS)]
        return f"[thunk]: {convention} {name}{{{offset},{{flat}}}}' }}'" if self.full else f"{name}{{{offset}}}'"

    def _managed_code(self, head: Head, scopes: list[str]) -> str:
        code = self.one_of("FHJ")
        linkage = ""
        if code == "J":
            self.one_of("0123456789")
            linkage = 'extern "C" '
        found = self._plain_function(head, scopes, self.take())
        return linkage + found if self.full else found

    def _declared(
        self, head: Head, scopes: list[str], prefix: str = "", adjustment: str = "", *, member: bool = False
    ) -> str:
        suffix = self.this_qualifiers() if member else ""
        convention, result, parameters, noexcept = self.signature()
        if head.kind == "conversion":
            name = self.joined(f"{head.text}{head.arguments} {result.text}", scopes)
            result = result._replace(left="", right="")
        else:
            name = self._named(head, scopes)
        if not self.full:
            return name
        thunk = "[thunk]:" if adjustment else ""
        return thunk + prefix + result.followed(f"{convention} {name}{adjustment}{parameters}{suffix}{noexcept}").text
