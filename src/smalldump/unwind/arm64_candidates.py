"""Values on an ARM64 stack that may be return addresses.

They may carry a pointer authentication code in the bits above the address. Source: Arm ARM D8.8.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from smalldump.unwind.architecture import Leg
from smalldump.unwind.callsite import arm64_call, call_site
from smalldump.unwind.scan import CALL_SEEN, SLOT, Candidate
from smalldump.unwind.view import StackView

__all__ = ["possible", "returns", "without_authentication"]

_SIGN = 1 << 55
_ADDRESS = (1 << 48) - 1


def without_authentication(pointer: int) -> int:
    """`pointer` with the bits above its 48 address bits set as bit 55 says: to ones for the kernel, to zeros else."""
    return pointer | 0xFFFF << 48 if pointer & _SIGN else pointer & _ADDRESS


def returns(view: StackView, address: int) -> bool | None:
    """Whether an address lies in code, behind a call; None where the code before it is not there."""
    return call_site(view.memory, address, arm64_call).found if address % 4 == 0 and view.holds_code(address) else False


def possible(leg: Leg) -> Iterator[Candidate]:
    """The slots that may hold return addresses, ascending."""
    view = leg.view
    (lowest, highest), first = view.code, max(view.index(leg.state.sp), 0)
    words = view.words[first : max(view.index(leg.limit), 0)]
    for slot, word in zip(count(view.start + 8 * first, 8), words, strict=False):
        address = without_authentication(word)
        if lowest <= address < highest and not leg.shapes.ranges.at(slot):
            found = returns(view, address)
            if found is not False:
                yield Candidate(slot, address, SLOT + (CALL_SEEN if found else 0))
