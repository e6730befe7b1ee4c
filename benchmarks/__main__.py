"""`python -m benchmarks [NAME]... [FOLDER]`: benchmarks over a folder of sample dumps; without a name, all of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import (
    big,
    big_machines,
    capture,
    engine_stacks,
    listing,
    scanning,
    speed,
    stack_truth,
    symbols,
    unwinding,
    verdicts,
    writing,
)

__all__ = ["BENCHMARKS", "chosen", "main"]

BENCHMARKS: dict[str, Callable[[Path], None]] = {
    "speed": lambda folder: speed.main(folder / "dumps" if (folder / "dumps").is_dir() else folder),
    "stack_truth": stack_truth.main,
    "verdicts": verdicts.main,
    "unwinding": lambda _: unwinding.main(),
    "engine_stacks": lambda _: engine_stacks.main(),
    "symbols": lambda _: symbols.main(),
    "big": big.main,
    "big_machines": big_machines.main,
    "writing": writing.main,
    "listing": listing.main,
    "scanning": lambda _: scanning.main(),
    "capture": capture.main,
}
"""By name, in the order in which they run."""


def chosen(words: list[str]) -> tuple[list[str], Path]:
    """The benchmarks to run, and the folder of dumps."""
    names = [word for word in words if word in BENCHMARKS]
    folders = [word for word in words if word not in BENCHMARKS]
    folder = Path(folders[0] if folders else os.environ.get("SMALLDUMP_SAMPLES", "examples"))
    if len(folders) > 1 or not folder.is_dir():
        sys.exit(f"no benchmark, and no folder: {folders[-1] if folders else folder} ({', '.join(BENCHMARKS)})")
    return names or list(BENCHMARKS), folder


def main() -> None:
    """Run them."""
    names, folder = chosen(sys.argv[1:])
    for number, name in enumerate(names):
        if number:
            print()
        BENCHMARKS[name](folder)


if __name__ == "__main__":
    main()
