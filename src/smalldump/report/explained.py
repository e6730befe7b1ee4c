"""A code explained with no dump at hand: as JSON, and as text made of that alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from smalldump.analysis.explain import Explanation, explain_bug_check
from smalldump.knowledge.catalog import SubCode, bug_check, exception_name, is_driver_defined
from smalldump.knowledge.status_bits import status_bits
from smalldump.report.columns import columns
from smalldump.report.shown import address, labelled, paragraph, text
from smalldump.report.values import Json, JsonObject
from smalldump.report.values import address as hexadecimal
from smalldump.report.values import code as code_words

__all__ = ["SCHEMA", "explanation", "explanation_text"]

SCHEMA = "smalldump.explanation/1"
_SUBCODES_SHOWN = 40
_FIRST_STATUS = 0x40000000  # smaller codes are nobody's status where a bug check has them


def explanation(code: int, parameters: Sequence[int] = ()) -> JsonObject | None:
    """What a code says: `bug_check`, `status`, or both where the number is both; None where nothing is known of it."""
    entry = bug_check(code)
    found: JsonObject = {"schema": SCHEMA, "code": code_words(code)}
    if entry is not None:
        found["bug_check"] = _bug_check(explain_bug_check(entry, parameters))
    elif is_driver_defined(code) and exception_name(code) is None:
        found["bug_check"] = {"summary": "Not a stop code of Windows: a driver raised it with a code of its own."}
    name = exception_name(code) if entry is None or code >= _FIRST_STATUS else None
    if name is not None:
        found["status"] = _status(code, name)
    return found if len(found) > 2 else None


def _bug_check(explained: Explanation) -> JsonObject:
    entry, subcode, hint = explained.entry, explained.subcode, explained.hint
    return {
        "code": code_words(entry.code),
        "name": entry.name,
        "aliases": list(entry.aliases),
        "summary": entry.summary,
        "live_dump": entry.live_dump,
        "subcode": subcode and subcode.meaning,
        "parameters": [
            {
                "value": hexadecimal(each.value) if each.number <= explained.given else None,
                "meaning": each.meaning,
                "kind": each.kind,
                "decoded": each.decoded if each.number <= explained.given else None,
            }
            for each in explained.parameters
        ],
        "subcodes": [] if subcode else [_subcode(each) for each in entry.subcodes],
        "culprit": hint and {"parameter": hint.param, "how": hint.how},
        "causes": list(entry.causes),
        "note": entry.note,
        "next_steps": list(explained.steps),
        "url": entry.url,
    }


def _subcode(subcode: SubCode) -> JsonObject:
    return {"when": [str(condition) for condition in subcode.when], "meaning": subcode.meaning}


def _status(code: int, name: str) -> JsonObject:
    bits = status_bits(code)
    return {
        "code": code_words(code & 0xFFFFFFFF),
        "name": name,
        "severity": bits.severity,
        "facility": bits.facility_name or hex(bits.facility),
        "customer": bits.customer,
        "number": bits.number,
    }


def explanation_text(explained: JsonObject, width: int) -> str:
    """The explanation for people."""
    lines: list[str] = []
    if "bug_check" in explained:
        lines += _bug_check_lines(explained["code"], explained["bug_check"], width)
    if "status" in explained:
        lines += [""] if lines else []
        lines += _status_lines(explained["status"], width)
    return "\n".join(lines)


def _bug_check_lines(code: str, stop: JsonObject, width: int) -> Iterator[str]:
    if "name" not in stop:
        yield from labelled("What", f"STOP {_upper(code)}: {text(stop['summary'])}", width)
        return
    yield from labelled("What", f"STOP {_upper(stop['code'])} {text(stop['name'])}", width)
    yield from labelled("", text(stop["summary"]), width)
    if stop["subcode"]:
        yield from labelled("", text(stop["subcode"]), width)
    rows = [_parameter(number, each) for number, each in enumerate(stop["parameters"], 1)]
    yield from ("  " + line for line in columns(rows, width=max(width - 2, 40), fixed=(0, 1), wrapped=(2, 3)))
    if stop["culprit"]:
        words = f"parameter {stop['culprit']['parameter']} leads to it: {text(stop['culprit']['how'])}"
        yield from labelled("Culprit", words, width)
    if stop["causes"]:
        causes = ", ".join(text(cause).replace("_", " ") for cause in stop["causes"])
        yield from labelled("Causes", f"usually {causes}", width)
    if stop["note"]:
        yield from labelled("Note", text(stop["note"]), width)
    yield from _bullets("What to do next", stop["next_steps"], width)
    yield from _subcode_lines(stop["subcodes"], width)
    if stop["url"]:
        yield from ("", text(stop["url"]))


def _upper(code: str) -> str:
    return f"0x{int(code, 16):X}"


def _parameter(number: int, parameter: JsonObject) -> list[str]:
    value = address(parameter["value"]) if parameter["value"] else ""
    return [str(number), value, text(parameter["meaning"]), text(parameter["decoded"], "")]


def _bullets(title: str, items: Sequence[Json], width: int) -> Iterator[str]:
    if items:
        yield from ("", title)
        for item in items:
            yield from paragraph(f"- {text(item)}", width, "  ", "    ")


def _subcode_lines(subcodes: Sequence[JsonObject], width: int) -> Iterator[str]:
    if not subcodes:
        return
    yield from ("", "What it means by its parameters")
    rows = [[", ".join(each["when"]), text(each["meaning"])] for each in subcodes[:_SUBCODES_SHOWN]]
    yield from ("  " + line for line in columns(rows, width=max(width - 2, 40), fixed=(0,), wrapped=(1,)))
    if len(subcodes) > _SUBCODES_SHOWN:
        yield f"  and {len(subcodes) - _SUBCODES_SHOWN} more (--json)"


def _status_lines(status: JsonObject, width: int) -> Iterator[str]:
    yield from labelled("Status", f"{_upper(status['code'])} {text(status['name'])}", width)
    facility = "" if status["facility"] == "0x0" else f", of {text(status['facility'])}"
    whose = ", not defined by Microsoft" if status["customer"] else ""
    yield from labelled("", f"{status['severity']}{facility}{whose}", width)
