"""The parts of scrubbing by themselves: names, values, words of the stack, blobs taken apart and built anew."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smalldump.compose import compose
from smalldump.decode.cpu_registry import decode_cpu_registry
from smalldump.decode.cpuid import decode_cpuid
from smalldump.decode.requests import triage_requests
from smalldump.decode.smbios import decode_smbios
from smalldump.layout.blobs import KNOWN_BLOBS
from smalldump.model import Absent, Blob, PhysicalMemory
from smalldump.sources.small import SmallDump
from smalldump.writer.scrub import Permitted, ScrubLevel, StackEvidence
from smalldump.writer.scrub.blobs import REBUILT, scrub_blobs
from smalldump.writer.scrub.classes import Tally
from smalldump.writer.scrub.header import scrub_counters, scrub_header, scrub_physical_memory
from smalldump.writer.scrub.names import file_name, permitted_path
from smalldump.writer.scrub.stack import Rules, scrub_stack
from smalldump.writer.scrub.values import Landmarks, plausible_time
from tests.synth import x64_dump, x86_dump
from tests.writer.scrub_planting import MACHINES, MARKER, holds_secret, planted

X64, X86 = (SmallDump(memoryview(make().bytes)) for make in (x64_dump, x86_dump))
STACK = 0xFFFFA08F2B1C6000
NOTHING = StackEvidence({}, lambda address: None)


def rules(dump: SmallDump, level: ScrubLevel, evidence: StackEvidence = NOTHING) -> Rules:
    return Rules(Landmarks(dump, level), evidence, Tally(level))


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        (r"\SystemRoot\system32\ntoskrnl.exe", None),
        (r"\SystemRoot\System32\drivers\wobblefs.sys", None),
        (r"\SystemRoot\System32\drivers\wd\WdFilter.sys", None),
        (r"\SystemRoot\System32\DriverStore\FileRepository\oem7.inf_amd64_0123456789abcdef\gfx.sys", None),
        (r"\??\C:\Windows\System32\drivers\x.sys", None),
        (r"\WINNT\System32\hal.dll", None),
        ("kd.dll", None),
        (r"\SystemRoot\System32\drivers\..\..\..\Users\me\x.sys", "x.sys"),
        (r"\SystemRoot\System32\config\systemprofile\x.sys", "x.sys"),
        (r"\SystemRoot\Temp\me\x.sys", "x.sys"),
        (r"\??\C:\Users\me\Downloads\x.sys", "x.sys"),
        (r"\??\C:\Program Files\Thing\x.sys", "x.sys"),
        (r"\Device\Mup\server\share\x.sys", "x.sys"),
        ("C:/Users/me/x.sys", "x.sys"),
        (r"\SystemRoot\System32\drivers\C:/Users/me/x.sys", "x.sys"),
        (r"x.sys:me", "me"),
        ("\\SystemRoot\\System32\\bad\x07name.sys", ""),
        ("\\" + "x" * 300, ""),
        ("", ""),
    ],
)
def test_paths_stay_only_in_folders_of_windows(path: str, kept: str | None) -> None:
    assert permitted_path(path) == (path if kept is None else kept)


@given(st.text(max_size=60))
def test_file_names_hold_no_folders(path: str) -> None:
    assert not set(file_name(path)) & set("\\/:")
    assert permitted_path(path) in (path, file_name(path))


def test_a_driver_without_a_usable_name_is_called_as_microsofts_engine_calls_it() -> None:
    dump = x64_dump()
    last = dump.facts.drivers[-1]
    bad = type(last)("\\SystemRoot\\bad\x07name.sys", last.base, last.size, 1, 1)
    source = SmallDump(memoryview(x64_dump(drivers=[*dump.facts.drivers[:-1], bad]).bytes))
    result = SmallDump(memoryview(compose(source, scrub_level=ScrubLevel.STACK).data()))
    assert result.modules[-1].file == f"Unknown_Module_{last.base:016x}"


def test_registers_of_32_bit_machines_must_lead_to_a_named_place() -> None:
    wide, narrow = (Landmarks(dump, ScrubLevel.STACK) for dump in (X64, X86))
    kernel = X86.modules[0].base
    assert wide.register(0xFFFFC48F12345678) == 0xFFFFC48F12345678
    assert narrow.register(kernel + 0x1234) == kernel + 0x1234
    assert narrow.register(0xDEADBEEF) == 0
    for landmarks in (wide, narrow):
        assert landmarks.register(0x8000) == 0x8000
        assert landmarks.register(0x12345678) == 0
    assert Landmarks(X64, ScrubLevel.FACTS).register(0xFFFFC48F12345678) == 0


@given(st.integers(0, 2**64 - 1))
@example(int.from_bytes(MARKER, "little"))
def test_what_stays_in_a_register_is_an_address_or_small(value: int) -> None:
    kept = Landmarks(X64, ScrubLevel.STACK).register(value)
    assert kept in (0, value)
    assert kept < 0x10000 or kept >= X64.machine.kernel_start


@given(st.lists(st.integers(0, 2**64 - 1) | st.sampled_from([m.base + 0x1234 for m in X64.modules]), max_size=60))
def test_stack_words_stay_only_for_where_they_lead(words: list[int]) -> None:
    data = struct.pack(f"<{len(words)}Q", *words)
    loose = scrub_stack(STACK, data, (), rules(X64, ScrubLevel.STACK)).data
    landmarks = Landmarks(X64, ScrubLevel.STACK)
    for before, after in zip(words, struct.unpack(f"<{len(words)}Q", loose), strict=True):
        assert after == (before if landmarks.named(before) else 0)
    assert not any(scrub_stack(STACK, data, (), rules(X64, ScrubLevel.FACTS)).data)


def test_the_strict_level_keeps_the_return_addresses_that_were_walked() -> None:
    code = X64.modules[0].base + 0x1234
    data = struct.pack("<4Q", code, code, STACK + 8, code)
    evidence = StackEvidence({STACK + 8: code}, lambda address: True)
    facts = scrub_stack(STACK, data, (), rules(X64, ScrubLevel.FACTS, evidence))
    assert struct.unpack("<4Q", facts.data) == (0, code, 0, 0)
    assert facts.returns == {code}


def test_addresses_that_follow_no_call_are_no_return_addresses() -> None:
    code = X64.modules[0].base + 0x1234
    evidence = StackEvidence({}, lambda address: address != code)
    data = struct.pack("<2Q", code, code + 0x100)
    stack = scrub_stack(STACK, data, (), rules(X64, ScrubLevel.STACK, evidence))
    assert struct.unpack("<2Q", stack.data) == (0, code + 0x100)


@given(st.binary(max_size=200), st.integers(0, 15))
def test_any_stack_can_be_scrubbed(data: bytes, skew: int) -> None:
    for dump in (X64, X86):
        out = scrub_stack(STACK & dump.machine.mask | skew, data, (), rules(dump, ScrubLevel.STACK)).data
        assert len(out) == len(data)


def rebuilt(tag: str, data: bytes) -> bytes:
    kept = scrub_blobs([Blob(tag, memoryview(data), 0)], Landmarks(X64, ScrubLevel.STACK), Tally(ScrubLevel.STACK))
    return bytes(kept[0].data) if kept else b""


@pytest.mark.parametrize("tag", REBUILT)
@given(data=st.binary(max_size=300))
def test_blobs_can_be_anything_and_rebuilding_is_done_once(tag: str, data: bytes) -> None:
    once = rebuilt(tag, data)
    assert rebuilt(tag, once) == once


@pytest.mark.parametrize("tag", [tag for tag in KNOWN_BLOBS if tag not in REBUILT])
def test_blobs_of_other_kinds_are_dropped(tag: str) -> None:
    assert rebuilt(tag, b"anything" * 10) == b""


def test_the_strict_level_keeps_no_blob() -> None:
    assert scrub_blobs(X64.blobs, Landmarks(X64, ScrubLevel.FACTS), Tally(ScrubLevel.FACTS)) == ()


def blobs_of(dump: SmallDump) -> dict[str, bytes]:
    return {blob.guid: bytes(blob.data) for blob in dump.blobs}


def test_what_rebuilt_blobs_say_is_what_is_not_private() -> None:
    source = blobs_of(X64)
    registry, cpuid, smbios, requests = (tag for tag in (*list(REBUILT)[:2], *list(REBUILT)[2:]))
    before, after = (
        decode_cpu_registry(data, False) for data in (source[registry], rebuilt(registry, source[registry]))
    )
    assert {key: before[key] for key in ("name", "vendor", "identifier", "mhz", "family")}.items() <= after.items()
    before, after = (decode_cpuid(data, False) for data in (source[cpuid], rebuilt(cpuid, source[cpuid])))
    assert {key: value for key, value in before.items() if key != "leaves"}.items() == {
        key: value for key, value in after.items() if key != "leaves"
    }.items()
    asked = list(triage_requests(rebuilt(requests, source[requests])))
    assert [request.component for request in asked] == ["IoTriageDumpData", "WobbleFsTriage"]
    assert all(request.ranges for request in asked)
    assert b"INVENTED" in source[smbios]
    assert b"INVENTED" not in rebuilt(smbios, source[smbios])


def test_smbios_keeps_maker_and_model_and_no_serial_number() -> None:
    smbios = next(tag for tag, what in REBUILT.items() if what is Permitted.MACHINE)
    open_, closed = (decode_smbios(rebuilt(smbios, blobs_of(X64)[smbios]), private) for private in (False, True))
    assert open_ == closed  # nothing is left that would have to be withheld
    before = decode_smbios(blobs_of(X64)[smbios], False)
    system = before["system"]
    assert isinstance(system, dict)
    kept = {key: value for key, value in system.items() if key in ("vendor", "product", "version", "family")}
    assert open_["system"] == kept
    assert open_["bios"] == before["bios"]
    modules = open_["memory_modules"]
    assert isinstance(modules, list)
    assert isinstance(modules[0], dict)
    assert modules[0]["size_mib"] == 8192
    assert not {"serial", "asset_tag", "uuid"} & set(modules[0])


def test_a_model_name_that_is_the_serial_number_is_not_kept() -> None:
    smbios = next(tag for tag, what in REBUILT.items() if what is Permitted.MACHINE)
    sources = [bytes(b.data) for b in SmallDump(memoryview(planted("x64").bytes)).blobs if b.guid == smbios]
    assert any(b"SECRET-2\0A2" in data for data in sources)
    assert not any(holds_secret(rebuilt(smbios, data)) for data in sources)


def test_header_values_of_another_form_are_left_out() -> None:
    landmarks, tally = Landmarks(X64, ScrubLevel.STACK), Tally(ScrubLevel.STACK)
    word = int.from_bytes(MARKER, "little")
    odd = {"system_time": word, "directory_table_base": word, "kd_debugger_data_block": word, "boot_id": word}
    assert scrub_header(odd | {"novel": 1, "bug_check_parameter1": word}, landmarks, tally) == {
        "bug_check_parameter1": word
    }
    fine = {"boot_id": 7, "directory_table_base": 0x1AD000, "kd_debugger_data_block": 0xFFFFF80012345678}
    assert scrub_header(fine, landmarks, tally) == fine
    assert scrub_counters({"committed_pages": word, "version": 1, "mm_special_pool_tag": 0x5A5A5A5A}, 64, tally) == {
        "version": 1
    }
    assert scrub_physical_memory(PhysicalMemory(1, ((word, 1),)), 64, tally) is None
    assert scrub_physical_memory(PhysicalMemory(9, ((1, 9),)), 64, tally) == PhysicalMemory(9, ((1, 9),))
    assert plausible_time(word) == 0


def test_the_documentation_has_each_class_with_its_levels() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "scrubbing.md").read_text(encoding="utf-8")
    for what in Permitted:
        strict = "yes" if what.at(ScrubLevel.FACTS) else "no"
        assert f"| {what.words} | {strict} | yes |" in page, what
    assert page.count("| yes | yes |") + page.count("| no | yes |") == len(Permitted)
    assert all(f"| `{level.value}` |" in page for level in ScrubLevel)


def test_classes_say_what_they_are() -> None:
    assert len({what.words for what in Permitted}) == len(Permitted)
    strict = {what for what in Permitted if what.at(ScrubLevel.FACTS)}
    assert strict < {what for what in Permitted if what.at(ScrubLevel.STACK)}
    assert Permitted.RETURN_ADDRESSES in strict
    assert Permitted.PROCESS_NAME not in strict


@pytest.mark.parametrize("name", MACHINES)
@example(patches=[(185, bytes(7))])  # x64: an unloaded driver from address 0 on, in which every word lies
@settings(max_examples=20)
@given(patches=st.lists(st.tuples(st.integers(0, 2**20), st.binary(min_size=1, max_size=16)), max_size=12))
def test_damaged_dumps_can_be_scrubbed_and_hold_no_secret(name: str, patches: list[tuple[int, bytes]]) -> None:
    dump = planted(name)
    data = bytearray(dump.bytes)
    first = dump.offset("TRIAGE_DUMP") + 0x80
    for at, piece in patches:
        place = first + at % (len(data) - first - 16)
        data[place : place + len(piece)] = piece
    source = SmallDump(memoryview(bytes(data)))
    for level in ScrubLevel:
        composed = compose(source, scrub_level=level, size=0x40000)
        assert not holds_secret(composed.data())
        assert composed.scrubbed is not None
        assert not isinstance(SmallDump(memoryview(composed.data())).bug_check, Absent)
