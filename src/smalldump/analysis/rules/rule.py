"""What a rule gets, and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from smalldump.analysis.culprit import Confidence, Culprit, CulpritKind
from smalldump.analysis.evidence import Evidence
from smalldump.analysis.parameters import Parameter
from smalldump.analysis.places import Place, place_of
from smalldump.analysis.stop_object import StopObject
from smalldump.knowledge.catalog import BugCheckEntry, CulpritHint
from smalldump.model import Snapshot
from smalldump.unwind import CodeLookup, Frame, Stacks

__all__ = ["Case", "Conclusion", "Opinion", "Rule"]


class Case(NamedTuple):
    """A stopped machine as a rule sees it.

    Attributes:
        code: Of the bug check, without the bit that marks small dumps; None where the dump tells none.
        values: The four parameters; zeros where the dump tells no bug check.
        entry: What the knowledge base says of the code, and `hint` of the parameter that leads to the culprit.
        parameters: The parameters in words; empty where there are none.
        stacks: The call stack, in its two parts.
        objects: What the parameters point to, as far as the dump holds it.
    """

    machine: Snapshot
    code: int | None
    values: tuple[int, int, int, int]
    entry: BugCheckEntry | None
    hint: CulpritHint | None
    parameters: Sequence[Parameter]
    stacks: Stacks
    lookup: CodeLookup
    objects: tuple[StopObject, ...] = ()

    @property
    def frames(self) -> Sequence[Frame]:
        """The frames of the code that failed, innermost first."""
        return self.stacks.crash.frames

    @property
    def bits(self) -> int:
        """Width of an address."""
        return self.machine.machine.bits

    def value(self, number: int) -> int:
        """Parameter 1 to 4."""
        return self.values[number - 1]

    def place(self, number: int) -> Place:
        """What lies where parameter 1 to 4 points."""
        return place_of(self.machine, self.value(number), self.lookup)


class Conclusion(NamedTuple):
    """The end of a search: who is to blame, whatever lies on the stack; `culprit` is None where it is no driver."""

    kind: CulpritKind
    culprit: Culprit | None
    confidence: Confidence
    summary: str


class Opinion(NamedTuple):
    """What a rule says of a case.

    Attributes:
        evidence: What speaks for which driver, in any order.
        conclusion: Where no driver is to be sought; then evidence is not weighed.
        otherwise: The conclusion where no evidence speaks for any driver.
        cap: The highest confidence that a driver can be blamed with.
        limits: Facts that the rule needs and the dump lacks, in sentences.
        steps: What to do, the most promising first; besides what always holds for a driver that is blamed.
    """

    evidence: Sequence[Evidence] = ()
    conclusion: Conclusion | None = None
    otherwise: Conclusion | None = None
    cap: Confidence = Confidence.HIGH
    limits: Sequence[str] = ()
    steps: Sequence[str] = ()


Rule = Callable[[Case], Opinion]
