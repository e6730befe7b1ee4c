"""Machine-check status words: posted ones, the makers' tables, and anything at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.decode.amd_banks import amd_bank, extended_error
from smalldump.decode.machine_check import CpuVendor, error_code, global_status, machine_check_status

INTEL, AMD = CpuVendor.INTEL, CpuVendor.AMD


@pytest.mark.parametrize(
    ("high", "low", "vendor", "kind", "mnemonic"),
    [
        # https://www.sysnative.com/forums/threads/whea-error-for-a-mca-fault.3077/
        (0xFA000000, 0x00400405, INTEL, "internal", None),
        # https://social.technet.microsoft.com/Forums/en-US/66621a83-592d-4197-a25b-86f637ebc820 (AMD FX-8350)
        (0xF4800000, 0x00040E0F, AMD, "bus", "BUSLG_GENERIC_ERR_*_NOTIMEOUT_ERR"),
    ],
)
def test_posted_status_words(high: int, low: int, vendor: CpuVendor, kind: str, mnemonic: str | None) -> None:
    status = machine_check_status(high << 32 | low, vendor)
    assert (status.valid, status.uncorrected, status.overflow) == (True, True, True)
    assert (status.code.kind, status.code.mnemonic) == (kind, mnemonic)
    assert status.severity == "uncorrected"


@pytest.mark.parametrize(
    ("code", "mnemonic"),
    [
        (0x000D, "GCACHEL1_ERR"),
        (0x0014, "DTLBL0_ERR"),
        (0x1019, "GTLBL1_ERR"),
        (0x0135, "DCACHEL1_DRD_ERR"),
        (0x0151, "ICACHEL1_IRD_ERR"),
        (0x0174, "DCACHEL0_EVICT_ERR"),
        (0x009F, "RD_CHANNELx_ERR"),
        (0x00C2, "MS_CHANNEL2_ERR"),
        (0x0800, "BUSL0_SRC_ERR_M_NOTIMEOUT_ERR"),
        (0x0F0F, "BUSLG_GENERIC_ERR_*_TIMEOUT_ERR"),
    ],
)
def test_compound_codes_as_the_makers_write_them(code: int, mnemonic: str) -> None:
    assert error_code(code).mnemonic == mnemonic


def test_simple_codes() -> None:
    kinds = [error_code(code, INTEL).kind for code in (0, 1, 5, 0x400, 0xE0B, 0x7000)]
    assert kinds == ["none", "unclassified", "internal_parity", "internal_timer", "io", "unknown"]
    assert (error_code(0x400, AMD).kind, error_code(0xE0B, AMD).kind) == ("internal", "bus")


def test_flags_in_words() -> None:
    status = machine_check_status(0xB200000000000005, INTEL)
    assert status.flags == ("valid", "uncorrected", "enabled", "processor context corrupt")
    assert (status.context_corrupt, status.address_valid, status.corrected_count) == (True, False, None)


def test_corrected_errors_are_counted_by_intel_and_deferred_by_amd() -> None:
    value = 1 << 63 | 3 << 38 | 0x150
    assert machine_check_status(value, INTEL).corrected_count == 3
    assert machine_check_status(value, AMD).corrected_count is None
    assert machine_check_status(1 << 63 | 1 << 44, AMD).severity == "deferred"
    assert machine_check_status(1 << 63 | 1 << 44, INTEL).severity == "corrected"


def test_global_status() -> None:
    assert global_status(5) == ("restart possible", "machine check in progress")


@pytest.mark.parametrize(
    ("ipid", "status", "short", "error"),
    [
        (0x0005_00B0_0000_0000, 0, "EX", "the core stood still (watchdog)"),
        (0x0000_0096_0005_0000, 0, "UMC", "wrong bits in DRAM"),
        (0x0000_0096_0005_0000, 4 << 16, "UMC", "an address or command arrived damaged"),
        (0x0001_002E_0000_0000, 2 << 16, "PIE", "a link failed"),
        (0x0002_00B0_0000_0000, 2 << 16, "L2", "bad data"),
        (0x0007_00B0_0000_0000, 0x3F << 16, "L3", "extended error 63"),
        (0x0000_00B0_0000_0000, 9 << 16, "LS", "extended error 9"),
        (0x0010_00B0_0000_0000, 9 << 16, "LS", "extended error 9"),
    ],
)
def test_banks_of_zen(ipid: int, status: int, short: str, error: str) -> None:
    bank = amd_bank(ipid)
    assert bank
    assert (bank.short, extended_error(bank, status)) == (short, error)


def test_a_unit_that_is_not_listed() -> None:
    assert amd_bank(0) is None
    assert amd_bank(0xFFFF_0FFF_0000_0000) is None


@given(st.integers(min_value=0, max_value=(1 << 64) - 1), st.sampled_from(CpuVendor))
def test_every_word_has_words(value: int, vendor: CpuVendor) -> None:
    status = machine_check_status(value, vendor)
    assert status.code.words
    assert status.value == value
    assert status.valid == (value >= 1 << 63)
