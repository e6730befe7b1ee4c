"""Counters of the memory manager out of the variables that the debugger data block leads to."""

from __future__ import annotations

from collections.abc import Mapping

from smalldump.memory import AddressSpace
from smalldump.model.absent import Absent
from smalldump.model.machine import Machine

__all__ = ["counters_in_memory"]

_PAGE_SHIFT = 12
# Counter of MI_TRIAGE_STORAGE -> word of the debugger data block, and how many bits its value is shifted to be pages.
# Source: observed with Microsoft's engine, which converts so (format reference §3.4).
_WORDS = {
    "mm_special_pool_tag": ("mm_special_pool_tag", 0),
    "mi_triage_action_taken": ("mm_triage_action_taken", 0),
    "kernel_verifier": ("kernel_verifier", 0),
    "mm_maximum_non_paged_pool": ("mm_maximum_non_paged_pool_in_bytes", _PAGE_SHIFT),
    "mm_allocated_non_paged_pool": ("mm_allocated_non_paged_pool", 0),
    "paged_pool_maximum": ("mm_size_of_paged_pool_in_bytes", _PAGE_SHIFT),
    "committed_pages": ("mm_total_committed_pages", 0),
    "committed_pages_peak": ("mm_peak_commitment", 0),
    "commit_limit_maximum": ("mm_total_commit_limit_maximum", 0),
}
_NARROW = ("mm_special_pool_tag", "mi_triage_action_taken", "kernel_verifier")


def counters_in_memory(memory: AddressSpace, machine: Machine, words: Mapping[str, int]) -> dict[str, int] | Absent:
    """The counters that can be read, in pages unless their name says otherwise; no others are named."""
    found = {}
    for name, (word, shift) in _WORDS.items():
        address = words.get(word, 0) & machine.mask
        value = memory.word(address, 4 if name in _NARROW else machine.pointer) if address else None
        if value is not None:
            found[name] = value >> shift
    return found or Absent.NOT_CAPTURED
