"""Advice that names drivers."""

from __future__ import annotations

from smalldump.analysis.advice import verify_drivers
from tests.analysis.buckets import built


def test_a_driver_that_nobody_knows_is_verified_too() -> None:
    assert verify_drivers(built(0xD1, (0, 0, 0, 0), "wobblefs.sys")).endswith("for: wobblefs.sys.")


def test_drivers_of_windows_are_not_verified() -> None:
    assert verify_drivers(built(0xD1, (0, 0, 0, 0), "ntfs.sys")).endswith("that do not come with Windows.")
