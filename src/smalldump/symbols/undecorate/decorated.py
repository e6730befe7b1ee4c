"""Decorated names as a whole: of C++, of C, of imports."""

from __future__ import annotations

import re

from smalldump.symbols.undecorate.cursor import MAX_DECORATED, MalformedName
from smalldump.symbols.undecorate.declarations import DeclarationReader

__all__ = ["undecorated"]

_IMPORTED = "__imp_"
_PLAIN = re.compile(r"\?([^?@0-9][^?@]*)@((?:[^?@0-9][^?@]*@)*)@[0-9A-Z$]")
"""A function or variable in named scopes: most names."""
_C_DECORATED = re.compile(r"[_@]?([^@?]+?)(?:@@?[0-9]+)?")
"""`_name` (cdecl), `_name@12` (stdcall), `@name@8` (fastcall), `name@@16` (vectorcall)."""

_FOREIGN = re.compile(r"_ZN?K?[0-9St]|_R(?:N[a-zA-Z]|[CMXYIB])[0-9A-Zs]")
"""How names begin that are not Visual C++'s: Itanium's C++ and older Rust, newer Rust."""


def undecorated(name: str, *, full: bool = False, public: bool = False) -> str:
    """A symbol's name as debuggers show it.

    Names of C++ lose their types and keep their scopes and the arguments of templates, in the words and with the
    spaces of Microsoft's debuggers: `std::vector<int,std::allocator<int> >::push_back`, ``Shape::`vftable'``,
    `` `main'::`2'::counter``. What is no decorated name, is malformed, or would grow out of all proportion comes back
    as it is. So do names of other compilers (`_ZN…`, `_R…`).

    Args:
        name: As it stands in a PDB or an export table.
        full: Whether a name of C++ is to be given as its whole declaration, as the tool `undname` prints it.
        public: Whether it is a public symbol of a PDB or an export, where C decorates too: the calling convention's
            `@12`, and the underscore. Debuggers take one underscore away there even where the processor's C adds none:
            `__C_specific_handler` of x64 is shown as `_C_specific_handler`.
    """
    if name.startswith("?"):
        return _of_cpp(name, full=full)
    if name.startswith(_IMPORTED):
        return _imported(name, full=full)
    return _of_c(name) if public else name


def _of_cpp(name: str, *, full: bool) -> str:
    if len(name) > MAX_DECORATED:
        return name
    if not full and (plain := _PLAIN.match(name)):
        scopes = plain[2].split("@")
        return "::".join((*scopes[-2::-1], plain[1]))
    try:
        return DeclarationReader(name, full=full).undecorated() or name
    except (MalformedName, IndexError, RecursionError):  # the last: the caller has used most of the stack himself
        return name


def _imported(name: str, *, full: bool) -> str:
    """A slot of the import table, which debuggers show with one underscore less."""
    of = name[len(_IMPORTED) :]
    if of.startswith("?"):
        found = _of_cpp(of, full=full)
        return name if found == of else f"{_IMPORTED[1:]}{found}"
    return _of_c(name)


def _of_c(name: str) -> str:
    if _FOREIGN.match(name):
        return name
    found = _C_DECORATED.fullmatch(name)
    return found[1] if found else name
