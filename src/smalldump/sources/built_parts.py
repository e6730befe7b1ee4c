"""The parts of a built machine: addresses, raw structures, header and memory, made of a builder's facts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import cached_property
from typing import Any

from smalldump.layout.context import ExceptionRecord32, ExceptionRecord64
from smalldump.layout.debugger_data import KdDebuggerData64
from smalldump.layout.structures import StructureOffsets
from smalldump.model.absent import Absent
from smalldump.model.machine import X86
from smalldump.model.modules import ModuleList
from smalldump.model.records import ExceptionRecord, Module, Structure
from smalldump.sources.built_facts import BuiltFacts
from smalldump.sources.built_header import dump_header
from smalldump.sources.built_structures import (
    ProcessFacts,
    ThreadFacts,
    debugger_data_block,
    debugger_words,
    eprocess,
    ethread,
    filetime,
    kprcb,
)
from smalldump.sources.driver_lists import module_name
from smalldump.sources.kernel_objects import StructureReader
from smalldump.sources.register_sets import context_record

__all__ = ["BuiltParts", "driver"]

_HEADER_NAMES = ("ps_loaded_module_list", "ps_active_process_head")
_PAGE_TABLE = 0x1AD000  # physical; without one Microsoft's engine complains
# Where an invented machine has its things, from the lowest address at which Windows loads its kernel.
_ROOM = {64: 0xFFFFF80000000000, 32: 0x80000000}
_KERNEL, _KERNEL_SIZE = 0x400000, 0x800000
_KPRCB, _FROZEN, _EPROCESS, _ETHREAD, _STACK = 0x2000000, 0x2100000, 0x3000000, 0x3100000, 0x4000000
_KERNEL_VARIABLES = {
    "ps_loaded_module_list": 0x201000,
    "ps_active_process_head": 0x201100,
    "nt_build_lab": 0x201200,
    "ki_processor_block": 0x202000,
    "mm_pfn_database": 0x203000,
}
_KDBG = 0x200000


def driver(
    path: str,
    base: int,
    size: int,
    timestamp: int | Absent = Absent.PAGED_OUT,
    checksum: int | Absent = Absent.PAGED_OUT,
) -> Module:
    """A driver, or the kernel, under the name that WinDbg gives it; stamp and checksum are those of its PE header."""
    file = path.rpartition("\\")[2]
    return Module(module_name(file), file, path, base, size, timestamp, checksum)


class BuiltParts:
    """What is made of the facts; each part once."""

    def __init__(self, facts: BuiltFacts) -> None:
        self.facts, self.machine = facts, facts.machine

    # Addresses

    @property
    def _room(self) -> int:
        return _ROOM[self.machine.bits]

    @property
    def stack(self) -> tuple[int, bytes]:
        """Lowest address and bytes."""
        return (self._room + _STACK, bytes(0x800)) if self.facts.stack is None else self.facts.stack

    @cached_property
    def modules(self) -> ModuleList:
        """The drivers; at least a kernel."""
        kernel = driver(r"\SystemRoot\system32\ntoskrnl.exe", self._room + _KERNEL, _KERNEL_SIZE, 0x5F000000, 0x900000)
        return ModuleList(self.facts.modules or (kernel,))

    @property
    def _kprcb_address(self) -> int | Absent:
        # A dump tells it by KiProcessorBlock alone.
        if isinstance(self.facts.prcb_registers, Absent) or not self.words.get("ki_processor_block"):
            return Absent.NOT_CAPTURED
        return self.facts.processor.get("address", self._room + _KPRCB)

    # Structures

    @cached_property
    def words(self) -> dict[str, int]:
        """Words of the debugger data block; what the build lacks is not in it."""
        kernel = self.modules[0].base
        invented = {name: kernel + rva for name, rva in _KERNEL_VARIABLES.items()} | {"kern_base": kernel}
        if not self.facts.build_lab:
            del invented["nt_build_lab"]
        return debugger_words(self.machine, self.facts.build_number, invented | dict(self.facts.debugger_words))

    @cached_property
    def offsets(self) -> StructureOffsets:
        """Where fields lie in structures."""
        return StructureOffsets(self.machine.image_type, self.facts.build_number, self.words)

    @cached_property
    def _raw(self) -> dict[str, bytes]:
        process: ProcessFacts = {
            "address": self._room + _EPROCESS,
            "directory_table_base": _PAGE_TABLE,
            **self.facts.process,
        }
        thread: ThreadFacts = {"address": self._room + _ETHREAD, **self._thread_on_stack, **self.facts.thread}
        offsets, machine, links = self.offsets, self.machine, (self._prcb_context, self._frozen)
        made = {
            "KPRCB": kprcb(machine, offsets, self.facts.processor, thread["address"], links),
            "EPROCESS": eprocess(machine, offsets, process),
            "ETHREAD": ethread(machine, offsets, thread, process),
            "KDDEBUGGER_DATA64": debugger_data_block(machine, self.words),
            "CONTEXT": context_record(machine, self._registers, self.facts.vectors),
            "EXCEPTION_RECORD": self._exception_record,
        }
        return {kind: data for kind, data in (made | dict(self.facts.structures)).items() if data}

    @property
    def _thread_on_stack(self) -> ThreadFacts:
        start, data = self.stack
        return {"stack_limit": start & -0x1000, "stack_base": start + len(data), "state": 2}

    @property
    def _registers(self) -> dict[str, int]:
        machine = self.machine
        return {machine.pc: self.modules[0].base + 0x1000, machine.sp: self.stack[0]} | dict(self.facts.registers)

    @property
    def _prcb_context(self) -> bytes:
        if isinstance(self.facts.prcb_registers, Absent):
            return b""
        return context_record(self.machine, self.facts.prcb_registers or self._registers, self.facts.vectors)

    @property
    def _frozen(self) -> int:
        return self._room + _FROZEN if self._prcb_context else 0

    @cached_property
    def structures(self) -> dict[str, Structure]:
        """Raw structures by kind."""
        addresses: dict[str, int | Absent] = {
            "KPRCB": self._kprcb_address,
            "ETHREAD": self._pointer("KPRCB", "current"),
            "EPROCESS": self._pointer("ETHREAD", "apc_process"),
            "KDDEBUGGER_DATA64": self.modules[0].base + _KDBG,
        }
        return {
            kind: Structure(kind, memoryview(data), addresses.get(kind, Absent.NOT_APPLICABLE))
            for kind, data in self._raw.items()
        }

    def _pointer(self, kind: str, name: str) -> int | Absent:
        if kind not in self._raw:
            return Absent.NOT_CAPTURED
        structure = Structure(kind, memoryview(self._raw[kind]), Absent.NOT_CAPTURED)
        address = StructureReader(self.machine, self.offsets, structure).pointer(name)
        return Absent.CORRUPT if address == 0 else address

    def reader(self, kind: str) -> StructureReader:
        """Reads fields of a structure that is there."""
        return StructureReader(self.machine, self.offsets, self.structures[kind])

    @cached_property
    def debugger_data(self) -> dict[str, int] | Absent:
        """Words of the debugger data block as a reader sees them."""
        raw = self._raw.get("KDDEBUGGER_DATA64")
        if raw is None:
            return Absent.NOT_CAPTURED
        block = KdDebuggerData64(raw.ljust(KdDebuggerData64.SIZE, b"\0"))
        there = (field for field in KdDebuggerData64.FIELDS if field.end <= len(raw) and field.name != "owner_tag")
        return {field.name: getattr(block, field.name) & self.machine.mask for field in there}

    # Header and memory

    @cached_property
    def header(self) -> bytes:
        """The dump header."""
        facts = self.facts
        fields: dict[str, int | None] = {
            "major_version": 0xC if facts.checked else 0xF,
            "minor_version": facts.build_number,
            "directory_table_base": facts.process.get("directory_table_base", _PAGE_TABLE),
            "pfn_data_base": self.words.get("mm_pfn_database") or None,
            "machine_image_type": self.machine.image_type,
            "number_processors": facts.processors,
            "kd_debugger_data_block": self.modules[0].base + _KDBG,
            "kd_secondary_version": 0,
            "product_type": facts.product_type,
            "suite_mask": facts.suite_mask,
            "boot_id": facts.boot_id,
            "attributes": facts.attributes,
            "system_time": filetime(facts.time) or None,
            "system_up_time": None if facts.uptime is None else facts.uptime // timedelta(microseconds=1) * 10,
            "bug_check_code": facts.bug_check.stored_code,
            **{name: self.words.get(name, 0) for name in _HEADER_NAMES},
            **{f"bug_check_parameter{number}": word for number, word in enumerate(facts.bug_check.parameters, 1)},
        }
        if self.machine is X86:
            fields["pae_enabled"] = int(facts.pae)
        return dump_header(self.machine, fields | dict(facts.header), facts.comment, facts.physical_memory)

    @cached_property
    def exception(self) -> ExceptionRecord:
        """The header's record."""
        return self.facts.exception or ExceptionRecord(0x80000003, 0, self._registers[self.machine.pc], ())

    @property
    def _exception_record(self) -> bytes:
        kind: Any = ExceptionRecord64 if self.machine.bits == 64 else ExceptionRecord32
        code, flags, address, parameters = self.exception
        return bytes(
            kind.build(
                exception_code=code,
                exception_flags=flags,
                exception_address=address,
                number_parameters=len(parameters),
                exception_information=(*parameters, *[0] * (15 - len(parameters))),
            )
        )

    @cached_property
    def pieces(self) -> dict[int, bytes]:
        """Memory by address, beside structures and stack."""
        return dict(self.facts.memory) | {address: data for address, data in self._own_pieces() if address}

    def _own_pieces(self) -> Iterator[tuple[int, bytes]]:
        words, pointer = self.words, self.machine.pointer
        if self.facts.build_lab:
            yield words.get("nt_build_lab", 0), self.facts.build_lab.encode("ascii") + b"\0"
        if "KPRCB" in self._raw and not isinstance(self._kprcb_address, Absent):
            entry = self._kprcb_address.to_bytes(pointer, "little")
            yield words["ki_processor_block"], entry * self.facts.processors
            if self.offsets.offset("KPRCB", "frozen") is not None:
                yield self._frozen, self._prcb_context
