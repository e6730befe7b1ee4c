"""What a bug check and its parameters say with no dump at hand."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from smalldump.analysis.next_steps import usual_steps
from smalldump.analysis.parameters import Parameter, decode_parameters
from smalldump.knowledge.catalog import BugCheckEntry, CulpritHint, SubCode, SubCodes
from smalldump.model import Absent, BugCheck, Snapshot, System
from smalldump.model.machine import X64

__all__ = ["Explanation", "explain_bug_check"]

_FOLDERS = {False: r"C:\Windows\Minidump", True: r"C:\Windows\LiveKernelReports"}
_WORDS_OF_64_BITS = "user mode"


class Explanation(NamedTuple):
    """What is known of a bug check.

    Attributes:
        entry: The bug check.
        subcode: What the given parameters select, or None.
        parameters: All four; those that were not given have no value that counts.
        given: How many parameters were given.
        hint: Which parameter leads to the culprit, or None.
        steps: What to do.
    """

    entry: BugCheckEntry
    subcode: SubCode | None
    parameters: tuple[Parameter, ...]
    given: int
    hint: CulpritHint | None
    steps: tuple[str, ...]


class _NoMachine(Snapshot):
    """A stopped machine of which nobody knows more than its bug check."""

    def __init__(self, bug_check: BugCheck) -> None:
        self._bug_check = bug_check

    @cached_property
    def system(self) -> System:
        """64 bits, and no facts."""
        return System(X64, *[Absent.NOT_CAPTURED] * 8)

    @cached_property
    def bug_check(self) -> BugCheck:
        """What was given."""
        return self._bug_check


def explain_bug_check(entry: BugCheckEntry, parameters: Sequence[int] = ()) -> Explanation:
    """What the bug check says; a sub-code counts only where every parameter that selects it was given.

    Args:
        entry: The bug check.
        parameters: At most four, from the first.
    """
    one, two, three, four = [*parameters, 0, 0, 0, 0][:4]
    given = min(len(parameters), 4)
    subcode = entry.match((one, two, three, four))
    if subcode and any(condition.param > given for condition in subcode.when):
        subcode = None
    read = entry if subcode else entry._replace(subcodes=SubCodes(entry.code, 0, entry.parameters, (), None))
    machine = _NoMachine(BugCheck(entry.code, (one, two, three, four)))
    decoded = tuple(_without_width(each) for each in decode_parameters(machine, read))
    hint = subcode.culprit if subcode and subcode.culprit else entry.culprit
    return Explanation(entry, subcode, decoded, given, hint, _steps(entry))


def _steps(entry: BugCheckEntry) -> tuple[str, ...]:
    folder = _FOLDERS[bool(entry.live_dump)]
    dump = f"Analyse the dump that Windows wrote ({folder}): it tells what this code alone leaves open."
    return (dump, *usual_steps(entry.causes))


def _without_width(parameter: Parameter) -> Parameter:
    # Without a machine nobody knows whether 0x8xxxxxxx and above is the kernel of a 32-bit one.
    doubtful = 0x80000000 <= parameter.value <= 0xFFFFFFFF and parameter.decoded == _WORDS_OF_64_BITS
    return parameter._replace(decoded=None) if doubtful else parameter
