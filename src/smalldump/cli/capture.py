"""`smalldump capture`: a small memory dump of a virtual machine, now."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from smalldump.cli.console import say, screen_width
from smalldump.cli.exits import ExitCode
from smalldump.cli.guests import addresses, dump_size, minidump_folder_option, require_qmp
from smalldump.cli.parameters import parsed
from smalldump.escape import escape
from smalldump.writer.profile import PROFILES

if TYPE_CHECKING:
    from smalldump.capture.address import GuestAddress
    from smalldump.capture.on_demand import Captured
    from smalldump.capture.taking import Wish

__all__ = ["capture"]

_EPILOG = """
\b
Examples:
  smalldump capture qmp:/run/smalldump/web01.qmp -o Minidump
"""


@click.command(epilog=_EPILOG)
@click.argument("guest", metavar="qmp:[NAME=]SOCKET", callback=addresses)
@minidump_folder_option("The Minidump folder. Where it takes nothing, the dump goes into its reserve.")
@click.option("--profile", type=click.Choice(list(PROFILES)), show_default="as smalldump write", help="Kind of dump.")
@click.option("--size", metavar="SIZE", callback=parsed(dump_size), help="Exactly this many bytes.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def capture(*, guest: tuple[GuestAddress], output: Path, profile: str | None, size: int | None, form: str) -> int:
    """Write a small memory dump of a virtual machine that runs; it goes on right after.

    The dump says bug check 0x161 (LIVE_SYSTEM_DUMP) and is marked as a live dump. Of a guest that has panicked it tells
    that instead; such a guest stays as it is.
    """
    require_qmp()
    from smalldump.capture.taking import Wish
    from smalldump.collect import installed_contributors

    wish = Wish(PROFILES[profile] if profile else None, size, tuple(installed_contributors()))
    found = asyncio.run(_captured(guest[0], output, wish))
    say(_json(found) if form == "json" else _text(found, screen_width()))
    return ExitCode.OK


async def _captured(guest: GuestAddress, output: Path, wish: Wish) -> Captured:
    from smalldump.capture.on_demand import capture as captured

    task = asyncio.ensure_future(captured(guest, output, wish))
    for number in (signal.SIGTERM, signal.SIGINT):  # whoever is in a hurry does not leave the guest standing still
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        raise click.Abort from None


def _json(found: Captured) -> str:
    from smalldump.capture.telling import dump_facts

    facts = dump_facts(found.taken, found.written, found.why_reserve)
    return json.dumps({"guest": found.name, "ran": found.ran, "stood_still_ms": found.stood_still} | facts, indent=2)


def _text(found: Captured, width: int) -> str:
    from smalldump.cli.composed import written_text
    from smalldump.report.shown import labelled

    way, still = found.taken.way, "goes on" if found.ran else "stays as it was"
    lines = [written_text(found.taken.sealed.composed, found.written, width)]
    lines += labelled("Memory", f"by {way.words} (needs: {way.needs})", width)
    for passed, why in found.taken.passed_over:
        lines += labelled("", f"not by {passed.words}: {escape(why)}", width)
    if found.why_reserve:
        lines += labelled("Reserve", f"since the folder takes nothing: {escape(found.why_reserve)}", width)
    if found.taken.limits:
        lines += labelled("Kernel", escape(found.taken.limits), width)
    return "\n".join([*lines, *labelled("Guest", f"stood still for {found.stood_still} ms; {still}", width)])
