"""Trace: the little of a report that tells how one dump is related to another."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from smalldump.report.document import Document
from smalldump.report.shown import plain
from smalldump.report.values import Json

__all__ = ["Trace", "trace_of"]

_MOST_DRIVERS = 1024
_INNER_FRAMES = 8
_KERNEL = "nt"


class Trace(NamedTuple):
    """What is kept of one report to relate it to others.

    Attributes:
        name: The name by which the dump is shown.
        machine: What one machine's dumps have in common: maker, model, processor, number of processors. No
            serial number: two machines of one model look alike.
        time: Of the crash, in UTC, or None.
        uptime: Seconds since the start of Windows, or None.
        code: Bug check code, as `0xD1`.
        kind: What the verdict blames.
        culprit: Name of the driver or process that it blames, or None.
        coarse: The coarse signature.
        place: The module of the innermost frame of the crash that is not the kernel's, or None.
        drivers: The drivers that are not known as parts of Windows: file name in lower case -> link time stamp and
            size, which are equal for equal versions.
    """

    name: str
    machine: tuple[str, ...]
    time: datetime | None
    uptime: float | None
    code: str
    kind: str
    culprit: str | None
    coarse: str
    place: str | None
    drivers: Mapping[str, tuple[str, int]]


def trace_of(name: str, report: Document) -> Trace | None:
    """The trace of a report; None where it tells no bug check."""
    code, coarse = report["bug_check.code"], report["verdict.signature.coarse"]
    if not isinstance(code, str) or not isinstance(coarse, str):
        return None
    uptime = plain(report["crash.uptime_s"])
    return Trace(
        name,
        _machine(report),
        _time(plain(report["crash.time_utc"])),
        float(uptime) if isinstance(uptime, int | float) else None,
        f"0x{int(code, 16):X}",
        str(report["verdict.kind"] or "undecided"),
        report["verdict.culprit.module"],
        coarse,
        _place(report),
        _drivers(plain(report["modules"])),
    )


def _machine(report: Document) -> tuple[str, ...]:
    fields = ("system.machine", "system.vendor", "system.product", "system.processors", "processor.name")
    model = ("processor.vendor", "processor.family", "processor.model", "processor.stepping")
    known = [plain(report[field]) for field in (*fields, *model)]
    return tuple("" if value is None else str(value) for value in known)


def _time(value: Json) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _place(report: Document) -> str | None:
    frames = plain(report["stack"]) or ()
    modules = (frame.get("module") for frame in frames[:_INNER_FRAMES])
    return next((module for module in modules if module and module != _KERNEL), None)


def _drivers(modules: Json) -> dict[str, tuple[str, int]]:
    found: dict[str, tuple[str, int]] = {}
    for module in (modules or ())[:_MOST_DRIVERS]:
        file, stamp = module.get("file"), plain(module.get("timestamp"))
        if file and stamp and module.get("vendor") != "Microsoft":
            found[file.lower()] = (stamp, plain(module.get("size")) or 0)
    return found
