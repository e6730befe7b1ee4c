"""What to do, in the words of somebody who stands before the machine: advice that rules share."""

from __future__ import annotations

from smalldump.knowledge.drivers import driver
from smalldump.model import Snapshot

__all__ = [
    "AGAIN",
    "CONTROLLER",
    "COOLING",
    "DISK",
    "FIRMWARE",
    "GRAPHICS",
    "MEMORY",
    "SYSTEM_FILES",
    "kernel_dump",
    "verify_drivers",
]

MEMORY = "Test the memory (Windows Memory Diagnostic or MemTest86), without overclocking or memory profiles."
COOLING = "Check temperatures and power supply; undo overclocking; update the firmware."
DISK = "Check the disk's health (SMART), its cable and its firmware, then the file system (chkdsk)."
CONTROLLER = "Try another cable and port for the system disk; update the driver of its controller."
FIRMWARE = "Update the firmware (BIOS or UEFI)."
GRAPHICS = "Install the display driver anew; watch the graphics card's temperature and power."
SYSTEM_FILES = "Check the system files (sfc /scannow) and the disk's health."
AGAIN = "If it happens again:"
"""How advice to collect more begins."""
_MOST = 8  # drivers that one line names


def kernel_dump(reason: str) -> str:
    """To have a larger dump written, and what that one would hold; `reason` ends the sentence."""
    return f"{AGAIN} set Windows to write a kernel memory dump, because {reason}."


def verify_drivers(machine: Snapshot, *, special_pool: bool = False) -> str:
    """To turn on Driver Verifier for the loaded drivers that are not known as parts of Windows, by name."""
    names = _third_party(machine)
    pool = " with special pool" if special_pool else ""
    if not names:
        return f"Turn on Driver Verifier{pool} for the drivers that do not come with Windows."
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return f"Turn on Driver Verifier{pool} for: {', '.join(names[:_MOST])}{more}."


def _third_party(machine: Snapshot) -> list[str]:
    known = ((module.file, driver(module.file)) for module in machine.modules)
    found = {
        (entry is not None, file)
        for file, entry in known
        if not entry or (entry.vendor != "Microsoft" and entry.skip == "never")
    }
    return [file for _, file in sorted(found)]  # those that nobody knows first: the others are in wide use
