"""Decorated names as a whole: of C++, of C, of imports."""

from __future__ import annotations

import re

from smalldump.symbols.undecorate.cursor import MAX_DECORATED, MalformedName
from smalldump.symbols.undecorate.declarations import DeclarationReader

__all__ = ["undecorated", "undecorated_c"]

_IMPORTED = "__imp_"
_PLAIN = re.compile(r"\?([^?@0-9][^?@]*)@((?:[^?@0-9][^?@]*@)*)@[0-9A-Z$]")
"""A function or variable in named scopes: most names."""
_STDCALL = re.compile(r"_([^@]+)@[0-9]+")
_FASTCALL = re.compile(r"@([^@]+)@[0-9]+")
_VECTORCALL = re.compile(r"([^@]+)@@[0-9]+")


def undecorated(name: str, *, full: bool = False, x86: bool = False) -> str:
    """A symbol's name as debuggers show it.

    Names of C++ lose their types and keep their scopes and the arguments of templates, in the words and with the
    spaces of Microsoft's debuggers: `std::vector<int,std::allocator<int> >::push_back`, ``Shape::`vftable'``,
    `` `main'::`2'::counter``. What is no decorated name, is malformed, or would grow out of all proportion comes back
    as it is. So do names of other compilers (`_ZN…`, `_R…`).

    Args:
        name: As it stands in a PDB or an export table.
        full: Whether a name of C++ is to be given as its whole declaration, as the tool `undname` prints it.
        x86: Whether the image is one of x86, where functions of C are decorated too.
    """
    if name.startswith(_IMPORTED):
        return f"{_IMPORTED}{undecorated(name[len(_IMPORTED) :], full=full, x86=x86)}"
    if not name.startswith("?"):
        return undecorated_c(name) if x86 else name
    if not full and (plain := _PLAIN.match(name)):
        scopes = plain[2].split("@")
        return "::".join((*scopes[-2::-1], plain[1]))
    if len(name) > MAX_DECORATED:
        return name
    try:
        return DeclarationReader(name, full=full).undecorated() or name
    except (MalformedName, IndexError):
        return name


def undecorated_c(name: str) -> str:
    """A function's or variable's name in an x86 image, without what its calling convention adds.

    `_name` (cdecl), `_name@12` (stdcall), `@name@8` (fastcall), `name@@16` (vectorcall).
    """
    for form in (_STDCALL, _FASTCALL, _VECTORCALL):
        if found := form.fullmatch(name):
            return found[1]
    return name[1:] if name.startswith("_") and len(name) > 1 else name
