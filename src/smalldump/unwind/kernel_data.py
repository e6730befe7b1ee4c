"""Where the kernel keeps its variables: an address there is no code, however much it looks like a return address."""

from __future__ import annotations

from collections.abc import Iterator

from smalldump.memory import RangeMap
from smalldump.model import Absent, Snapshot

__all__ = ["kernel_data"]

# Words of the debugger data block that are addresses of code, and of what need not lie among the variables.
_CODE = ("breakpoint_with_status", "ki_call_user_mode", "ke_user_callback_dispatcher", "ki_normal_system_call")
_OTHERS = frozenset(
    {
        *_CODE,
        *("kern_base", "flink", "blink", "nt_build_lab", "etwp_debugger_data", "retpoline_stub_function_table"),
        *("mm_system_range_start", "mm_user_probe_address", "mm_highest_user_address"),
    }
)
_NEAR = 0x20000
"""Bytes between neighbours of one section at most: the paged code, which may follow the data, is far longer."""


def kernel_data(snapshot: Snapshot) -> RangeMap[bool]:
    """The ranges of the kernel's image that lie between two of its variables and so hold no code.

    The debugger data block has the addresses of some 60 variables; they stand close together. Measured in 21 real
    dumps of builds 9600 to 22000: none of its code addresses lies in such a range, 5 scanned frames did.
    """
    words = snapshot.debugger_data
    if isinstance(words, Absent) or not snapshot.modules:
        return RangeMap(())
    kernel = snapshot.modules[0]
    variables = [word for name, word in words.items() if kernel.base < word < kernel.end and name not in _OTHERS]
    code = [words[name] for name in _CODE if name in words]
    return RangeMap(_groups(sorted(variables), code))


def _groups(variables: list[int], code: list[int]) -> Iterator[tuple[int, int, bool]]:
    first = last = variables[0] if variables else 0
    for variable in variables:
        if variable - last > _NEAR or any(last <= address <= variable for address in code):
            yield first, last, True
            first = variable
        last = variable
    yield first, last, True
