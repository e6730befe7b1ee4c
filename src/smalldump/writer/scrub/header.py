"""Scrubbing of the headers: the numbers of known fields stay, each if it has the form that its field must have."""

from __future__ import annotations

from collections.abc import Mapping

from smalldump.model import PhysicalMemory
from smalldump.writer.scrub.classes import Permitted, Tally, Withheld
from smalldump.writer.scrub.values import Check, Landmarks, below, plausible_time

__all__ = ["scrub_counters", "scrub_header", "scrub_physical_memory"]

_PHYSICAL = 1 << 52
_MOST_PAGES = {32: 1 << 26, 64: 1 << 40}  # pages of 4 KiB; 32-bit machines address 64 GB with PAE
_UPTIME = 1 << 56  # in 100 ns units: two centuries
_NUMBERS = (
    "major_version minor_version machine_image_type number_processors bug_check_code pae_enabled kd_secondary_version "
    "secondary_data_state boot_id writer_status mini_dump_fields product_type suite_mask attributes"
)
_ADDRESSES = "pfn_data_base ps_loaded_module_list ps_active_process_head kd_debugger_data_block"
_COUNTERS = (
    "mm_maximum_non_paged_pool mm_allocated_non_paged_pool paged_pool_maximum paged_pool_allocated committed_pages "
    "committed_pages_peak commit_limit_maximum"
)
_SWITCHES = "version size mi_triage_action_taken mm_verify_driver_level kernel_verifier"
_MOST_FLAGS = 1 << 24


def scrub_header(values: Mapping[str, int], landmarks: Landmarks, tally: Tally) -> dict[str, int]:
    """The fields that stay; a value of another form than its field's is left out, as if it was never written.

    The parameters of the bug check stay as they are: without them a dump tells nothing.
    """
    checks: dict[str, Check] = dict.fromkeys(_NUMBERS.split(), below(1 << 32))
    checks |= dict.fromkeys(_ADDRESSES.split(), landmarks.kernel)
    checks |= {f"bug_check_parameter{number}": below(1 << 64) for number in range(1, 5)}
    checks |= {
        "directory_table_base": below(_PHYSICAL),
        "system_time": plausible_time,
        "system_up_time": below(_UPTIME),
    }
    return _checked(values, checks, tally)


def scrub_counters(values: Mapping[str, int], bits: int, tally: Tally) -> dict[str, int]:
    """The counters of the memory manager and the switches of the verifier; not the pool tag, which is text."""
    checks: dict[str, Check] = dict.fromkeys(_COUNTERS.split(), below(_MOST_PAGES[bits]))
    return _checked(values, checks | dict.fromkeys(_SWITCHES.split(), below(_MOST_FLAGS)), tally)


def _checked(values: Mapping[str, int], checks: Mapping[str, Check], tally: Tally) -> dict[str, int]:
    kept: dict[str, int] = {}
    for name, value in values.items():
        raw = value.to_bytes(8, "little")
        if name in checks and checks[name](value) == value:
            kept[name] = value
            tally.keep(Permitted.HEADER, raw)
        else:
            tally.remove(Withheld.HEADER, raw)
    return kept


def scrub_physical_memory(memory: PhysicalMemory | None, bits: int, tally: Tally) -> PhysicalMemory | None:
    """The runs of physical memory, if all of them can be such."""
    if memory is None or max((memory.pages, *map(sum, memory.runs))) >= _MOST_PAGES[bits]:
        return None
    for number in (memory.pages, *(number for run in memory.runs for number in run)):
        tally.keep(Permitted.HEADER, number.to_bytes(8, "little"))
    return memory
