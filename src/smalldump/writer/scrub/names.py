"""Scrubbing of drivers: file names stay, folders stay only if they are Windows' own."""

from __future__ import annotations

import re
from collections.abc import Iterable

from smalldump.model import Module, UnloadedModule
from smalldump.writer.scrub.classes import Permitted, Tally, Withheld

__all__ = ["file_name", "permitted_path", "scrub_drivers", "scrub_unloaded"]

_LONGEST_NAME = 255
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
    return name if name.isprintable() and len(name) <= _LONGEST_NAME else ""


def permitted_path(path: str) -> str:
    """The path if it lies in a folder that every Windows has, else the file name."""
    name = file_name(path)
    return path if name and path.endswith(name) and _SYSTEM_FOLDER.fullmatch(path) else name


def scrub_drivers(drivers: Iterable[Module], digits: int, tally: Tally) -> tuple[Module, ...]:
    """The drivers with permitted names; one without gets the name that Microsoft's engine gives to unknown ones.

    Args:
        digits: Hexadecimal digits of an address.
    """
    folders = tally.permits(Permitted.FOLDERS)
    return tuple(_scrubbed(driver, digits, folders, tally) for driver in drivers)


def _scrubbed(driver: Module, digits: int, folders: bool, tally: Tally) -> Module:
    name = file_name(driver.file) or f"Unknown_Module_{driver.base:0{digits}x}"
    path = permitted_path(driver.path) if folders else name
    path = path if path.endswith(name) else name
    tally.kept[Permitted.DRIVER_NAMES] += len(name)
    tally.kept[Permitted.FOLDERS] += len(path) - len(name)
    tally.removed[Withheld.NAMES] += max(len(driver.path) - len(path), 0)
    return driver._replace(file=name, path=path)


def scrub_unloaded(drivers: Iterable[UnloadedModule], tally: Tally) -> tuple[UnloadedModule, ...]:
    """The unloaded drivers with permitted names."""
    kept = []
    for driver in drivers:
        name = file_name(driver.name)
        tally.kept[Permitted.DRIVER_NAMES] += len(name)
        tally.removed[Withheld.NAMES] += len(driver.name) - len(name)
        kept.append(driver._replace(name=name))
    return tuple(kept)
