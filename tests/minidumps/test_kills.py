"""kill -9 at every system call: before it, within a write, and after it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from smalldump.minidumps import MinidumpDirectory, Outcome, Reserve, SlotState, recover_reserve
from smalldump.minidumps.saving import is_temporary
from tests.minidumps.disks import contents
from tests.minidumps.dying import EARLIER, FIRST, SECOND

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")


@contextmanager
def deaths(action: str, root: Path) -> Iterator[list[Path]]:
    """The folders in which the action died, at each of its steps; the last one's lived."""
    subprocess.run([sys.executable, "-m", "tests.minidumps.dying", action, str(root)], cwd=ROOT, check=True)
    yield sorted(root.iterdir())
    shutil.rmtree(root)


def dumps(folder: Path) -> list[bytes]:
    """The bytes of all dumps but the earlier one, which must be there untouched."""
    found = {name: data for name, data in contents(folder).items() if name.endswith(".dmp")}
    assert found.pop("Mini022900-01.dmp") == EARLIER
    return sorted(found.values())


def test_a_save(tmp_path: Path) -> None:
    with deaths("save", tmp_path) as folders:
        assert len(folders) > 2 * 7
        outcomes = set()
        for folder in folders:
            found = contents(folder)
            assert all(name.endswith(".dmp") or is_temporary(name) for name in found)
            assert dumps(folder) in ([], [FIRST])
            outcomes.add((len(dumps(folder)), sum(map(is_temporary, found))))
            number = 1 + len(dumps(folder))
            again = MinidumpDirectory(folder).save(FIRST, uptime_ms=8765)
            assert again.path.name == f"112226-8765-{number:02}.dmp"
        assert outcomes == {(0, 0), (0, 1), (1, 1), (1, 0)}


def test_making_a_reserve(tmp_path: Path) -> None:
    with deaths("make", tmp_path) as folders:
        assert len(folders) > 30
        for folder in folders:
            assert all(slot.status.state is SlotState.EMPTY for slot in Reserve(folder).slots())
            made = Reserve(folder).make(0x28000)
            assert len(made.slots) == 2
            Reserve(folder).fill(FIRST)
            Reserve(folder).fill(SECOND)
            list(recover_reserve(MinidumpDirectory(folder)))
            assert dumps(folder) == sorted([FIRST, SECOND])


def test_filling_the_reserve(tmp_path: Path) -> None:
    with deaths("fill", tmp_path) as folders:
        states = set()
        for folder in folders:
            first, second = Reserve(folder).slots()
            assert first.status.state is SlotState.FULL
            states.add(second.status.state)
            outcomes = [found.outcome for found in recover_reserve(MinidumpDirectory(folder))]
            assert outcomes[0] is Outcome.SAVED
            assert dumps(folder) == sorted([FIRST, SECOND][: outcomes.count(Outcome.SAVED)])
            assert set(outcomes[1:]) <= {Outcome.SAVED, Outcome.CUT_OFF}
            for name, data in contents(folder).items():
                if name.endswith(".cut"):
                    assert data.rstrip(b"\0") == SECOND[: len(data.rstrip(b"\0"))]
            assert all(slot.status.state is SlotState.EMPTY for slot in Reserve(folder).slots())
            assert list(recover_reserve(MinidumpDirectory(folder))) == []
        assert states == {SlotState.EMPTY, SlotState.FILLING, SlotState.FULL}


def test_recovery(tmp_path: Path) -> None:
    with deaths("recover", tmp_path) as folders:
        assert len(folders) > 60
        saved_before = set()
        for folder in folders:
            saved_before.add(len(dumps(folder)))
            assert set(dumps(folder)) <= {FIRST, SECOND}
            list(recover_reserve(MinidumpDirectory(folder)))
            assert dumps(folder) == sorted([FIRST, SECOND])
            for slot in Reserve(folder).slots():
                assert slot.status.state is SlotState.EMPTY
                assert not any(slot.path.read_bytes()[0x2000:])
        assert saved_before == {0, 1, 2}
