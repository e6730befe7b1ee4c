from __future__ import annotations

import re

import pytest

from smalldump.knowledge.skipped_frames import is_skipped_function, skipped_functions


def test_entries_are_places_and_stand_once() -> None:
    entries = skipped_functions()
    assert len(entries) > 40
    assert len(set(entries)) == len(entries)
    assert all(re.fullmatch(r"[a-z0-9_]+![a-z0-9_*$]+", entry) for entry in entries)


@pytest.mark.parametrize("place", ["nt!KeBugCheckEx", "NT!kipagefault", "nt!KiSystemServiceCopyEnd"])
def test_what_handles_failures_is_skipped(place: str) -> None:
    assert is_skipped_function(*place.split("!"))


@pytest.mark.parametrize("place", ["nt!IofCallDriver", "wobblefs!KeBugCheckEx", "nt!KiPage", "nt![k]ebugcheckex"])
def test_what_fails_is_not(place: str) -> None:
    assert not is_skipped_function(*place.split("!"))
