"""What llvm-undname makes of decorated names, and what it says otherwise than Microsoft's undecorator on purpose."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping

__all__ = ["UNDNAME", "comparable", "declarations", "reason"]

UNDNAME = shutil.which("llvm-undname") or shutil.which("llvm-undname-14")
_SECONDS = 120
_WORDS = re.compile(r"\b(?:class|struct|union|enum|__restrict|__ptr64)\b|[\s`']")
_REASONS = {
    "strings: their text": re.compile(r"\?\?_C@"),
    "conversions: their type once more": re.compile(r"\?\?(?:\$\?)?B"),
    "C++/CX: not known": re.compile(r"\$A|\$B[A-D]|\$C[A-D]|\$01|\?Q"),
    "qualifiers of a variable's own pointer: kept": re.compile(r"@@[0-4][QRS]|@4[QRS]"),
    "adjustments: their sign": re.compile(r"\$[0-5R]\d?P{6}"),
    "static variables of functions of C: said to be extern": re.compile(r"@@9@"),
    "nested templates, back-references to arguments: not known": re.compile(r"@[0-9]+@@|\$\$B6|\$[2M]"),
}


def declarations(names: Iterable[str]) -> Mapping[str, str]:
    """Decorated name -> its declaration, of those that llvm-undname understands."""
    assert UNDNAME
    given = "".join(f"{name}\n" for name in names)
    done = subprocess.run([UNDNAME], input=given, capture_output=True, text=True, timeout=_SECONDS, check=False)
    answers = (block.split("\n") for block in done.stdout.split("\n\n"))
    return {answer[0]: answer[1] for answer in answers if len(answer) > 1 and answer[1] != "Invalid mangled name"}


def comparable(declaration: str) -> str:
    """Without spaces, quotes and the keywords that one of the two leaves out."""
    whole = declaration.replace(" dtor", " destructor").replace(" ctor", " constructor")
    return _WORDS.sub("", whole)


def reason(name: str) -> str | None:
    """Why the two may differ about a name."""
    return next((words for words, form in _REASONS.items() if form.search(name)), None)
