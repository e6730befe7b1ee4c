"""`python -m benchmarks [FOLDER]`: all benchmarks over a folder of sample dumps."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.symbols.corpus import SetUpFailed, wheel_pdbs

from benchmarks import speed, stack_truth, symbols


def main() -> None:
    """Run them all."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("SMALLDUMP_SAMPLES", "examples"))
    if not folder.is_dir():
        sys.exit(f"no folder {folder}: name one, or set SMALLDUMP_SAMPLES")
    speed.main(folder / "dumps" if (folder / "dumps").is_dir() else folder)
    print()
    stack_truth.main(folder)
    print()
    try:
        symbols.main(list(wheel_pdbs()))
    except SetUpFailed as error:
        print(f"no PDBs to measure: {error}")


if __name__ == "__main__":
    main()
