"""Where a field of EPROCESS, ETHREAD or KPRCB lies on the build at hand.

Three sources, in this order: a word of the debugger data block; a rule that derives the offset from such a word
(found over 51 builds, so also true of builds in between and likely of later ones); the table of builds that were
looked at. What none of them tells is unknown on that build.

Source: format reference §8 rules 3 and 7.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from smalldump.layout.builds import described_builds, table_offset
from smalldump.layout.dump import MachineType

__all__ = ["SIZE_WORDS", "WORDS", "StructureOffsets"]

WORDS = {
    ("ETHREAD", "initial"): "offset_kthread_initial_stack",
    ("ETHREAD", "limit"): "offset_kthread_stack_limit",
    ("ETHREAD", "base"): "offset_kthread_stack_base",
    ("ETHREAD", "kernel"): "offset_kthread_kernel_stack",
    ("ETHREAD", "teb"): "offset_kthread_teb",
    ("ETHREAD", "state"): "offset_kthread_state",
    ("ETHREAD", "wait"): "offset_kthread_wait_reason",
    ("ETHREAD", "apc_process"): "offset_kthread_apc_process",
    ("EPROCESS", "inherited_from"): "offset_eprocess_parent_cid",
    ("EPROCESS", "directory_table_base"): "offset_eprocess_directory_table_base",
    ("KPRCB", "current"): "offset_prcb_current_thread",
    ("KPRCB", "idle"): "offset_prcb_idle_thread",
    ("KPRCB", "number"): "offset_prcb_number",
    ("KPRCB", "mhz"): "offset_prcb_mhz",
    ("KPRCB", "cpu_type"): "offset_prcb_cpu_type",
    ("KPRCB", "vendor"): "offset_prcb_vendor_string",
    ("KPRCB", "context"): "offset_prcb_proc_state_context",
    ("KPRCB", "special"): "offset_prcb_proc_state_special_reg",
    ("KPRCB", "frozen"): "offset_prcb_context",
    ("KPRCB", "dpc_stack"): "offset_prcb_dpc_stack",
    ("KPRCB", "isr_stack"): "offset_prcb_isr_stack",
    ("KPRCB", "dpc_active"): "offset_prcb_dpc_routine",
}
"""Structure and field -> the word of the debugger data block that tells where the field lies."""

SIZE_WORDS = {"KPRCB": "size_prcb", "EPROCESS": "size_eprocess", "ETHREAD": "size_ethread"}
"""Structure -> the word of the debugger data block that tells its size."""

_DEFAULT_SIZES = {"EPROCESS": 0x258, "ETHREAD": 0x260}
_SINCE_8, _SINCE_10 = 9200, 10240


class StructureOffsets(NamedTuple):
    """Offsets of structure fields for one machine and build.

    Attributes:
        machine: IMAGE_FILE_MACHINE_*.
        build: Windows build number.
        words: Words of the debugger data block by name; those that the build lacks are not in it.
    """

    machine: int
    build: int
    words: Mapping[str, int]

    def offset(self, structure: str, field: str) -> int | None:
        """Byte offset of `field` (name as in `builds`) in `structure`, or None where it is not known."""
        word = self.words.get(WORDS.get((structure, field), ""))
        if word:
            return word
        rule = _RULES.get((structure, field))
        derived = rule(self) if rule else None
        if derived is None or derived < 0:  # a damaged word can lead below the structure
            return table_offset(self.machine, structure, field, self.build)
        return derived

    def size(self, structure: str) -> int | None:
        """Bytes of `structure`, a multiple of 8, or None where they are not known.

        XP has no words for sizes; Microsoft's engine takes those of its first builds.
        """
        size = self.words.get(SIZE_WORDS[structure], 0) or self.offset(structure, "size")
        size = size or _DEFAULT_SIZES.get(structure)
        return None if size is None else (size + 7) & ~7

    @property
    def described(self) -> bool:
        """Whether this build's structures were looked at."""
        return any(first <= self.build <= last for first, last in described_builds(self.machine))

    @property
    def wide(self) -> bool:
        """Whether pointers have 64 bits."""
        return self.machine in (MachineType.X64, MachineType.ARM64)


def _cid(offsets: StructureOffsets) -> int | None:
    irp_list = offsets.words.get("offset_ethread_irp_list")
    return irp_list - (0x38 if offsets.wide else 0x20) if irp_list else None


def _start(offsets: StructureOffsets) -> int | None:
    cid = _cid(offsets)
    return cid - (0x28 if offsets.wide else 0x14) if cid else None


def _win32_start(offsets: StructureOffsets) -> int | None:
    cid = _cid(offsets)
    return cid + (0x58 if offsets.wide else 0x30) if cid else None


def _pid(offsets: StructureOffsets) -> int | None:
    parent = offsets.words.get("offset_eprocess_parent_cid")
    if not parent or offsets.build < _SINCE_8:
        return None
    distances = ((0xF0, 0x80), (0xF8, 0x84), (0x100, 0x8C))
    return parent - _by_era(offsets, distances)


def _create_time(offsets: StructureOffsets) -> int | None:
    pid = _pid(offsets)
    return None if pid is None else pid + _by_era(offsets, ((-0x10, -0xC), (0x20, 0x14), (0x28, 0x1C)))


def _image_file_name(offsets: StructureOffsets) -> int | None:
    peb = offsets.words.get("offset_eprocess_peb")
    if not peb or offsets.build < _SINCE_8:
        return None
    if offsets.wide:
        return peb + (0x58 if offsets.build >= 10586 else 0x50)
    return peb + (0x2C if offsets.build == _SINCE_10 else 0x30)


def _next_thread(offsets: StructureOffsets) -> int | None:
    # CurrentThread, NextThread and IdleThread stand side by side; the outer two have words.
    current, idle = offsets.words.get("offset_prcb_current_thread"), offsets.words.get("offset_prcb_idle_thread")
    if not current or not idle or idle - current != (16 if offsets.wide else 8):
        return None
    return (current + idle) // 2


def _by_era(offsets: StructureOffsets, distances: tuple[tuple[int, int], ...]) -> int:
    # Three eras: Windows 8 and 8.1; 10 up to 14393; 15063 and later. Each with its (64-bit, 32-bit) distance.
    era = (offsets.build >= _SINCE_10) + (offsets.build >= 15063)
    return distances[era][0 if offsets.wide else 1]


_RULES: dict[tuple[str, str], Callable[[StructureOffsets], int | None]] = {
    ("ETHREAD", "cid"): _cid,
    ("ETHREAD", "start"): _start,
    ("ETHREAD", "win32"): _win32_start,
    ("EPROCESS", "unique_process_id"): _pid,
    ("EPROCESS", "create_time"): _create_time,
    ("EPROCESS", "image_file_name"): _image_file_name,
    ("KPRCB", "next"): _next_thread,
}
