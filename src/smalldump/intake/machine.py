"""The machine's own Minidump folder, where Windows keeps the small dumps of its crashes."""

from __future__ import annotations

import ntpath
import sys
from pathlib import Path

__all__ = ["default_folder"]

_KEY = r"SYSTEM\CurrentControlSet\Control\CrashControl"
_VALUE = "MinidumpDir"
_USUAL = r"%SystemRoot%\Minidump"


def default_folder() -> Path | None:
    """Where this machine keeps its own small dumps; None except on Windows.

    That is the MinidumpDir of the registry's CrashControl key, else %SystemRoot%\\Minidump. The folder may
    be missing (no crash yet) or refuse to be listed except by administrators; `expand` says which.
    """
    if sys.platform == "win32":
        return Path(_expanded(_registry_folder()))
    return None


def _expanded(folder: str | None) -> str:
    return ntpath.expandvars(folder or _USUAL)


if sys.platform == "win32":

    def _registry_folder() -> str | None:
        import winreg

        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, _KEY) as key:
                value, _ = winreg.QueryValueEx(key, _VALUE)
        except OSError:
            return None
        return value if isinstance(value, str) else None
