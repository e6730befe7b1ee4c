"""`smalldump watch`: small memory dumps of virtual machines, whenever one stops."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from smalldump.cli.console import OutputLost, complain, flush, say
from smalldump.cli.exits import ExitCode
from smalldump.cli.guests import addresses, dump_size, minidump_folder_option, program_for_dumps, require_qmp
from smalldump.cli.parameters import parsed
from smalldump.writer.profile import PROFILES

if TYPE_CHECKING:
    from smalldump.capture.address import GuestAddress
    from smalldump.capture.watching import Orders

__all__ = ["watch"]

_EPILOG = """
\b
Examples:
  smalldump watch qmp:/run/smalldump/web01.qmp -o /var/lib/smalldump
  smalldump watch qmp:web=/run/vm/1.qmp qmp:db=/run/vm/2.qmp -o Minidump --then reset
  smalldump watch qmp:/run/vm/1.qmp -o Minidump --exec '/usr/local/bin/send-dump --to ops'

Each event is one line of JSON on standard output. SIGTERM and SIGINT end the watch.
"""


@click.command(epilog=_EPILOG)
@click.argument("guests", metavar="qmp:[NAME=]SOCKET...", nargs=-1, required=True, callback=addresses)
@minidump_folder_option("The Minidump folder for all dumps. Where it takes none, the dump goes into its reserve.")
@click.option(
    "--then",
    "afterwards",
    type=click.Choice(["cont", "reset", "pause", "quit"]),
    default="cont",
    show_default=True,
    help="What becomes of the guest once its dump is safe in memory: it goes on, starts anew, stays as it is, or QEMU"
    " ends.",
)
@click.option(
    "--exec",
    "hook",
    metavar="PROGRAM [ARG...]",
    callback=program_for_dumps,
    help="Run this for each dump, with the dump's path as its last argument and the event in SMALLDUMP_EVENT. No shell"
    " is used.",
)
@click.option("--profile", type=click.Choice(list(PROFILES)), show_default="as smalldump write", help="Kind of dump.")
@click.option("--size", metavar="SIZE", callback=parsed(dump_size), help="Exactly this many bytes for each dump.")
def watch(
    *,
    guests: tuple[GuestAddress, ...],
    output: Path,
    afterwards: str,
    hook: tuple[str, ...],
    profile: str | None,
    size: int | None,
) -> int:
    """Write a small memory dump whenever a virtual machine's Windows stops.

    Guests are QEMU's. A guest tells that it stopped through pvpanic or Hyper-V's crash registers; one that stopped
    before is found, too. It stands still until what goes into its dump is read. Sessions that end are begun again.

    The panic action of each guest is set to pause, since QEMU's own choice loses the memory.
    """
    require_qmp()
    from smalldump.capture.taking import Wish
    from smalldump.capture.watching import Orders
    from smalldump.collect import installed_contributors

    wish = Wish(PROFILES[profile] if profile else None, size, tuple(installed_contributors()))
    asyncio.run(_watched(guests, Orders(output, afterwards, wish, hook)))
    return ExitCode.OK


async def _watched(guests: tuple[GuestAddress, ...], orders: Orders) -> None:
    from smalldump.capture.watching import watch as watch_all
    from smalldump.minidumps import Reserve, SlotState

    free = sum(facts.status.state in (SlotState.EMPTY, SlotState.SPENT) for facts in Reserve(orders.folder).slots())
    if not free:
        complain(f"{orders.folder} has no reserve: with a full disk dumps are lost (smalldump reserve makes one)")
    task = asyncio.ensure_future(watch_all(guests, orders, _tell))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()


def _tell(guest: str, event: str, **facts: object) -> str:
    from smalldump.capture.telling import event_line

    line = event_line(guest, event, **facts)
    try:
        say(line)
        flush()
    except OutputLost as lost:  # dumps matter more than who hears of them
        complain(f"an event could not be told: {lost.why}")
    return line
