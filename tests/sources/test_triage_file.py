"""The file divided into headers and sections; nothing in it is trusted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.errors import NotADump, Truncated, UnsupportedFormat
from smalldump.model import Absent
from smalldump.sources.triage_file import STRING_LIMIT, TriageFile
from tests.sources.reading import known
from tests.synth import Dump, arm64_dump, kernel_written_dump, win2000_dump, x64_dump, x86_dump

_PRESETS = {
    "x64": x64_dump(),
    "kernel-written": kernel_written_dump(),
    "x86": x86_dump(),
    "ARM64": arm64_dump(),
    "Windows 2000": win2000_dump(),
}
_SECTIONS = {
    "MM block": "MM",
    "unloaded drivers": "unloaded",
    "KPRCB": "PRCB",
    "EPROCESS": "EPROCESS",
    "ETHREAD": "ETHREAD",
    "call stack": "stack",
    "debugger data block": "KDBG",
    "driver list": "drivers",
    "string pool": "strings",
    "data page": "data page",
    "data block table": "blocks",
}


def opened(dump: Dump) -> TriageFile:
    return TriageFile(memoryview(dump.bytes))


@pytest.mark.parametrize("name", _PRESETS)
def test_sections_lie_where_they_were_written(name: str) -> None:
    dump, file = _PRESETS[name], opened(_PRESETS[name])
    for section in file.sections.values():
        assert section.offset == dump.offset(_SECTIONS[section.name])
    written = {ours for ours, theirs in _SECTIONS.items() if theirs in dump.offsets}
    assert set(file.sections) == written


@pytest.mark.parametrize("name", _PRESETS)
def test_structures_are_as_long_as_the_debugger_data_says(name: str) -> None:
    dump, file = _PRESETS[name], opened(_PRESETS[name])
    for kind, section in (("KPRCB", "PRCB"), ("EPROCESS", "EPROCESS"), ("ETHREAD", "ETHREAD")):
        held = dump.read(section)
        if "size_prcb" in file.debugger_words:
            assert bytes(known(file.section(kind)))[: len(held)] == held
            assert len(known(file.section(kind))) == (len(held) + 7) & ~7
        else:  # no size in the file: up to the next section
            assert bytes(known(file.section(kind))).startswith(held)


@pytest.mark.parametrize("bits", [64, 32])
def test_signature_tells_the_width(bits: int) -> None:
    assert opened(x64_dump() if bits == 64 else x86_dump()).bits == bits


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (bytes(0x3000), "the file begins with zeros"),
        (b"MDMP\x93\xa7\0\0" + bytes(0x100), "a user-mode minidump"),
        (b"PAGEDU65" + b"PAGE" * 0x1000, "not a kernel memory dump"),
        (b"PAGE", "not a kernel memory dump"),
    ],
)
def test_what_is_no_dump(data: bytes, message: str) -> None:
    with pytest.raises(NotADump, match=message):
        TriageFile(memoryview(data))


def test_other_kinds_of_dump() -> None:
    with pytest.raises(UnsupportedFormat, match="complete memory dump") as caught:
        opened(x64_dump().patch("DUMP_HEADER.DumpType", 1))
    assert caught.value.offset == 0xF98
    with pytest.raises(UnsupportedFormat, match="an unknown kind of dump"):
        opened(x86_dump().patch("DUMP_HEADER.DumpType", 99))


def test_a_file_that_ends_before_the_bug_check() -> None:
    with pytest.raises(Truncated, match="before the bug check"):
        opened(x64_dump().truncated(0x50))


@given(st.integers(0x60, 0x207F))
def test_a_cut_header_is_lost_behind_the_cut(size: int) -> None:
    file = opened(_PRESETS["x64"].truncated(size))
    assert file.header.bug_check_code == 0xD1
    assert file.triage is None
    assert file.sections == {}
    assert file.written_by_dbgeng is Absent.CORRUPT
    if size <= 0xF98:  # DumpType is cut off: taken for a small dump, which it may be
        assert file.fact("system_time") is Absent.CORRUPT
        assert file.fact("dump_type") is Absent.CORRUPT


def test_facts() -> None:
    file = opened(x64_dump(boot_id=None))
    assert file.fact("minor_version") == 19041
    assert file.fact("boot_id") is Absent.NOT_CAPTURED
    assert file.fact("pae_enabled") is Absent.NOT_APPLICABLE
    assert file.fact("nonsense") is Absent.NOT_APPLICABLE
    assert opened(x86_dump(pae=False)).fact("pae_enabled") == 0


def test_why_a_section_is_missing() -> None:
    dump = x64_dump()
    assert opened(dump.patch("TRIAGE_DUMP.ThreadOffset", 0)).missing("ETHREAD") is Absent.NOT_CAPTURED
    assert opened(dump).missing("data page") is Absent.NOT_CAPTURED
    cut = opened(dump.truncated(dump.offset("ETHREAD") + 8))
    assert cut.missing("ETHREAD") is Absent.CORRUPT  # its second part
    assert cut.missing("driver list") is Absent.CORRUPT
    assert cut.missing("KPRCB") is Absent.NOT_CAPTURED  # it is there, and as long as promised
    assert opened(dump.truncated(0x2010)).missing("KPRCB") is Absent.CORRUPT
    other = opened(dump.patch("DUMP_HEADER.MachineImageType", 0x200))
    assert {other.missing(name) for name in _SECTIONS} == {Absent.UNSUPPORTED}
    assert other.sections == {}


def test_a_section_of_unknown_size_may_be_cut() -> None:
    dump = x64_dump()
    assert opened(dump.truncated(dump.offset("unloaded") + 0x20)).missing("unloaded drivers") is Absent.CORRUPT
    assert opened(dump).missing("unloaded drivers") is Absent.NOT_CAPTURED


def test_writers() -> None:
    assert opened(x64_dump()).written_by_dbgeng is True
    assert opened(kernel_written_dump()).written_by_dbgeng is False


def test_debugger_data_ends_where_its_own_header_says() -> None:
    dump = x64_dump()
    words = opened(dump).debugger_words
    assert words["kern_base"] == dump.facts.kernel.base
    assert "pte_base" in words
    shorter = opened(dump.patch("KDBG.Size", 0x340))
    assert len(known(shorter.debugger_data)) == 0x340
    assert "offset_prcb_context" in shorter.debugger_words
    assert "pte_base" not in shorter.debugger_words
    assert opened(dump.patch("KDBG.Size", 0x18)).debugger_words.keys() == {"flink", "blink", "size"}


def test_debugger_data_that_is_none() -> None:
    dump = x64_dump()
    assert opened(dump.patch("KDBG.Tag", b"XXXX")).debugger_data is Absent.CORRUPT
    assert opened(dump.patch("TRIAGE_DUMP.DebuggerDataSize", 0x10)).debugger_data is Absent.CORRUPT
    assert opened(dump.patch("TRIAGE_DUMP.DebuggerDataOffset", 0)).debugger_words == {}
    assert opened(dump.patch("TRIAGE_DUMP.DebuggerDataOffset", 0xFFFFFFF0)).debugger_words == {}


@given(st.integers(-(1 << 33), 1 << 33), st.integers(-8, 1 << 33))
def test_views_stay_inside_the_file(offset: int, size: int) -> None:
    file = opened(_PRESETS["x64"])
    view = file.view(offset, size)
    inside = max(0, min(offset + size, len(file.data)) - offset) if 0 <= offset < len(file.data) else 0
    assert len(view) == inside


def string_at(characters: int, text: bytes, *, cut: int = 0) -> str | Absent:
    dump = x64_dump()
    held = dump.extended(characters.to_bytes(4, "little") + text)
    file = opened(held.truncated(len(held) - cut))
    return file.string(len(dump))


def test_strings() -> None:
    assert string_at(4, "a.sysX".encode("utf-16-le")) == "a.sy"
    assert string_at(3, "a\0\0".encode("utf-16-le")) == "a"
    assert string_at(0, b"") is Absent.CORRUPT
    assert string_at(3, bytes(6)) is Absent.CORRUPT
    assert string_at(3, "a.s".encode("utf-16-le"), cut=1) is Absent.CORRUPT
    assert string_at(STRING_LIMIT + 1, b"a\0" * 600) is Absent.CORRUPT
    assert string_at(STRING_LIMIT, b"a\0" * 600) == "a" * STRING_LIMIT
    assert string_at(1, b"\x00\xd8") == "\ud800"  # a lone surrogate stays one: printing is for the report to escape


@pytest.mark.parametrize("field", ["CallStack", "DriverList", "StringPool"])
@pytest.mark.parametrize("value", [0, 1, 0x7FFFFFFF, 0xFFFFFFFF])
def test_offsets_that_lead_nowhere(field: str, value: int) -> None:
    dump = x64_dump().patch(f"TRIAGE_DUMP.{field}Offset", value)
    file = opened(dump)
    assert all(0 < section.offset <= section.end <= len(dump) for section in file.sections.values())
