"""Derive the tables of `smalldump.knowledge` from the sources that people edit.

    knowledge-sources/bug-checks/*.toml     ->  src/smalldump/knowledge/bug_checks.txt, subcodes.txt
    src/smalldump/knowledge/drivers.toml    ->  src/smalldump/knowledge/drivers.txt

Run it without arguments after an edit and commit the results; a test compares them. Mistakes in a source are
reported with the entry they stand in, and nothing is written.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["main", "tables"]

ROOT = Path(__file__).resolve().parent.parent
BUG_CHECKS = ROOT / "knowledge-sources" / "bug-checks"
KNOWLEDGE = ROOT / "src" / "smalldump" / "knowledge"
DRIVERS = KNOWLEDGE / "drivers.toml"

_UNDOCUMENTED = [{"kind": "unknown", "meaning": "Not documented"}] * 4
_TEXT_KEYS = frozenset({"code", "name", "aliases", "summary", "causes", "note", "source", "doc"})
_MARK_KEYS = frozenset({"live_dump", "message_only", "variant_of"})
_BUG_CHECK_KEYS = _TEXT_KEYS | _MARK_KEYS | {"parameters", "culprit", "subcode"}
_SUBCODE_KEYS = frozenset({"when", "meaning", "parameters", "culprit"})
_DRIVER_KEYS = frozenset({"vendor", "product", "role", "skip", "drivers"})


def tables() -> dict[str, str]:
    """Contents of every derived table by its file name.

    Raises:
        ValueError: A source holds an unknown key, something twice, or a text that does not fit into a field.
    """
    bug_checks = sorted(_bug_checks(BUG_CHECKS), key=lambda entry: int(entry["code"]))
    return {
        "bug_checks.txt": _table(BUG_CHECKS, map(_bug_check_line, bug_checks)),
        "subcodes.txt": _table(BUG_CHECKS, (line for entry in bug_checks for line in _subcode_lines(entry))),
        "drivers.txt": _table(DRIVERS, _driver_lines(DRIVERS)),
    }


def main() -> None:
    """Write every derived table."""
    for name, text in tables().items():
        (KNOWLEDGE / name).write_text(text, encoding="ascii", newline="\n")
        print(f"{name}: {text.count(chr(10)) - 1} lines")


def _bug_checks(folder: Path) -> list[dict[str, Any]]:
    entries = [entry for source in folder.glob("*.toml") for entry in _loaded(source)["bug_check"]]
    for entry in entries:
        _check_keys(entry, _BUG_CHECK_KEYS)
    codes = Counter(entry["code"] for entry in entries)
    if twice := [f"{code:#x}" for code, count in codes.items() if count > 1]:
        raise ValueError(f"codes that stand twice: {', '.join(twice)}")
    return entries


def _driver_lines(source: Path) -> list[str]:
    lines: dict[str, str] = {}
    for group in _loaded(source)["group"]:
        _check_keys(group, _DRIVER_KEYS)
        common = [group["vendor"], group.get("product", ""), group["role"], group["skip"]]
        for name, description in group["drivers"].items():
            if name.lower() in lines:
                raise ValueError(f"driver {name} stands twice")
            lines[name.lower()] = _line([name.lower(), *common, description])
    return sorted(lines.values())


def _loaded(source: Path) -> dict[str, Any]:
    return tomllib.loads(source.read_text(encoding="utf-8"))


def _bug_check_line(entry: Mapping[str, Any]) -> str:
    variant = entry.get("variant_of")
    return _line(
        [
            f"{entry['code']:08X}",
            entry["name"],
            entry["source"],
            " ".join(mark for mark in ("live_dump", "message_only") if entry.get(mark)),
            "" if variant is None else f"{variant:08X}",
            " ".join(entry.get("aliases", ())),
            entry.get("doc", ""),
            " ".join(entry["causes"]),
            entry["summary"],
            _culprit(entry),
            entry.get("note", ""),
            str(len(entry.get("subcode", ()))),
            *_parameters(entry.get("parameters", _UNDOCUMENTED)),
        ]
    )


def _subcode_lines(entry: Mapping[str, Any]) -> Iterator[str]:
    for subcode in entry.get("subcode", ()):
        _check_keys(subcode, _SUBCODE_KEYS)
        when = (clause for number, value in subcode["when"].items() for clause in _clauses(number, value))
        own = _parameters(subcode["parameters"]) if "parameters" in subcode else []
        yield _line([f"{entry['code']:08X}", " ".join(when), subcode["meaning"], _culprit(subcode), *own])


def _clauses(number: str, value: int | Sequence[int] | Mapping[str, int]) -> list[str]:
    if isinstance(value, int):
        return [f"{number}={value:X}"]
    if isinstance(value, Mapping):
        if "mask" in value:
            return [f"{number}&{value['mask']:X}={value['value']:X}"]
        bounds = {"min": ">=", "max": "<="}
        return [f"{number}{bounds[bound]}{limit:X}" for bound, limit in value.items()]
    return [f"{number}={','.join(f'{choice:X}' for choice in value)}"]


def _parameters(parameters: Sequence[Mapping[str, str]]) -> list[str]:
    if len(parameters) != 4:
        raise ValueError(f"not four parameters: {parameters}")
    return [f"{parameter['kind']} {parameter['meaning']}" for parameter in parameters]


def _culprit(entry: Mapping[str, Any]) -> str:
    culprit = entry.get("culprit")
    return f"{culprit['param']} {culprit['kind']} {culprit['how']}" if culprit else ""


def _check_keys(entry: Mapping[str, Any], known: frozenset[str]) -> None:
    if unknown := set(entry) - known:
        raise ValueError(f"unknown keys {', '.join(sorted(unknown))} in {entry}")


def _line(fields: Sequence[str]) -> str:
    if bad := [field for field in fields if not (field.isascii() and field.isprintable())]:
        raise ValueError(f"{fields[0]}: not one line of plain ASCII: {bad[0]!r}")
    return "\t".join(fields) + "\n"


def _table(source: Path, lines: Iterable[str]) -> str:
    place = f"{source.parent.name}/{source.name}"
    return f"# Made by tools/build_knowledge.py from {place}: edit that.\n" + "".join(lines)


if __name__ == "__main__":
    main()
