"""Blocks that bug checks point to, made for those who read dumps, and what they lead to.

Source: Microsoft's wdm.h (`DPC_WATCHDOG_GLOBAL_TRIAGE_BLOCK`) and public symbols (`TRIAGE_9F_*`).
"""

from __future__ import annotations

from smalldump.layout.record import Record, u16, u32, u64

__all__ = [
    "DPC_WATCHDOG_SIGNATURE",
    "DpcWatchdogTriageBlock",
    "Triage9fPnp32",
    "Triage9fPnp64",
    "Triage9fPower32",
    "Triage9fPower64",
]

DPC_WATCHDOG_SIGNATURE = 0xAEBECEDE


class DpcWatchdogTriageBlock(Record, size=0x10):
    """`DPC_WATCHDOG_GLOBAL_TRIAGE_BLOCK`, revision 1."""

    signature = u32(0x00)
    revision = u16(0x04)
    block_size = u16(0x06, "bytes")
    profile_offset = u16(0x08, "DpcWatchdogProfileOffset: of the address of the profile, in the KPRCB")
    profile_length = u32(0x0C, "DpcWatchdogProfileLength")


class Triage9fPower64(Record, size=0x20):
    """`TRIAGE_9F_POWER` of 64 bits; from Windows 10 1607 on DelayedIoWorkQueue follows."""

    signature = u16(0x00)
    revision = u16(0x02)
    irp_list = u64(0x08, "address of the head of the list of power IRPs")
    thread_list = u64(0x10, "address of the head of the list of power worker threads")
    delayed_work_queue = u64(0x18, "address of a TRIAGE_EX_WORK_QUEUE")


class Triage9fPower32(Record, size=0x10):
    """`TRIAGE_9F_POWER` of 32 bits; from Windows 10 1607 on DelayedIoWorkQueue follows."""

    signature = u16(0x00)
    revision = u16(0x02)
    irp_list = u32(0x04, "address of the head of the list of power IRPs")
    thread_list = u32(0x08, "address of the head of the list of power worker threads")
    delayed_work_queue = u32(0x0C, "address of a TRIAGE_EX_WORK_QUEUE")


class Triage9fPnp64(Record, size=0x18):
    """`TRIAGE_9F_PNP` of 64 bits; later DelayedIoWorkQueue follows."""

    signature = u16(0x00)
    revision = u16(0x02)
    completion_queue = u64(0x08, "address of a TRIAGE_PNP_DEVICE_COMPLETION_QUEUE")
    delayed_work_queue = u64(0x10, "address of a TRIAGE_EX_WORK_QUEUE")


class Triage9fPnp32(Record, size=0x0C):
    """`TRIAGE_9F_PNP` of 32 bits; later DelayedIoWorkQueue follows."""

    signature = u16(0x00)
    revision = u16(0x02)
    completion_queue = u32(0x04, "address of a TRIAGE_PNP_DEVICE_COMPLETION_QUEUE")
    delayed_work_queue = u32(0x08, "address of a TRIAGE_EX_WORK_QUEUE")
