"""What lies at an address, in words."""

from __future__ import annotations

from typing import NamedTuple

from smalldump.model import Absent, Module, Snapshot, UnloadedModule
from smalldump.unwind import NO_CODE, CodeLookup

__all__ = ["Place", "Places", "place_of"]

_NULL_PAGE = 0x10000
_PAGE = 0x1000
# The page that the kernel shares with every process: where processes see it, and where the kernel does, by bits.
_USER_SHARED_DATA = 0x7FFE0000
_KERNEL_SHARED_DATA = {32: 0xFFDF0000, 64: 0xFFFFF78000000000}
_USER_MODE, _NOT_CANONICAL, _NULL = "user mode", "not canonical", "null pointer"
_STRUCTURES = {
    "ETHREAD": "the thread that crashed",
    "EPROCESS": "the current process",
    "KPRCB": "the processor's control block",
    "KDDEBUGGER_DATA64": "the debugger data block",
}


class Place(NamedTuple):
    """What an address belongs to: at most one of module and unloaded driver; `words` say it for people."""

    address: int
    module: Module | None
    unloaded: UnloadedModule | None
    words: str | None

    @property
    def is_telling(self) -> bool:
        """Whether something is known to lie there; else the number need not even be an address."""
        words = self.words
        return words is not None and words not in (_USER_MODE, _NOT_CANONICAL) and not words.startswith(_NULL)


class Places(NamedTuple):
    """The places of one machine, by the names that symbols give them, if there are any."""

    machine: Snapshot
    lookup: CodeLookup = NO_CODE

    def at(self, address: int) -> Place:
        """What lies at `address`; see `place_of`."""
        return place_of(self.machine, address, self.lookup)


def place_of(machine: Snapshot, address: int, lookup: CodeLookup = NO_CODE) -> Place:
    """What lies at `address`: a module, an unloaded driver's old range, a known structure, the stack, user memory."""
    module = machine.modules.at(address)
    if module is not None:
        return Place(address, module, None, _in_module(module, address - module.base, lookup))
    unloaded = machine.unloaded_at(address)
    if unloaded is not None:
        words = f"<Unloaded_{unloaded.name}>+{address - unloaded.base:#x}"
        return Place(address, None, unloaded, words)
    return Place(address, None, None, _region(machine, address))


def _in_module(module: Module, rva: int, lookup: CodeLookup) -> str:
    table = lookup.symbols(module)
    symbol = None if table is None else table.nearest(rva)
    return f"{module.name}+{rva:#x}" if symbol is None else symbol.words(module.name, rva)


def _region(machine: Snapshot, address: int) -> str | None:
    if address < _NULL_PAGE:
        return _NULL if address == 0 else f"{_NULL} + {address:#x}"
    for structure in machine.structures.values():
        start = structure.address
        if not isinstance(start, Absent) and start <= address < start + len(structure.data):
            inside = f" + {address - start:#x}" if address > start else ""
            return f"{structure.kind} of {_STRUCTURES[structure.kind]}{inside}"
    return _stack_region(machine, address) or _shared_page(machine, address) or _half(machine, address)


def _stack_region(machine: Snapshot, address: int) -> str | None:
    if not isinstance(machine.stack, Absent) and address in machine.stack:
        return "on the saved stack"
    thread = machine.thread
    if isinstance(thread, Absent) or isinstance(thread.stack_base, Absent) or isinstance(thread.stack_limit, Absent):
        return None
    inside = thread.stack_limit <= address < thread.stack_base
    return "on the thread's stack, not saved" if inside else None


def _shared_page(machine: Snapshot, address: int) -> str | None:
    inside = address % _PAGE
    if address - inside not in (_USER_SHARED_DATA, _KERNEL_SHARED_DATA[machine.machine.bits]):
        return None
    return f"KUSER_SHARED_DATA+{inside:#x}" if inside else "KUSER_SHARED_DATA"


def _half(machine: Snapshot, address: int) -> str | None:
    if address < machine.machine.kernel_start:
        return _USER_MODE if machine.machine.bits == 32 or address < 1 << 47 else _NOT_CANONICAL
    return None
