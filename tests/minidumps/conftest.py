"""A disk of two mebibytes, to be filled up or made read-only."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest


def decline(reason: str) -> NoReturn:
    """Skip a test that needs a disk of its own; in the gate, which must have one, fail it."""
    if os.environ.get("SMALLDUMP_CI"):
        pytest.fail(f"the gate must run where a small disk can be mounted: {reason}")
    pytest.skip(reason)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """An empty tmpfs of 2 MiB; needs Linux and root, which the gate must have."""
    if sys.platform != "linux" or os.geteuid() != 0:
        decline("only root on Linux can mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], check=False, capture_output=True, text=True
    )
    if mounted.returncode:
        decline(f"no tmpfs can be mounted here: {mounted.stderr}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)
