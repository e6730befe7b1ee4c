"""Microsoft's engine opens big dumps of wholly synthetic machines and reads what smalldump reads.

Left out is what this engine does not know: five levels of page tables, and a debugger data block that is encoded still.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from smalldump.sources.big import BigDump
from tests.oracle.compare import compare_machine, pieces
from tests.oracle.fixture import Oracle
from tests.synth.whole_machine import NAMES, whole_machine

KNOWN = [name for name in NAMES if not name.endswith(("encoded", "LA57"))]


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("kind", [1, 2, 5, 6])
def test_the_engine_reads_the_same(name: str, kind: int, oracle: Oracle, tmp_path: Path) -> None:
    path = tmp_path / "MEMORY.DMP"
    path.write_bytes(whole_machine(name).headed(kind))
    machine = BigDump(memoryview(path.read_bytes()), path.name)
    assert compare_machine(machine, oracle.read(path, pieces(machine))) == []
