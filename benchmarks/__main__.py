"""`python -m benchmarks [NAME...] [FOLDER]`: all benchmarks, or the named ones, over a folder of sample dumps."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks import listing, speed, stack_truth, writing

_BENCHMARKS: Mapping[str, Callable[[Path], None]] = {
    "speed": lambda folder: speed.main(_dumps(folder)),
    "stacks": stack_truth.main,
    "writing": lambda folder: writing.main(_dumps(folder)),
    "listing": lambda folder: listing.main(_dumps(folder)),
}


def main(words: list[str]) -> None:
    """Run the benchmarks that `words` name, or all of them."""
    names = [word for word in words if word in _BENCHMARKS]
    folders = [Path(word) for word in words if word not in _BENCHMARKS]
    folder = folders[0] if folders else Path(os.environ.get("SMALLDUMP_SAMPLES", "examples"))
    if len(folders) > 1 or not folder.is_dir():
        sys.exit(f"usage: python -m benchmarks [{'|'.join(_BENCHMARKS)}]... [FOLDER]; no folder {folder}")
    for name in names or _BENCHMARKS:
        print(f"[{name}]")
        _BENCHMARKS[name](folder)
        print(flush=True)


def _dumps(folder: Path) -> Path:
    # Samples that come with their truth keep the dumps themselves in a folder of their own.
    return folder / "dumps" if (folder / "dumps").is_dir() else folder


if __name__ == "__main__":
    main(sys.argv[1:])
