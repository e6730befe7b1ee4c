"""What QEMU itself writes of a guest: registers of all processors, and a piece of physical memory.

`dump-guest-memory` makes an ELF core. It goes into memory that only we and QEMU see: the open file is handed to QEMU
through the monitor's socket, so that neither needs a right to any path of the other.
"""

from __future__ import annotations

import os
from contextlib import suppress

from smalldump.capture.monitor import Monitor
from smalldump.errors import CommandRefused, FormatError, MonitorLost
from smalldump.memory.files import MappedFile
from smalldump.sources.elf_core import open_elf
from smalldump.sources.physical_memory import PhysicalMemory

__all__ = ["core_dump"]

_NAME = "smalldump"
_MOST_NOTES = 16 << 20


async def core_dump(monitor: Monitor, start: int, size: int) -> PhysicalMemory:
    """Processors and physical memory `[start, start + size)`, in whole pages.

    Raises:
        CommandRefused: QEMU does not give it, or gives something else.
        MonitorLost: The session ended.
    """
    descriptor = os.memfd_create(_NAME, os.MFD_CLOEXEC)
    try:
        await monitor.lend(_NAME, descriptor)
        await _dump(monitor, start, size)
        length = os.fstat(descriptor).st_size
        if length > size + _MOST_NOTES:
            raise CommandRefused(str(monitor.path), f"dump-guest-memory wrote {length:#x} bytes for {size:#x}")
        return open_elf(MappedFile(os.pread(descriptor, length, 0)))
    except FormatError as error:
        raise CommandRefused(str(monitor.path), f"dump-guest-memory: {error}") from error
    finally:
        os.close(descriptor)


async def _dump(monitor: Monitor, start: int, size: int) -> None:
    arguments = {"paging": False, "protocol": f"fd:{_NAME}", "begin": start, "length": size}
    try:
        await monitor.ask("dump-guest-memory", arguments)
    except CommandRefused:
        with suppress(CommandRefused, MonitorLost):  # perhaps QEMU has taken it already
            await monitor.ask("closefd", {"fdname": _NAME})
        raise
