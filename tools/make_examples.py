"""Write the example dumps: `python -m tools.make_examples [FOLDER]` (default `examples`).

Each comes byte for byte the same out of the story of an invented machine in `tests/synth/stories`. `--check` writes
nothing and fails when a file on disk differs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.synth.stories import arm64, critical_process, demo, kernel_written, win7, win2000, xp

__all__ = ["STORIES", "examples", "main"]

STORIES = (win2000, xp, win7, kernel_written, arm64, critical_process, demo)


def examples() -> Iterator[tuple[str, bytes]]:
    """File name and bytes of every example, oldest Windows first."""
    for story in STORIES:
        yield story.FILE, story.builder().build().bytes


def main(arguments: list[str] | None = None) -> int:
    """Write or check the examples; returns the exit code."""
    parser = argparse.ArgumentParser(description="write the example dumps")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parents[1] / "examples")
    parser.add_argument("--check", action="store_true", help="only compare with what is on disk")
    chosen = parser.parse_args(arguments)
    different = 0
    for name, data in examples():
        path = chosen.folder / name
        if chosen.check:
            same = path.exists() and path.read_bytes() == data
            different += not same
            print(f"{name}: {'same' if same else 'different'}")
        else:
            chosen.folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            print(f"{name}: {len(data):,} bytes")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
