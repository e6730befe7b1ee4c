"""Labels: names of fields in words, values as everywhere."""

from __future__ import annotations

from typing import Any

import pytest

from smalldump.report.labels import label, microsoft_name, value_words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("parent_pid", "parent pid"),
        ("create_time_utc", "created"),
        ("last_reference_time_utc", "last reference time (UTC)"),
        ("size_mib", "size (MiB)"),
        ("ps_loaded_module_list", "PsLoadedModuleList"),
        ("FeatureSet", "FeatureSet"),
        ("Component Information", "Component Information"),
        ("evil\x1b[2J", r"evil\x1b[2J"),
    ],
)
def test_labels(name: str, words: str) -> None:
    assert label(name) == words


@pytest.mark.parametrize(
    ("name", "spelling"),
    [
        ("ki_processor_block", "KiProcessorBlock"),
        ("offset_kthread_teb", "OffsetKThreadTeb"),
        ("gdt64_r3_cm_code", "Gdt64R3CmCode"),
        ("cm_nt_csd_version", "CmNtCSDVersion"),
    ],
)
def test_names_of_the_debugger_data_block_are_microsofts(name: str, spelling: str) -> None:
    assert microsoft_name(name) == spelling


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("prcb", "0xffffd38112340180", "ffffd381`12340180"),
        ("offset_kthread_teb", "0xf0", "0xf0"),
        ("mini_dump_fields", "0x00010cff", "0x00010cff"),
        ("create_time_utc", "2026-11-22T07:31:12.482Z", "2026-11-22 07:31:12 UTC"),
        ("create_time_utc", {"absent": "corrupt"}, "lost or damaged"),
        ("start", {"address": "0xfffff80000000001", "module": "nt", "offset": "0x1"}, "nt+0x1"),
        ("start", {"address": "0x7ffc3b2a2680", "module": None, "offset": None}, "00007ffc`3b2a2680"),
        ("suites", ["TerminalServer", "Personal"], "TerminalServer, Personal"),
        ("suites", [], "none"),
        ("runs", [{"first_page": "0x1", "pages": 1234}], "[first page 0x1, pages 1,234]"),
        ("attached", True, "yes"),
        ("mhz", 3192, "3192"),
        ("comment", "\x1b]0;t\x07", r"\x1b]0;t\x07"),
    ],
)
def test_values(name: str, value: Any, words: str) -> None:
    assert value_words(name, value, 64) == words


def test_addresses_of_32_bits() -> None:
    assert value_words("prcb", "0xffdff120", 32) == "ffdff120"
