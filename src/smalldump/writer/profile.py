"""Profiles: how large a dump is to be, how much stack it holds, and what each Windows includes."""

from __future__ import annotations

from typing import NamedTuple

from smalldump.model.machine import X64, Machine

__all__ = ["CLASSIC", "CLASSIC_SIZE", "MODERN", "PROFILES", "Profile", "default_profile"]

CLASSIC_SIZE = 65_536
_STACK_CLASSIC, _STACK_X64 = 0x4000, 0x8000
_WINDOWS_XP, _SERVER_2003 = 2600, 3790


class Profile(NamedTuple):
    """A kind of small memory dump.

    Attributes:
        size: Bytes of the file, or None where the content decides.
        by_version: Whether only what the Windows at hand included goes in.
    """

    name: str
    size: int | None
    by_version: bool

    def stack_limit(self, machine: Machine) -> int:
        """Most bytes of the stack, counted from the stack pointer up."""
        return _STACK_X64 if self.size is None and machine is X64 else _STACK_CLASSIC

    def includes_lists(self, build: int) -> bool:
        """Whether unloaded drivers, debugger data and extra memory belong in: since Windows XP."""
        return not self.by_version or build >= _WINDOWS_XP

    def includes_product(self, build: int) -> bool:
        """Whether the Windows SKU belongs in: since Windows Server 2003."""
        return not self.by_version or build >= _SERVER_2003


CLASSIC = Profile("classic", CLASSIC_SIZE, by_version=True)
"""The description of a Small Memory Dump to the letter: exactly 64 KB, at most 16 KB of stack."""
MODERN = Profile("modern", None, by_version=False)
"""As large as its content, as Microsoft's converter writes them; 32 KB of stack on x64."""
PROFILES = {profile.name: profile for profile in (CLASSIC, MODERN)}


def default_profile(machine: Machine) -> Profile:
    """Classic for 32-bit machines, modern for 64-bit ones."""
    return CLASSIC if machine.bits == 32 else MODERN
