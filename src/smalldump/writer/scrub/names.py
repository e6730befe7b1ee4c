"""Scrubbing of drivers: file names stay, folders stay only if they are Windows' own."""

from __future__ import annotations

import re
from collections.abc import Iterable

from smalldump.model import Machine, Module, UnloadedModule
from smalldump.writer.scrub.classes import Permitted, Tally, Withheld
from smalldump.writer.scrub.images import placed_drivers, placed_unloaded

__all__ = ["file_name", "permitted_path", "scrub_drivers", "scrub_unloaded"]

# Without the wide characters of UTF-16, which bytes of any kind can be taken for.
_NAME = re.compile(r"[A-Za-z0-9 !#$%&'()+,;=@\[\]^_`{}~.-]{1,255}")
_SEPARATORS = re.compile(r"[\\/:]")
_SYSTEM_FOLDER = re.compile(
    r"(?:\\SystemRoot|(?:\\\?\?\\)?[A-Z]:\\Windows|\\Windows|\\WINNT|(?:\\\?\?\\)?[A-Z]:\\WINNT)"
    r"\\System32"
    r"(?:\\drivers(?:\\UMDF|\\wd)?|\\DriverStore\\FileRepository\\[\w.-]+\.inf_(?:amd64|x86|arm64)_[\w-]+)?"
    r"\\[^\\/:]+",
    re.IGNORECASE | re.ASCII,
)


def file_name(path: str) -> str:
    """The last part of a path, whichever way its parts are divided; empty for what cannot be a file name."""
    name = _SEPARATORS.split(path)[-1]
    return name if _NAME.fullmatch(name) else ""


def permitted_path(path: str) -> str:
    """The path if it lies in a folder that every Windows has, else the file name."""
    name = file_name(path)
    return path if name and path.endswith(name) and _SYSTEM_FOLDER.fullmatch(path) else name


def scrub_drivers(drivers: Iterable[Module], machine: Machine, tally: Tally) -> tuple[Module, ...]:
    """The drivers that can be such, with permitted names; one without gets the name of Microsoft's engine for those."""
    folders = tally.permits(Permitted.FOLDERS)
    digits = machine.bits // 4
    return tuple(_scrubbed(driver, digits, folders, tally) for driver in placed_drivers(drivers, machine))


def _scrubbed(driver: Module, digits: int, folders: bool, tally: Tally) -> Module:
    name = file_name(driver.file) or f"Unknown_Module_{driver.base:0{digits}x}"
    path = permitted_path(driver.path) if folders else name
    path = path if path.endswith(name) else name
    tally.kept[Permitted.DRIVER_NAMES] += len(name)
    tally.kept[Permitted.FOLDERS] += len(path) - len(name)
    tally.removed[Withheld.NAMES] += max(len(driver.path) - len(path), 0)
    return driver._replace(file=name, path=path)


def scrub_unloaded(drivers: Iterable[UnloadedModule], machine: Machine, tally: Tally) -> tuple[UnloadedModule, ...]:
    """The unloaded drivers that can be such, with permitted names."""
    kept = []
    for driver in placed_unloaded(drivers, machine):
        name = file_name(driver.name)
        tally.kept[Permitted.DRIVER_NAMES] += len(name)
        tally.removed[Withheld.NAMES] += len(driver.name) - len(name)
        kept.append(driver._replace(name=name))
    return tuple(kept)
