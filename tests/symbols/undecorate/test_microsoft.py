"""Names against Microsoft's own undecorator, run under Wine: the table, and all names of real images."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from smalldump.symbols.undecorate import undecorated
from tests.oracle.fixture import Oracle, oracle
from tests.oracle.installation import Installation, default_home
from tests.symbols.undecorate.images import exported_names, undecorating_library
from tests.symbols.undecorate.table import NAMES

__all__ = ["oracle"]

SOURCE = Path(__file__).with_name("undname.c")
NAME_ONLY, WHOLE = 0x1000, 0
_SECONDS = 120


@pytest.fixture(scope="module")
def folder(oracle: Oracle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Microsoft's library under a name of its own, which Wine has none for, and our program beside it."""
    place = tmp_path_factory.mktemp("undname")
    (place / "undname.dll").write_bytes(undecorating_library())
    command = ["x86_64-w64-mingw32-gcc", "-O1", "-s", "-Wall", "-Werror", str(SOURCE), "-o", str(place / "host.exe")]
    subprocess.run(command, check=True, timeout=_SECONDS, capture_output=True)
    return place


def asked(folder: Path, names: Sequence[str], flags: int) -> list[str]:
    installation = Installation(default_home())
    with installation.alone():
        installation.start()
        done = subprocess.run(
            ["wine", "host.exe", "undname.dll", hex(flags)],
            cwd=folder,
            env=installation.environment,
            input="".join(f"{name}\n" for name in names).encode("ascii"),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=True,
        )
    return [answer.strip() for answer in done.stdout.decode("latin-1").splitlines()]


def test_the_table_is_what_it_says(folder: Path) -> None:
    names = [each.decorated for each in NAMES]
    assert asked(folder, names, NAME_ONLY) == [each.name for each in NAMES]
    assert asked(folder, names, WHOLE) == [each.declaration for each in NAMES]


@pytest.mark.parametrize(("flags", "full"), [(NAME_ONLY, False), (WHOLE, True)])
def test_names_of_real_images(folder: Path, flags: int, full: bool) -> None:
    names = exported_names()
    assert len(names) > 1000
    theirs = asked(folder, names, flags)
    ours = [undecorated(name, full=full) for name in names]
    unlike = [each for each in zip(names, ours, theirs, strict=True) if each[1] != each[2]]
    print(f"{len(names) - len(unlike)} of {len(names)} alike")
    assert len(unlike) <= len(names) // 1000, unlike[:10]
