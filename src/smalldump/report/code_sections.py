"""The sections on code: registers, modules, stacks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from smalldump.analysis.link_times import is_link_time
from smalldump.images.identity import image_key
from smalldump.knowledge.drivers import driver
from smalldump.model import Absent, Contexts, Module, Registers, Snapshot, UnloadedModule
from smalldump.model.symbols import ModuleFiles
from smalldump.report.frames import frames
from smalldump.report.values import Json, JsonObject, absent, address, fact, words
from smalldump.unwind import CallStack, CodeLookup, Frame, Stacks

__all__ = ["code_sections"]


def code_sections(machine: Snapshot, stacks: Stacks, lookup: CodeLookup, *, args: bool = False) -> JsonObject:
    """`registers`, `contexts`, `modules`, `unloaded_modules`, `stack_window`, `stack`, `dispatch`, `images_wanted`."""
    unloaded = machine.unloaded_modules
    lost = machine.absences.get("modules")
    return {
        "registers": _registers(machine.registers, machine.contexts),
        "contexts": {
            "header": _context(machine.contexts.header),
            "prcb": _context(machine.contexts.prcb),
            "crash": _context(machine.contexts.crash),
        },
        "modules": fact([_module(module, machine) for module in machine.modules] if lost is None else lost),
        "unloaded_modules": fact(unloaded, lambda modules: [_unloaded(module) for module in modules]),
        "stack_window": _stack_window(machine),
        "stack": _frames(machine, stacks.crash, args),
        "stack_end": stacks.crash.end.value,
        "trap_frame": None if stacks.trap_frame is None else address(stacks.trap_frame),
        "dispatch": _frames(machine, stacks.dispatch, args),
        "images_wanted": [_wanted(module, lookup.files(module)) for module in _on_stack(machine, stacks)],
    }


def _registers(registers: Registers | Absent, contexts: Contexts) -> Json:
    if isinstance(registers, Absent):
        return absent(registers)
    source = "header" if registers is contexts.header else "crash"
    return {"source": source, "found_in": registers.source} | words(registers.values)


def _context(registers: Registers | Absent) -> Json:
    if isinstance(registers, Absent):
        return absent(registers)
    place = {} if registers.address is None else {"address": address(registers.address)}
    return {"found_in": registers.source} | place | words(registers.values) | words(registers.vectors)


def _module(module: Module, machine: Snapshot) -> JsonObject:
    known = driver(module.file)
    written: JsonObject = {
        "name": module.name,
        "file": module.file,
        "path": module.path,
        "base": address(module.base),
        "end": address(module.end),
        "size": module.size,
        "timestamp": fact(module.timestamp, address),
        "timestamp_kind": _timestamp_kind(module, machine),
        "checksum": fact(module.checksum, address),
    }
    if known is not None:
        written["role"], written["vendor"] = known.role.value, known.vendor
        if known.product:
            written["product"] = known.product
    return written


def _timestamp_kind(module: Module, machine: Snapshot) -> str | None:
    if isinstance(module.timestamp, Absent):
        return None
    return "link time" if is_link_time(module, machine) else "reproducible-build hash (guess)"


def _unloaded(module: UnloadedModule) -> JsonObject:
    return {
        "name": module.name,
        "base": address(module.base),
        "end": address(module.end),
        "truncated_name": module.truncated_name,
    }


def _stack_window(machine: Snapshot) -> Json:
    stack = machine.stack
    if isinstance(stack, Absent):
        return absent(stack)
    return {
        "start": address(stack.start),
        "end": address(stack.end),
        "cut": fact(stack.cut, bool),
        "missing_bytes": fact(stack.cut),
    }


def _frames(machine: Snapshot, stack: CallStack, args: bool) -> Json:
    return frames(machine, stack, (machine.contexts.crash, machine.stack), args=args)


def _on_stack(machine: Snapshot, stacks: Stacks) -> Iterator[Module]:
    found: Iterable[Frame] = (*stacks.crash.frames, *stacks.dispatch.frames)
    seen = {frame.module.base for frame in found if frame.module}
    return (module for module in machine.modules if module.base in seen)


def _wanted(module: Module, files: ModuleFiles | None) -> JsonObject:
    if files is not None:
        key = absent(Absent.PAGED_OUT) if files.image_key is None else files.image_key
        pdb = {} if files.pdb_key is None else {"pdb": {"key": files.pdb_key, "found": files.pdb_found}}
        return {"name": module.file, "key": key, "found": files.image_found} | pdb
    if isinstance(module.timestamp, Absent):
        return {"name": module.file, "key": absent(module.timestamp)}
    return {"name": module.file, "key": image_key(module.file, module.timestamp, module.size)}
