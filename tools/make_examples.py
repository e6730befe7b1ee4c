"""Write the example dumps: `python -m tools.make_examples [FOLDER]` (default `examples`).

Each comes byte for byte the same out of the story of an invented machine in `tests/synth/stories`. `--check` writes
nothing and fails when a file on disk differs. The demo also goes into the package, for `smalldump demo`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.synth.stories import arm64, critical_process, demo, kernel_written, win7, win2000, xp

__all__ = ["STORIES", "examples", "main"]

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "src" / "smalldump" / "cli" / "demo.dmp"
STORIES = (win2000, xp, win7, kernel_written, arm64, critical_process, demo)


def examples() -> Iterator[tuple[str, bytes]]:
    """File name and bytes of every example, oldest Windows first."""
    for story in STORIES:
        yield story.FILE, story.builder().build().bytes


def main(arguments: list[str] | None = None) -> int:
    """Write or check the examples; returns the exit code."""
    parser = argparse.ArgumentParser(description="write the example dumps")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "examples")
    parser.add_argument("--check", action="store_true", help="only compare with what is on disk")
    chosen = parser.parse_args(arguments)
    files = {chosen.folder / name: data for name, data in examples()}
    files[DEMO] = files[chosen.folder / demo.FILE]
    if chosen.check:
        return _compare(files)
    chosen.folder.mkdir(parents=True, exist_ok=True)
    for path, data in files.items():
        path.write_bytes(data)
        print(f"{path.name}: {len(data):,} bytes")
    return 0


def _compare(files: Mapping[Path, bytes]) -> int:
    different = 0
    for path, data in files.items():
        same = path.exists() and path.read_bytes() == data
        different += not same
        print(f"{path.name}: {'same' if same else 'different'}")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
