"""KUSER_SHARED_DATA, the page whose address is promised: the test of every address space."""

from __future__ import annotations

from smalldump.layout.landmarks import KuserSharedData
from smalldump.memory import AddressSpace
from smalldump.model.machine import ARM64, Machine

__all__ = ["SHARED_DATA", "shared_data"]

SHARED_DATA = {32: 0xFFDF0000, 64: 0xFFFFF78000000000}
"""Where the page lies in the kernel's part, by bits of an address. Source: ntddk.h."""

_VERSIONS = {5: range(3), 6: range(4), 10: range(1)}
"""NT's major versions with their minor ones, Windows 2000 to 11."""

_ARM64 = 12
"""PROCESSOR_ARCHITECTURE_ARM64: page tables of x64 and ARM64 can be taken for one another. Source: winnt.h."""


def shared_data(space: AddressSpace, machine: Machine) -> KuserSharedData | None:
    """The page, if it is there and looks like one: a known version of NT, and a system root with a drive letter.

    What calls itself a page of ARM64 is none of another machine, and the reverse.
    """
    data = space.try_read(SHARED_DATA[machine.bits], KuserSharedData.SIZE)
    if data is None:
        return None
    shared = KuserSharedData(data)
    if shared.nt_minor_version not in _VERSIONS.get(shared.nt_major_version, ()):
        return None
    if (shared.native_processor_architecture == _ARM64) is not (machine is ARM64):
        return None
    root = shared.nt_system_root[:3]
    return shared if root[:1].isascii() and root[:1].isalpha() and root[1:] == ":\\" else None
