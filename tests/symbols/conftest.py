"""PDBs as fixtures."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.symbols.corpus import SetUpFailed, built_pdbs, wheel_pdbs


def had(get: Callable[[], tuple[Path, ...]]) -> tuple[Path, ...]:
    """The PDBs, or a skip with the reason; in the gate a failure."""
    try:
        return get()
    except SetUpFailed as error:
        if os.environ.get("SMALLDUMP_CI"):
            pytest.fail(f"the gate must run with the PDBs: {error}")
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def from_wheels() -> tuple[Path, ...]:
    """PDBs of Microsoft's tools, from public wheels."""
    return had(wheel_pdbs)


@pytest.fixture(scope="session")
def built() -> tuple[Path, ...]:
    """PDBs of clang and lld-link."""
    return had(built_pdbs)


@pytest.fixture(scope="session")
def pdbs(built: tuple[Path, ...], from_wheels: tuple[Path, ...]) -> tuple[Path, ...]:
    """All of them."""
    return built + from_wheels
