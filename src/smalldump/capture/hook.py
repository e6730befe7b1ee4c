"""A program of the host's own, run for each dump.

It gets the dump's path as its last argument, and the event in its environment: SMALLDUMP_GUEST, SMALLDUMP_DUMP and
SMALLDUMP_EVENT, the JSON line that standard output got. No shell is between: no name can become a command.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

__all__ = ["HOOK_SECONDS", "run_hook"]

HOOK_SECONDS = 60.0
"""After that long a program is ended."""


async def run_hook(program: Sequence[str], dump: Path, guest: str, line: str, seconds: float = HOOK_SECONDS) -> str:
    """Run it; what it prints goes to standard error. Gives in words how it ended, empty for exit code 0."""
    environment = os.environ | {"SMALLDUMP_GUEST": guest, "SMALLDUMP_DUMP": os.fspath(dump), "SMALLDUMP_EVENT": line}
    try:
        process = await asyncio.create_subprocess_exec(
            *program, os.fspath(dump), stdin=subprocess.DEVNULL, stdout=2, env=environment
        )
    except (OSError, ValueError) as error:
        return f"cannot be run: {getattr(error, 'strerror', None) or error}"
    try:
        code = await asyncio.wait_for(process.wait(), seconds)
    except (TimeoutError, asyncio.CancelledError) as error:
        process.kill()
        await process.wait()
        if isinstance(error, asyncio.CancelledError):
            raise
        return f"ended after {seconds:g} seconds"
    return f"exit code {code}" if code else ""
