"""The top of a page: who did it, how sure, why, what to do, and the bug check in words."""

from __future__ import annotations

from typing import NamedTuple

from smalldump.report.document import Document
from smalldump.report.first_screen import culprit_words, screen_facts
from smalldump.report.html.reading import fields, number, rows, strings
from smalldump.report.shown import address, counted, is_absent, plain, text
from smalldump.report.values import Json, JsonObject

__all__ = ["Summary", "culprit_of", "is_web_address", "stop_words", "summary_of"]

_INSTEAD = {
    "hardware": "The hardware",
    "user_initiated": "Nobody: it was asked for",
    "live_dump": "Nobody: a live dump",
    "undecided": "Undecided",
}
_CONFIDENCES = ("high", "medium", "low", "none")


class Summary(NamedTuple):
    """What the verdict, the bug check and the first facts say.

    Attributes:
        stop: Code and name of the bug check.
        who: Who is blamed, or what instead.
        maker: Vendor and product of the culprit.
        confidence: One of the four words, `none` where it is another.
        summary, evidence, remarks, steps, limits, context: As in the report.
        keys: Bucket, hash and signatures with their labels.
        notes: What is said about those keys.
        facts: Process, place, time and machine, file.
        parameters: Number, value, meaning, what it stands for, kind.
        stop_lines, subcode, url, blamed: What else is said of the bug check.
    """

    stop: str
    stop_summary: Json
    who: str
    maker: str
    confidence: str
    summary: Json
    evidence: list[JsonObject]
    remarks: list[tuple[str, str, str | None]]
    steps: list[str]
    limits: list[str]
    context: list[str]
    keys: list[tuple[str, Json]]
    notes: list[str]
    facts: list[tuple[str, str]]
    parameters: list[tuple[int, str, Json, Json, Json]]
    stop_lines: list[str]
    subcode: Json
    url: str | None
    blamed: Json


def summary_of(report: Document) -> Summary:
    """The top of a page."""
    verdict, stop = fields(report["verdict"]), fields(report["bug_check"])
    confidence = verdict.get("confidence")
    url = plain(stop.get("url"))
    return Summary(
        stop=stop_words(report),
        stop_summary=plain(stop.get("summary")),
        who=culprit_of(report),
        maker=_maker(fields(verdict.get("culprit"))),
        confidence=confidence if confidence in _CONFIDENCES else "none",
        summary=plain(verdict.get("summary")),
        evidence=rows(verdict.get("evidence")),
        remarks=[_remark(each) for each in rows(verdict.get("remarks"))],
        steps=strings(verdict.get("next_steps")),
        limits=strings(verdict.get("limits")),
        context=strings(verdict.get("context")),
        keys=_keys(verdict),
        notes=[*strings(verdict.get("bucket_gaps")), *strings(fields(verdict.get("signature")).get("explanation"))],
        facts=[*screen_facts(report), ("File", _file(report))],
        parameters=_parameters(report, stop),
        stop_lines=strings(stop.get("stop_text")),
        subcode=plain(stop.get("subcode")),
        url=url if is_web_address(url) else None,
        blamed=plain(report["broken_driver"]),
    )


def _remark(remark: JsonObject) -> tuple[str, str, str | None]:
    link = plain(remark.get("link"))
    return text(remark.get("source"), ""), text(remark.get("text"), ""), link if is_web_address(link) else None


def stop_words(report: Document) -> str:
    """`0xD1 DRIVER_IRQL_NOT_LESS_OR_EQUAL`, or why there is no such thing."""
    stop = report["bug_check"]
    if is_absent(stop):
        return f"The bug check is {text(stop)}"
    code, name = number(fields(stop).get("code")), plain(fields(stop).get("name"))
    if code is None:
        return "No bug check"
    return f"0x{code:X} {text(name, '')}".rstrip()


def culprit_of(report: Document) -> str:
    """Who is blamed, or what instead."""
    verdict = fields(report["verdict"])
    culprit = fields(verdict.get("culprit"))
    if any(culprit.get(name) for name in ("file", "module")):
        return culprit_words(verdict) or ""
    if not verdict:
        return "No verdict"
    kind = text(verdict.get("kind"), "undecided")
    return _INSTEAD.get(kind, kind)


def is_web_address(url: Json) -> bool:
    """Whether a link may lead there."""
    return isinstance(url, str) and url.startswith("https://")


def _maker(culprit: JsonObject) -> str:
    parts = (plain(culprit.get(name)) for name in ("vendor", "product", "version"))
    return ", ".join(text(part) for part in parts if part)


def _keys(verdict: JsonObject) -> list[tuple[str, Json]]:
    signature = fields(verdict.get("signature"))
    found = (
        ("Bucket", verdict.get("bucket")),
        ("Bucket hash", verdict.get("bucket_hash")),
        ("Signature", signature.get("coarse")),
        ("Fine signature", signature.get("fine")),
    )
    return [(name, value) for name, value in found if plain(value)]


def _file(report: Document) -> str:
    file = fields(report["file"])
    size = number(file.get("size"))
    writer = f", written by {text(file['writer'])}" if plain(file.get("writer")) else ""
    kind = text(plain(file.get("kind")), "file")
    amount = "" if size is None else f", {counted(size, 'byte')}"
    return f"{kind}{writer}{amount}, {text(file.get('state'), 'state unknown').replace('_', ' ')}"


def _parameters(report: Document, stop: JsonObject) -> list[tuple[int, str, Json, Json, Json]]:
    bits = number(report["file.bits"]) or 64
    return [
        (
            at,
            address(each.get("value"), bits),
            plain(each.get("meaning")),
            plain(each.get("decoded")),
            plain(each.get("kind")),
        )
        for at, each in enumerate(rows(stop.get("parameters")), 1)
    ]
