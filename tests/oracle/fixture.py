"""The fixture `oracle`: Microsoft's engine for tests that want its word on a dump.

A folder of tests gets it with `from tests.oracle.fixture import oracle` in its conftest.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from smalldump.model import Snapshot
from tests.oracle.compare import compare, pieces
from tests.oracle.engine import available, stop
from tests.oracle.reading import Reading, read

__all__ = ["Oracle", "decline", "oracle"]


class Oracle:
    """What tests ask Microsoft's engine."""

    def read(self, dump: Path, memory: Iterable[tuple[int, int]] = ()) -> Reading:
        """What the engine says of a dump; see `tests.oracle.reading.read`."""
        return read(dump, memory)

    def differences(self, dump: Path, machine: Snapshot) -> list[str]:
        """All complaints about a dump, and all differences from `machine`; see `tests.oracle.compare.compare`."""
        return compare(machine, read(dump, pieces(machine)))


def decline(reason: str) -> NoReturn:
    """Skip a test that needs the engine; in CI, where the engine must be there, fail it."""
    words = f"Microsoft's debugger engine cannot run here: {reason} (see tests/oracle/README.md)"
    if os.environ.get("SMALLDUMP_CI"):
        pytest.fail(words)
    pytest.skip(words)


@pytest.fixture(scope="session")
def oracle() -> Iterator[Oracle]:
    """Microsoft's engine, set up on first use."""
    reason = available()
    if reason:
        decline(reason)
    yield Oracle()
    stop()
