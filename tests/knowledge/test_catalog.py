"""The catalog of bug checks: facts, matching of sub-codes, culprit hints."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.knowledge.catalog import (
    BugCheckEntry,
    SubCode,
    all_bug_check_codes,
    bug_check,
    canonical_code,
    culprit_hint,
    is_driver_defined,
    listed_entry,
)

SIGN_EXTENDED_ACCESS_VIOLATION = 0xFFFFFFFFC0000005


def entry(code: int) -> BugCheckEntry:
    found = bug_check(code)
    assert found is not None
    return found


def test_a_well_known_entry() -> None:
    power = entry(0x9F)
    assert power.name == "DRIVER_POWER_STATE_FAILURE"
    assert power.source == "docs"
    assert power.url is not None
    assert power.url.endswith("/bug-check-0x9f--driver-power-state-failure")
    assert [parameter.kind for parameter in power.parameters] == ["integer", "unknown", "unknown", "unknown"]
    assert power.causes == ("driver", "power")
    assert not power.live_dump
    assert len(power.subcodes) == 7


def test_power_failure_3_is_about_an_irp() -> None:
    stalled = entry(0x9F).match((3, 0xFFFFB00B11223344, 0xFFFFF80000001000, 0xFFFFB00B55667788))
    assert stalled is not None
    assert stalled.meaning == "A device sat on a power IRP too long"
    kinds = [parameter.kind for parameter in stalled.parameters]
    assert kinds == ["integer", "pointer:device_object", "pointer:triage_9f_power", "pointer:irp"]
    assert [str(condition) for condition in stalled.when] == ["P1 = 0x3"]
    assert entry(0x9F).match((0x77, 0, 0, 0)) is None


def test_the_hint_of_a_sub_code() -> None:
    stalled = culprit_hint(0x9F, (3, 0, 0, 0))
    lock = culprit_hint(0x9F, (4, 0, 0, 0))
    assert stalled is not None
    assert lock is not None
    assert (stalled.param, stalled.kind) == (2, "pointer:device_object")
    assert (lock.param, lock.kind) == (3, "pointer:thread")
    assert lock.causes == ("driver", "power")
    assert culprit_hint(0x9F, (0x77, 0, 0, 0)) is None


def test_the_hint_of_a_bug_check() -> None:
    hint = culprit_hint(0x1000007E, (SIGN_EXTENDED_ACCESS_VIOLATION, 0, 0, 0))
    assert hint is not None
    assert (hint.param, hint.kind) == (2, "address-code")
    assert hint.note is not None
    assert "context record" in hint.note


@pytest.mark.parametrize("code", [0xE2, 0x109, 0xDEADBEEF])
def test_no_hint_where_no_parameter_leads_to_a_culprit(code: int) -> None:
    assert culprit_hint(code, (0, 0, 0, 0)) is None


@pytest.mark.parametrize(
    ("stored", "canonical"),
    [
        (0x7E, 0x7E),
        (0x1000007E, 0x7E),
        (0x10000050, 0x50),
        (0x1000008E, 0x8E),
        (0x100000EA, 0xEA),
        (0x1000000A, 0xA),  # no form of its own is listed
        (0xDEADDEAD, 0xDEADDEAD),  # has bit 28, and is itself a stop code
        (0xC000021A, 0xC000021A),
        (0xA0000001, 0xA0000001),
        (0x1FFFFFFF, 0x1FFFFFFF),
        (0xFFFFFFFF, 0xFFFFFFFF),
    ],
)
def test_canonical_codes(stored: int, canonical: int) -> None:
    assert canonical_code(stored) == canonical


def test_a_form_of_small_dumps_has_the_entry_of_its_code_and_one_of_its_own() -> None:
    form = listed_entry(0x1000007E)
    assert form is not None
    assert (form.name, form.variant_of) == ("SYSTEM_THREAD_EXCEPTION_NOT_HANDLED_M", 0x7E)
    plain = entry(0x1000007E)
    assert (plain.code, plain.name, plain.variant_of) == (0x7E, "SYSTEM_THREAD_EXCEPTION_NOT_HANDLED", None)
    assert form.parameters == plain.parameters


def test_codes_of_drivers() -> None:
    assert bug_check(0xA0000001) is None
    assert is_driver_defined(0xA0000001)
    assert not is_driver_defined(0xDEADDEAD)
    assert not is_driver_defined(0x7777)
    assert not any(map(is_driver_defined, all_bug_check_codes()))


def test_sign_extended_exception_codes_select_sub_codes() -> None:
    for code in (SIGN_EXTENDED_ACCESS_VIOLATION, 0xC0000005):
        access = entry(0x1E).match((code, 0xFFFFF80000001000, 0, 0x10))
        assert access is not None
        assert access.parameters[2].kind == "access-type"
        assert access.parameters[3].kind == "address-data"
    assert entry(0x1E).match((0xFFFFFFFFC000001D, 0, 0, 0)) is None


def test_any_minimum_and_mask() -> None:
    page = entry(0x7A)
    assert [condition.values for condition in _matched(page, (4, 0xC0000185, 1, 0)).when] == [(3, 4), (1,)]
    assert _matched(page, (0xFFFFF80000001000, 0, 0, 0)).meaning == "Page-in failed, PTE form"
    rdbss = entry(0x27)
    assert _matched(rdbss, (0xCA550123, 0, 0, 0)).meaning == "RDBSS cache support code raised the stop"
    iommu = entry(0x159)
    assert _matched(iommu, (0x3000, 0, 0, 0)).meaning == _matched(iommu, (0x3FFF, 0, 0, 0)).meaning == "Status form"


def test_the_most_specific_sub_code_wins() -> None:
    acpi = entry(0xA5)
    overlap = _matched(acpi, (2, 0, 0x10, 0))
    assert len(overlap.when) == 2
    assert overlap.meaning == "PCI resources overlap the E820 memory map"


def test_a_sub_code_without_parameters_of_its_own_has_those_of_the_bug_check() -> None:
    fault = entry(0x50)
    assert _matched(fault, (0, 0, 0, 2)).parameters == fault.parameters


def test_sub_codes_are_a_sequence() -> None:
    verifier = entry(0xC4).subcodes
    assert len(verifier) == len(list(verifier)) == 243
    assert verifier[-1] == verifier[len(verifier) - 1] == tuple(verifier)[-1]
    assert verifier[1:3] == (verifier[1], verifier[2])
    with pytest.raises(IndexError):
        verifier[243]
    assert repr(verifier) == "<243 sub-codes of 0xc4>"
    assert list(entry(0x7E).subcodes) == []


def test_live_dumps_messages_and_aliases() -> None:
    assert entry(0x1A8).live_dump or entry(0x15F).live_dump
    message = listed_entry(0x8000007F)
    assert message is not None
    assert message.message_only
    assert "EM_INITIALIZATION_ERROR" in entry(0x11A).aliases
    assert entry(0x83).source == "header-only"
    assert entry(0x83).doc is entry(0x83).url is None


def test_all_codes() -> None:
    codes = all_bug_check_codes()
    assert len(codes) == 556
    assert list(codes) == sorted(set(codes))
    assert {0xA, 0x50, 0x7E, 0x9F, 0x116, 0x124, 0x133, 0x139, 0x20001, 0x1000007E, 0xDEADDEAD} <= set(codes)
    assert all(listed_entry(code) is not None for code in codes)


@given(
    code=st.one_of(st.integers(0, 0xFFFFFFFF), st.integers(0, 0x210), st.integers(0x10000000, 0x10000210)),
    parameters=st.tuples(*[st.one_of(st.integers(0, 20), st.integers(0, (1 << 64) - 1))] * 4),
)
def test_any_header_is_explained_without_error(code: int, parameters: tuple[int, int, int, int]) -> None:
    found = bug_check(code)
    hint = culprit_hint(code, parameters)
    assert (found is None) or found.code == canonical_code(code)
    if found is None:
        assert hint is None
        return
    matched = found.match(parameters)
    if matched is not None and matched.culprit is not None:
        assert hint == matched.culprit
    else:
        assert hint == found.culprit


def test_codes_of_real_dumps_are_known_or_a_driver_s_own(samples: Path) -> None:
    with (samples / "manifest.csv").open(encoding="utf-8") as manifest:
        stored = {int(row["bug_check"], 16) for row in csv.DictReader(manifest) if row["bug_check"]}
    assert stored
    assert all(is_driver_defined(code) != (bug_check(code) is not None) for code in stored)


def _matched(found: BugCheckEntry, parameters: tuple[int, int, int, int]) -> SubCode:
    subcode = found.match(parameters)
    assert subcode is not None
    return subcode
