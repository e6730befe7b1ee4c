"""A second opinion on complete dumps: Volatility 3 translates every page that smalldump finds mapped, and reads it.

    python -m tools.compare_volatility MEMORY.DMP...

Nothing of smalldump depends on Volatility, and no test does: its licence (VSL 1.0) asks more of those who pass it on
than ours. Whoever has it installed runs this by hand. It knows complete dumps of x86 and x64, plain and bitmap.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from smalldump.api import open_dump
from smalldump.layout.dump import DumpType
from smalldump.memory.paging import Mapping, PagingKind, VirtualSpace
from smalldump.sources.big import BigDump

__all__ = ["main"]

_FRAMEWORK = "volatility3.framework"
_LAYERS = {
    PagingKind.X64: ("WindowsCrashDump64Layer", "WindowsIntel32e"),
    PagingKind.PAE: ("WindowsCrashDump32Layer", "WindowsIntelPAE"),
    PagingKind.X86: ("WindowsCrashDump32Layer", "WindowsIntel"),
}
_TYPES = (DumpType.FULL, DumpType.BITMAP_FULL)
_SHOWN = 10


def main() -> int:
    """Compare each dump; the exit code is 1 where they differ, 2 where there is nothing to compare with."""
    if not sys.argv[1:] or find_spec("volatility3") is None:
        sys.stderr.write("usage: python -m tools.compare_volatility MEMORY.DMP... (volatility3 must be installed)\n")
        return 2
    differing = [name for name in sys.argv[1:] if _differ(Path(name))]
    return int(bool(differing))


def _differ(path: Path) -> bool:
    with open_dump(path) as machine:
        if not isinstance(machine, BigDump) or not isinstance(machine.memory, VirtualSpace):
            sys.stderr.write(f"{path.name}: not compared, no pages of memory in it\n")
            return False
        if machine.file.header.dump_type not in _TYPES or machine.memory.translation.kind not in _LAYERS:
            sys.stderr.write(f"{path.name}: not compared, Volatility reads no {machine.kind} of this machine\n")
            return False
        ours, mappings = machine.memory, list(machine.memory.mappings(0, 1 << machine.machine.bits))
        theirs = _volatility(path, ours)
        odd = [mapping for mapping in mappings if not _agree(ours, theirs, mapping)]
    print(f"{path.name}: {len(mappings):,} mappings, {len(odd):,} of them different")
    for mapping in odd[:_SHOWN]:
        print(f"  {mapping.start:#x} to {mapping.end:#x} ({mapping.state.name.lower()})")
    return bool(odd)


def _volatility(path: Path, ours: VirtualSpace) -> Any:
    crash_layer, intel_layer = _LAYERS[ours.translation.kind]
    context = import_module(f"{_FRAMEWORK}.contexts").Context()
    layers = f"{_FRAMEWORK}.layers"
    context.config["file.location"] = path.absolute().as_uri()
    context.add_layer(import_module(f"{layers}.physical").FileLayer(context, "file", "file"))
    context.config["crash.base_layer"] = "file"
    context.add_layer(getattr(import_module(f"{layers}.crash"), crash_layer)(context, "crash", "crash"))
    context.config["memory.memory_layer"] = "crash"
    context.config["memory.page_map_offset"] = ours.translation.table
    return getattr(import_module(f"{layers}.intel"), intel_layer)(context, "memory", "memory")


def _agree(ours: VirtualSpace, theirs: Any, mapping: Mapping) -> bool:
    for address in (mapping.start, mapping.start + 0x123, mapping.end - 8):
        found: Callable[..., Any] = theirs.mapping
        places = [mapped for _, _, mapped, _, _ in found(address, 8, ignore_errors=True)]
        held = ours.read_some(address, 8)
        if not held and not theirs.is_valid(address, 8):
            continue
        if places != [ours.translate(address)] or theirs.read(address, 8, pad=True) != held.ljust(8, b"\0"):
            return False
    return True


if __name__ == "__main__":
    sys.exit(main())
