"""Microsoft's engine opens the complete dumps of wholly synthetic machines and reads what smalldump reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from smalldump.sources.big import BigDump
from tests.oracle.compare import compare_machine, pieces
from tests.oracle.fixture import Oracle
from tests.synth.whole_machine import NAMES, whole_machine


@pytest.mark.parametrize("name", [name for name in NAMES if not name.endswith(("encoded", "LA57"))])
def test_the_engine_reads_the_same(name: str, oracle: Oracle, tmp_path: Path) -> None:
    path = tmp_path / "complete.dmp"
    path.write_bytes(whole_machine(name).complete())
    machine = BigDump(memoryview(path.read_bytes()), "complete.dmp")
    assert compare_machine(machine, oracle.read(path, pieces(machine))) == []
