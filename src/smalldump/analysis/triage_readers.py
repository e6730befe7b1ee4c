"""Blocks that bug checks point to for those who read dumps: 0x9F, 0x133, the contexts of graphics, and locks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from smalldump.analysis.state_readers import read_thread
from smalldump.analysis.stop_object import Fact, Reader, Scene, StopObject, lacking
from smalldump.layout.executive import Eresource32, Eresource64
from smalldump.layout.triage_blocks import (
    DPC_WATCHDOG_SIGNATURE,
    DpcWatchdogTriageBlock,
    Triage9fPnp32,
    Triage9fPnp64,
    Triage9fPower32,
    Triage9fPower64,
)

__all__ = ["READERS", "read_9f_pnp", "read_9f_power", "read_dpc_watchdog", "read_resource", "read_tdr_context"]

_Block: TypeAlias = Triage9fPower32 | Triage9fPower64 | Triage9fPnp32 | Triage9fPnp64

_RESOURCE_SINCE = 7600
_EXCLUSIVE = 0x80
_FLAG_BITS = 3


def read_9f_power(scene: Scene, address: int) -> StopObject:
    """Where the lists of the power manager lie; their entries have no published form."""
    block = scene.record(address, Triage9fPower32, Triage9fPower64)
    if block is None:
        return lacking("triage_9f_power", address, "TRIAGE_9F_POWER")
    heads = (("IRP list", block.irp_list), ("thread list", block.thread_list), ("queue", block.delayed_work_queue))
    return _block("triage_9f_power", scene, address, block, heads)


def read_9f_pnp(scene: Scene, address: int) -> StopObject:
    """Where the queues of the PnP manager lie; their entries have no published form."""
    block = scene.record(address, Triage9fPnp32, Triage9fPnp64)
    if block is None:
        return lacking("triage_9f_pnp", address, "TRIAGE_9F_PNP")
    heads = (("completion queue", block.completion_queue), ("queue", block.delayed_work_queue))
    return _block("triage_9f_pnp", scene, address, block, heads)


def _block(kind: str, scene: Scene, address: int, block: _Block, heads: tuple[tuple[str, int], ...]) -> StopObject:
    facts = (
        Fact("signature", f"{block.signature:#x}"),
        Fact("revision", str(block.revision)),
        *(Fact(name, scene.words(at)) for name, at in heads),
    )
    lost = [name for name, at in heads if scene.machine.memory.try_read(at, 1) is None]
    return StopObject(kind, address, None, facts, missing=f"Not in the dump: {', '.join(lost)}." if lost else None)


def read_dpc_watchdog(scene: Scene, address: int) -> StopObject:
    """The block that tells where each processor keeps the profile of its deferred procedure calls."""
    block = scene.record(address, DpcWatchdogTriageBlock, DpcWatchdogTriageBlock)
    kind = "dpc_watchdog_global_triage_block"
    if block is None:
        return lacking(kind, address, "DPC_WATCHDOG_GLOBAL_TRIAGE_BLOCK")
    if block.signature != DPC_WATCHDOG_SIGNATURE:
        gap = f"The block at {address:#x} does not have its signature: {block.signature:#x}."
        return StopObject(kind, address, None, missing=gap)
    facts = (
        Fact("revision", str(block.revision)),
        Fact("profile", f"at {block.profile_offset:#x} of the processor's block, {block.profile_length:#x} long"),
    )
    return StopObject(kind, address, None, facts)


def read_tdr_context(scene: Scene, address: int) -> StopObject:
    """Only that there are bytes: Microsoft has not published the form of the context."""
    if scene.machine.memory.try_read(address, 4) is None:
        return lacking("tdr_recovery_context", address, "TDR recovery context")
    gap = "The form of the TDR recovery context is not published; parameter 2 names the driver."
    return StopObject("tdr_recovery_context", address, None, missing=gap)


def read_resource(scene: Scene, address: int) -> StopObject:
    """A lock: how it is held, who waits, and its exclusive owner."""
    if scene.build is None or scene.build < _RESOURCE_SINCE:
        return StopObject("eresource", address, None, missing="The form of ERESOURCE is not known for this build.")
    lock = scene.record(address, Eresource32, Eresource64)
    if lock is None:
        return lacking("eresource", address, "ERESOURCE")
    exclusive, owner = bool(lock.flag & _EXCLUSIVE), lock.owner_thread & ~_FLAG_BITS
    facts = (
        Fact(
            "held", "exclusively" if exclusive else f"shared, {lock.active_count} times" if lock.active_count else "no"
        ),
        Fact("contentions", str(lock.contention_count)),
        Fact("waiting", f"{lock.shared_waiters} for shared, {lock.exclusive_waiters} for exclusive access"),
    )
    return StopObject("eresource", address, None, facts, (read_thread(scene, owner),) if exclusive and owner else ())


READERS: Mapping[str, Reader] = {
    "dpc_watchdog_global_triage_block": read_dpc_watchdog,
    "eresource": read_resource,
    "tdr_recovery_context": read_tdr_context,
    "triage_9f_pnp": read_9f_pnp,
    "triage_9f_power": read_9f_power,
}
"""By the kind of the object, as `objects.FAMILIES` has it."""
