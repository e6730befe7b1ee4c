"""The reference page of findings: every code that the checks can give, read from their source."""

from __future__ import annotations

import ast
import inspect
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from typing import NamedTuple

import smalldump.checking
from tools.docs_markdown import code, page, paragraphs, table

__all__ = ["KnownFinding", "findings_page", "known_findings"]

_ABOUT = """
`smalldump check` and every report give findings about the file. An **error** says that information is lost and makes
the file `damaged`; a **warning** says that something is not as it should be while nothing is lost; **info** is worth
knowing. Codes are stable names; messages may change. `--fail-on error` or `--fail-on warning` turns findings into exit
code 1.
"""
_SEVERITIES = frozenset({"error", "warning", "info"})
_MEANINGS = {
    "all-zero": "Every byte of the file is zero: it was never written, or lost by the file system.",
    "build-missing": "The header does not tell the Windows build, so nobody knows where structures keep their fields.",
    "empty-file": "The file has no bytes.",
    "header-cut": "The file ends inside the dump header.",
    "section-out-of-range": "A section leads out of the primary dump, or its size cannot be right.",
    "wrong-dump-type": "A memory dump of another kind than the small one.",
    "wrong-signature": "The file does not begin as a kernel memory dump does.",
}
"""What functions with several findings, or none of their own, do not say in their docstrings."""


class KnownFinding(NamedTuple):
    """A finding that the checks can give: its code, its severities, and what it means."""

    code: str
    severity: str
    meaning: str


def findings_page() -> str:
    """The page."""
    found = known_findings()
    rows = [(code(each.code), each.severity, each.meaning) for each in found]
    counts = f"{len(found)} findings, in the order of their codes:"
    return page(
        "Findings",
        "`src/smalldump/checking`",
        [paragraphs(_ABOUT), counts, table(["Code", "Severity", "Meaning"], rows)],
    )


def known_findings() -> list[KnownFinding]:
    """Every finding, by code."""
    severities: dict[str, set[str]] = {}
    meanings: dict[str, str] = {}
    for name in sorted(info.name for info in pkgutil.iter_modules(smalldump.checking.__path__)):
        source = inspect.getsource(import_module(f"smalldump.checking.{name}"))
        for each in _in_module(ast.parse(source)):
            severities.setdefault(each.code, set()).update(each.severity.split(" or "))
            meanings[each.code] = meanings.get(each.code) or each.meaning
    return [KnownFinding(each, " or ".join(sorted(severities[each])), meanings[each]) for each in sorted(meanings)]


def _in_module(tree: ast.Module) -> Iterator[KnownFinding]:
    for function in tree.body:
        if isinstance(function, ast.FunctionDef):
            meaning = _summary(function)
            for call in ast.walk(function):
                if isinstance(call, ast.Call):
                    yield from _in_call(function, call, meaning)


def _summary(function: ast.FunctionDef) -> str:
    first = (ast.get_docstring(function) or "").partition("\n\n")[0]
    return " ".join(first.split()).partition(" Source: ")[0]


def _in_call(function: ast.FunctionDef, call: ast.Call, meaning: str) -> Iterator[KnownFinding]:
    if not isinstance(call.func, ast.Name) or not call.args:
        return
    severity, first = _severity(function, call.func.id), call.args[0]
    if severity and isinstance(first, ast.Constant) and isinstance(first.value, str):
        yield KnownFinding(first.value, severity, _MEANINGS.get(first.value, meaning))


def _severity(function: ast.FunctionDef, name: str) -> str:
    # `finding = warning if … else error` chooses between two; the names on its right side are the severities.
    if name in _SEVERITIES:
        return name
    chosen = [node for node in ast.walk(function) if isinstance(node, ast.Assign) and _names(node.targets[0]) == {name}]
    return " or ".join(sorted(_names(chosen[0].value) & _SEVERITIES)) if chosen else ""


def _names(node: ast.expr) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
