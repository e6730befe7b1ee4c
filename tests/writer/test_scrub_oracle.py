"""Microsoft's engine opens scrubbed dumps without complaint, and reads in them what smalldump reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from smalldump.compose import compose
from smalldump.sources.small import SmallDump
from smalldump.writer.scrub import ScrubLevel
from tests.oracle.fixture import Oracle, oracle
from tests.writer.scrub_planting import MACHINES, planted

__all__ = ["oracle"]


@pytest.mark.parametrize("level", ScrubLevel)
@pytest.mark.parametrize("name", MACHINES)
def test_the_engine_agrees_on_scrubbed_dumps(oracle: Oracle, tmp_path: Path, name: str, level: ScrubLevel) -> None:
    source = SmallDump(memoryview(planted(name).bytes))
    path = tmp_path / "scrubbed.dmp"
    path.write_bytes(compose(source, scrub_level=level).data())
    assert oracle.differences(path, SmallDump(memoryview(path.read_bytes()))) == []
