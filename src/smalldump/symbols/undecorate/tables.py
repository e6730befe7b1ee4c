"""What the one- to three-letter codes of decorated names stand for.

Source: public descriptions of Visual C++'s name decoration, and the answers of the undecorator that its own run-time
library exports (`__unDName`), whose words these are.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = [
    "BASIC_TYPES",
    "CALLING_CONVENTIONS",
    "CLASS_TAGS",
    "CV",
    "DYNAMIC_NAMES",
    "ENUM_TYPES",
    "EXTENDED_TYPES",
    "OPERATORS",
    "POINTERS",
    "RTTI_NAMES",
    "SPECIAL_NAMES",
]

_SYMBOLS = """
2 new   3 delete  4 =    5 >>   6 <<   7 !    8 ==   9 !=   A []   C ->   D *    E ++   F --   G -    H +    I &
J ->*   K /       L %    M <    N <=   O >    P >=   Q ,    R ()   S ~    T ^    U |    V &&   W ||   X *=   Y +=
Z -=    _0 /=     _1 %=  _2 >>= _3 <<= _4 &=  _5 |=  _6 ^=  _U new[]      _V delete[]   __L co_await  __M <=>
"""


def _operator(symbol: str) -> str:
    return f"operator {symbol}" if symbol[0].isalpha() else f"operator{symbol}"


def _operators(table: str) -> dict[str, str]:
    words = table.split()
    return {code: _operator(symbol) for code, symbol in zip(words[::2], words[1::2], strict=True)}


OPERATORS: Mapping[str, str] = _operators(_SYMBOLS)
"""Code behind `??` -> the operator as C++ writes it; constructors, destructors and conversions are apart."""

SPECIAL_NAMES: Mapping[str, str] = {
    code: f"`{words}'"
    for code, words in {
        "_7": "vftable",
        "_8": "vbtable",
        "_9": "vcall",
        "_A": "typeof",
        "_B": "local static guard",
        "_D": "vbase destructor",
        "_E": "vector deleting destructor",
        "_F": "default constructor closure",
        "_G": "scalar deleting destructor",
        "_H": "vector constructor iterator",
        "_I": "vector destructor iterator",
        "_J": "vector vbase constructor iterator",
        "_K": "virtual displacement map",
        "_L": "eh vector constructor iterator",
        "_M": "eh vector destructor iterator",
        "_N": "eh vector vbase constructor iterator",
        "_O": "copy constructor closure",
        "_S": "local vftable",
        "_T": "local vftable constructor closure",
        "_X": "placement delete closure",
        "_Y": "placement delete[] closure",
        "__A": "managed vector constructor iterator",
        "__B": "managed vector destructor iterator",
        "__C": "eh vector copy constructor iterator",
        "__D": "eh vector vbase copy constructor iterator",
        "__G": "vector copy constructor iterator",
        "__H": "vector vbase copy constructor iterator",
        "__I": "managed vector copy constructor iterator",
        "__J": "local static thread guard",
    }.items()
}
"""Code behind `??` -> what the compiler made under that name."""

DYNAMIC_NAMES: Mapping[str, str] = {"__E": "dynamic initializer for", "__F": "dynamic atexit destructor for"}
"""Codes that a variable follows, which the words are about."""

RTTI_NAMES: Mapping[str, str] = {
    "2": "`RTTI Base Class Array'",
    "3": "`RTTI Class Hierarchy Descriptor'",
    "4": "`RTTI Complete Object Locator'",
}
"""Digit behind `??_R`; 0 and 1 carry more, see `names`."""

BASIC_TYPES: Mapping[str, str] = {
    "C": "signed char",
    "D": "char",
    "E": "unsigned char",
    "F": "short",
    "G": "unsigned short",
    "H": "int",
    "I": "unsigned int",
    "J": "long",
    "K": "unsigned long",
    "M": "float",
    "N": "double",
    "O": "long double",
    "X": "void",
}

EXTENDED_TYPES: Mapping[str, str] = {
    "D": "__int8",
    "E": "unsigned __int8",
    "F": "__int16",
    "G": "unsigned __int16",
    "H": "__int32",
    "I": "unsigned __int32",
    "J": "__int64",
    "K": "unsigned __int64",
    "L": "__int128",
    "M": "unsigned __int128",
    "N": "bool",
    "P": "auto",
    "Q": "char8_t",
    "S": "char16_t",
    "T": "decltype(auto)",
    "U": "char32_t",
    "W": "wchar_t",
}
"""Letter behind `_`."""

CLASS_TAGS: Mapping[str, str] = {"T": "union ", "U": "struct ", "V": "class ", "Y": "cointerface "}

ENUM_TYPES: Mapping[str, str] = {
    "0": "char ",
    "1": "unsigned char ",
    "2": "short ",
    "3": "unsigned short ",
    "4": "",
    "5": "unsigned int ",
    "6": "long ",
    "7": "unsigned long ",
}
"""Digit behind `W` -> the integer behind an enumeration, where that is not int."""

CV: tuple[str, ...] = ("", "const", "volatile", "const volatile")
"""Qualifiers, in the order of the letters A to D, Q to T and so on."""

POINTERS: Mapping[str, tuple[str, str]] = {
    "A": ("&", ""),
    "B": ("&", "volatile"),
    "P": ("*", ""),
    "Q": ("*", "const"),
    "R": ("*", "volatile"),
    "S": ("*", "const volatile"),
    "$$Q": ("&&", ""),
    "$$R": ("&&", "volatile"),
}
"""Code -> the sign, and the qualifiers of the pointer itself."""

CALLING_CONVENTIONS: Mapping[str, str] = {
    "A": "__cdecl",
    "B": "__cdecl",
    "C": "__pascal",
    "D": "__pascal",
    "E": "__thiscall",
    "F": "__thiscall",
    "G": "__stdcall",
    "H": "__stdcall",
    "I": "__fastcall",
    "J": "__fastcall",
    "M": "__clrcall",
    "N": "__clrcall",
    "O": "__eabi",
    "P": "__eabi",
    "Q": "__vectorcall",
    "R": "__vectorcall",
    "S": "__swift_1",
    "T": "__swift_1",
    "U": "__swift_2",
    "V": "__swift_2",
    "W": "__swift_3",
}
"""Letters come in pairs: the second is that of an exported function."""
