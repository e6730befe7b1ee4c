"""What is done ahead of time."""

from __future__ import annotations

import subprocess
import sys


def test_what_is_imported_late_is_there_then() -> None:
    late = "{'capstone', 'smalldump.unwind.x64_scan', 'smalldump.writer.emit'}"
    code = f"import sys; from smalldump.capture.warm_up import warm_up; warm_up(); print({late} - set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
