"""The machine in the report: its makers, its builds, where its thread began."""

from __future__ import annotations

from typing import Any

import pytest

from smalldump.api import analyze_source
from smalldump.intake import ByteSource
from smalldump.report import Report
from smalldump.report.machine_sections import machine_sections
from smalldump.sources.detect import open_snapshot
from tests.synth import Dump, x64_dump, x86_dump

SMBIOS, EVENT_TRACE = "bc5c008f-1e3a-44d7-988d-86f6884c6758", "2b88b710-1c93-4f7c-b06c-655ecc50decc"


def report_on(dump: Dump) -> Report:
    return analyze_source(ByteSource("synthetic.dmp", None, dump.bytes))


def system(blobs: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = machine_sections(open_snapshot(memoryview(x64_dump().bytes), "synthetic.dmp"), blobs)[
        "system"
    ]
    return found


@pytest.mark.parametrize(
    ("maker", "board", "shown"),
    [
        (("Dell Inc.", "Vostro 3020 T"), ("Dell Inc.", "0X"), ("Dell Inc.", "Vostro 3020 T")),
        (("ASUS", "System Product Name"), ("ASUSTeK", "TUF B660M"), ("ASUS", "TUF B660M")),
        (("To Be Filled By O.E.M.", "To Be Filled By O.E.M."), ("ASRock", "B450"), ("ASRock", "B450")),
        (("Default string", " "), ("Default string", "N/A"), (None, None)),
        ((None, None), (None, None), (None, None)),
    ],
)
def test_placeholders_are_no_makers(maker: tuple[Any, Any], board: tuple[Any, Any], shown: tuple[Any, Any]) -> None:
    names = ("vendor", "product")
    tables = {"system": dict(zip(names, maker, strict=True)), "board": dict(zip(names, board, strict=True))}
    found = system({SMBIOS: tables})
    assert (found.get("vendor"), found.get("product")) == shown


@pytest.mark.parametrize(
    ("build", "version"), [(19045, "22H2"), (19043, "21H1"), (19041, "2004"), (31337, "2004 to 22H2")]
)
def test_the_version_follows_the_service_build(build: int, version: str) -> None:
    found = system({EVENT_TRACE: {"build": build}})
    assert (found["service_build"], found["version"]) == (build, version)


def test_a_thread_may_have_begun_in_a_driver_that_is_gone() -> None:
    dump = x86_dump()
    gone = (dump.facts.unloaded or ())[0]
    start = report_on(dump)["thread.start"]
    assert start["module"] is None
    assert start["unloaded_module"] == gone.name[:12]
    assert int(start["offset"], 16) == int(start["address"], 16) - gone.start


def test_levels_and_reasons_have_their_names_beside() -> None:
    report = report_on(x64_dump())
    assert (report["crash.irql"], report["crash.irql_name"]) == (2, "DISPATCH_LEVEL")
    assert (report["thread.wait_reason"], report["thread.wait_reason_name"]) == (0, "Executive")
    assert report_on(x86_dump())["crash.irql_name"] is None
