"""Which modules read the stacks of an architecture.

They are imported late: a dump needs those of one architecture only, and those that undo functions by their unwind
information only where there are images or symbols.
"""

from __future__ import annotations

from smalldump.model.machine import ARM64, X64, X86, Machine
from smalldump.unwind.architecture import Architecture
from smalldump.unwind.lookup import NO_CODE, CodeLookup

__all__ = ["architecture_of"]


def architecture_of(machine: Machine, lookup: CodeLookup) -> Architecture | None:
    """How stacks of a machine are read, or None where they are not; with exact steps where images may be at hand."""
    architecture = _inferring(machine)
    if architecture is None or lookup is NO_CODE:
        return architecture
    from smalldump.unwind import exact

    return architecture._replace(exact=exact.STEPS[machine], frame_size=exact.FRAME_SIZES.get(machine))


def _inferring(machine: Machine) -> Architecture | None:
    if machine is X64:
        from smalldump.unwind import x64

        return x64.ARCHITECTURE
    if machine is X86:
        from smalldump.unwind import x86

        return x86.ARCHITECTURE
    if machine is ARM64:
        from smalldump.unwind import arm64

        return arm64.ARCHITECTURE
    return None
