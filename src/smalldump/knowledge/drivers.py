"""Widely known kernel-mode modules: maker, role, and how readily a search for the culprit goes past them.

The facts stand in `drivers.toml`, where people edit them; its head explains every role and degree of skipping.
"""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from smalldump.knowledge.table import table_path

__all__ = ["LONGEST_NAME", "DriverEntry", "Role", "Skip", "all_drivers", "driver", "made_by"]

LONGEST_NAME = 40
"""Most characters of a name in the table; those of a dump can be much longer."""

_TABLE = table_path("drivers.txt")
# Names of unloaded drivers are cut after 12 characters, perhaps inside the extension.
_EXTENSIONS = (".sys", ".exe", ".dll", ".sy", ".s", ".")


class Skip(StrEnum):
    """How readily a walk down the stack goes past a module in search of a culprit."""

    ALWAYS = "always"
    """Never a culprit by itself: the kernel, frameworks, libraries that run their callers' mistakes."""
    USUALLY = "usually"
    """Class, port and stack drivers: a culprit only where no other driver is in sight."""
    NEVER = "never"
    """An end driver, which may well be at fault."""


class Role(StrEnum):
    """What a module is for; `drivers.toml` says it in words."""

    KERNEL = "kernel"
    HAL = "hal"
    DEBUGGER = "debugger"
    CRASH_DUMP = "crash_dump"
    VERIFIER = "verifier"
    SYSTEM = "system"
    FRAMEWORK = "framework"
    BUS = "bus"
    PROCESSOR = "processor"
    POWER = "power"
    CHIPSET = "chipset"
    SERIAL_IO = "serial_io"
    STORAGE = "storage"
    FILE_SYSTEM = "file_system"
    FILTER_MANAGER = "filter_manager"
    FILTER = "filter"
    NETWORK = "network"
    BLUETOOTH = "bluetooth"
    USB = "usb"
    HID = "hid"
    AUDIO = "audio"
    CAMERA = "camera"
    PRINTING = "printing"
    GRAPHICS_KERNEL = "graphics_kernel"
    GRAPHICS = "graphics"
    WIN32 = "win32"
    SECURITY = "security"
    HYPERVISOR = "hypervisor"
    VIRTUALIZATION = "virtualization"
    VIRTUAL_DEVICE = "virtual_device"
    ANTIVIRUS = "antivirus"
    VPN = "vpn"
    ANTI_CHEAT = "anti_cheat"
    ENCRYPTION = "encryption"
    BACKUP = "backup"
    MONITORING = "monitoring"
    REMOTE_ACCESS = "remote_access"
    DIAGNOSTICS = "diagnostics"
    PLACEHOLDER = "placeholder"


class DriverEntry(NamedTuple):
    """One known module, or a family of modules whose names begin alike.

    Attributes:
        name: Lower-case name without extension; a trailing `*` stands for any ending.
        vendor: The maker, "Microsoft" for parts of Windows.
        product: What it belongs to; empty for parts of Windows.
        role: What it is for.
        skip: How readily blame passes it.
        description: In words.
    """

    name: str
    vendor: str
    product: str
    role: Role
    skip: Skip
    description: str


@lru_cache(maxsize=1024)
def driver(name: str) -> DriverEntry | None:
    """What is known about a module; None for an unknown one.

    The case of `name` does not matter, nor whether it ends in .sys (perhaps cut), .exe or .dll. An entry of exactly
    this name comes before families, of which the one with the longest beginning counts.
    """
    facts, stem = _facts(), _stem(name)
    families = (f"{stem[:length]}*" for length in range(min(len(stem), LONGEST_NAME), 0, -1))
    known = stem if stem in facts else next(filter(facts.__contains__, families), None)
    return None if known is None else _entry(known, facts[known])


def all_drivers() -> tuple[DriverEntry, ...]:
    """Every entry, in the order of their names."""
    return tuple(_entry(name, fields) for name, fields in _facts().items())


def made_by(vendor: str, product: str | None) -> str:
    """Maker and product in one phrase, the maker's name once: "Kaspersky antivirus", "AMD Radeon drivers"."""
    if not product:
        return vendor
    return product if product.startswith(vendor.split(maxsplit=1)[0]) else f"{vendor} {product}"


# A dump lists some 200 modules, so the table is read whole; what stands behind a name is split when it is wanted.
@lru_cache(maxsize=1)
def _facts() -> dict[str, str]:
    _comment, *lines = _TABLE.read_bytes().decode("ascii").splitlines()
    return dict(line.split("\t", 1) for line in lines)


def _stem(name: str) -> str:
    stem = name.lower()
    for extension in _EXTENSIONS:
        stem = stem.removesuffix(extension)
    return stem


def _entry(name: str, fields: str) -> DriverEntry:
    vendor, product, role, skip, description = fields.split("\t")
    return DriverEntry(name, vendor, product, Role(role), Skip(skip), description)
