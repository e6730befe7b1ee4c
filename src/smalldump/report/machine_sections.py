"""The sections on the machine: system, header, processor, process, thread."""

from __future__ import annotations

from collections.abc import Mapping

from smalldump.knowledge.flags import wait_reason_name
from smalldump.knowledge.windows import Release, edition, product_type_name, release, suite_names
from smalldump.layout.blobs import BlobTag
from smalldump.layout.dump import Attributes
from smalldump.model import Absent, PhysicalMemory, Process, Processor, Snapshot, Thread
from smalldump.model.absent import present
from smalldump.report.values import Json, JsonObject, absent, address, code, fact, moment, words

__all__ = ["machine_sections", "process_facts", "state_name"]

_CLIENT, _SERVER = 1, 3
_KTHREAD_STATES = (
    "initialized",
    "ready",
    "running",
    "standby",
    "terminated",
    "waiting",
    "transition",
    "deferred_ready",
    "gate_wait_obsolete",
    "waiting_for_process_in_swap",
)


def machine_sections(machine: Snapshot, blobs: Mapping[str, JsonObject]) -> JsonObject:
    """`system`, `header`, `processor`, `process` and `thread`; `blobs`: decoded secondary data by GUID."""
    return {
        "system": _system(machine, blobs),
        "header": _header(machine),
        "processor": fact(machine.processor, lambda processor: _processor(processor, blobs)),
        "process": fact(machine.process, process_facts),
        "thread": fact(machine.thread, lambda thread: _thread(machine, thread)),
    }


def _system(machine: Snapshot, blobs: Mapping[str, JsonObject]) -> JsonObject:
    system = machine.system
    build, product, suites = present(system.build), present(system.product_type), present(system.suite_mask)
    service_build = blobs.get(BlobTag.EVENT_TRACE, {}).get("build")
    known = _release(build, product, service_build)
    written: JsonObject = {
        "machine": system.machine.name,
        "build": fact(system.build),
        "service_build": service_build,
        "build_lab": fact(machine.build_lab),
        "windows": None if known is None else known.name,
        "version": None if known is None else known.version or None,
        "edition": _edition(build, product, suites),
        "service_pack": None if system.service_pack is Absent.NOT_APPLICABLE else fact(system.service_pack),
        "product_type": fact(system.product_type, product_type_name),
        "suites": fact(system.suite_mask, lambda mask: list(suite_names(mask))),
        "checked_build": fact(system.checked),
        "processors": fact(system.processors),
        "kernel_base": fact(system.kernel_base, address),
    }
    if system.pae is not Absent.NOT_APPLICABLE:
        written["pae"] = fact(system.pae)
    return written | _maker(blobs.get(BlobTag.SMBIOS, {}))


def _release(build: int | None, product: int | None, service_build: int | None) -> Release | None:
    if build is None:
        return None
    if product is not None:
        return release(build, product, service_build)
    client, server = release(build, _CLIENT), release(build, _SERVER)
    if client is None or server is None or client.name == server.name:
        return client and Release(client.name, "")
    return Release(f"{client.name} or {server.name}", "")


def _edition(build: int | None, product: int | None, suites: int | None) -> Json:
    if build is None or product is None or suites is None:
        return absent(Absent.NOT_CAPTURED)
    return edition(build, product, suites)


# What makers of mainboards leave in the tables where the maker of the machine should have written.
_PLACEHOLDERS = frozenset(
    {
        "default string",
        "n/a",
        "none",
        "not applicable",
        "not specified",
        "o.e.m.",
        "oem",
        "system manufacturer",
        "system product name",
        "system version",
        "to be filled by o.e.m.",
        "unknown",
    }
)


def _maker(tables: JsonObject) -> JsonObject:
    # Without a name of its own the machine goes by its mainboard's.
    system, board, bios = (tables.get(name) or {} for name in ("system", "board", "bios"))
    found = {name: _named(system.get(name)) or _named(board.get(name)) for name in ("vendor", "product")}
    if bios.get("version"):
        found["bios"] = f"{bios['version']} of {bios['date']}" if bios.get("date") else bios["version"]
    return {name: value for name, value in found.items() if value}


def _named(value: Json) -> str | None:
    name = value.strip() if isinstance(value, str) else ""
    return name if name and name.lower() not in _PLACEHOLDERS else None


def _header(machine: Snapshot) -> Json:
    dump = machine.dump
    if isinstance(dump, Absent):
        return absent(dump)
    return {
        "attributes": fact(dump.attributes, _attribute_names),
        "boot_id": fact(dump.boot_id),
        "comment": present(dump.comment),
        "writer_status": fact(dump.writer_status),
        "secondary_data_state": fact(dump.secondary_data_state, code),
        "mini_dump_fields": fact(dump.mini_dump_fields, code),
        "required_dump_space": fact(dump.required_dump_space),
        "physical_memory": fact(dump.physical_memory, _physical_memory),
        "exception": _exception(machine),
    } | {name: fact(value, address) for name, value in dump.fields.items() if name in _ADDRESSES}


_ADDRESSES = frozenset(
    {
        "directory_table_base",
        "pfn_data_base",
        "ps_loaded_module_list",
        "ps_active_process_head",
        "kd_debugger_data_block",
    }
)


def _attribute_names(attributes: int) -> list[str]:
    names = [(flag.name or "").lower() for flag in Attributes if flag & attributes]
    rest = attributes & ~sum(Attributes)
    return [*names, address(rest)] if rest else names


def _physical_memory(memory: PhysicalMemory) -> JsonObject:
    runs = [{"first_page": address(first), "pages": count} for first, count in memory.runs]
    return {"pages": memory.pages, "runs": runs}


def _exception(machine: Snapshot) -> Json:
    record = machine.exception
    if isinstance(record, Absent):
        return absent(record)
    return {"code": code(record.code), "flags": code(record.flags), "address": address(record.address)}


def _processor(processor: Processor, blobs: Mapping[str, JsonObject]) -> JsonObject:
    control = processor.control
    return {
        "number": fact(processor.number),
        "vendor": fact(processor.vendor),
        "family": fact(processor.family),
        "model": fact(processor.model),
        "stepping": fact(processor.stepping),
        "mhz": fact(processor.mhz),
        "current_thread": fact(processor.current_thread, _pointer),
        "next_thread": fact(processor.next_thread, _pointer),
        "idle_thread": fact(processor.idle_thread, _pointer),
        "prcb": fact(processor.address, address),
        "dpc_active": fact(processor.dpc_active),
        "dpc_stack": fact(processor.dpc_stack, _pointer),
        "isr_stack": fact(processor.isr_stack, _pointer),
        "name": blobs.get(BlobTag.CPU_REGISTRY, {}).get("name"),
    } | ({"control": absent(control)} if isinstance(control, Absent) else words(control))


def _pointer(value: int) -> str | None:
    return address(value) if value else None


def process_facts(process: Process) -> JsonObject:
    """What an EPROCESS tells."""
    return {
        "name": fact(process.name),
        "pid": fact(process.pid),
        "parent_pid": fact(process.parent_pid),
        "address": fact(process.address, address),
        "create_time_utc": fact(process.create_time, moment),
        "directory_table_base": fact(process.directory_table_base, address),
        "attached": fact(process.attached),
        "owner": fact(process.owner, address),
    }


def _thread(machine: Snapshot, thread: Thread) -> JsonObject:
    return {
        "tid": fact(thread.tid),
        "pid": fact(thread.pid),
        "address": fact(thread.address, address),
        "start": fact(thread.start_address, lambda value: _code_place(machine, value)),
        "win32_start": fact(thread.win32_start_address, lambda value: _code_place(machine, value)),
        "create_time_utc": fact(thread.create_time, moment),
        "stack_base": fact(thread.stack_base, address),
        "stack_limit": fact(thread.stack_limit, address),
        "initial_stack": fact(thread.initial_stack, address),
        "kernel_stack": fact(thread.kernel_stack, address),
        "teb": fact(thread.teb, _pointer),
        "trap_frame": fact(thread.trap_frame, _pointer),
        "state": fact(thread.state, state_name),
        "wait_reason": fact(thread.wait_reason),
        "wait_reason_name": fact(thread.wait_reason, wait_reason_name),
        "priority": fact(thread.priority),
    }


def state_name(state: int) -> str:
    """A KTHREAD_STATE in words."""
    return _KTHREAD_STATES[state] if state < len(_KTHREAD_STATES) else f"unknown_{state}"


def _code_place(machine: Snapshot, value: int) -> JsonObject:
    module = machine.modules.at(value)
    unloaded = machine.unloaded_at(value) if module is None else None
    owner = module or unloaded
    place: JsonObject = {
        "address": address(value),
        "module": module.name if module else None,
        "offset": None if owner is None else address(value - owner.base),
    }
    return place | {"unloaded_module": unloaded.name} if unloaded else place
