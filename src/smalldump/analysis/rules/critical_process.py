"""A process without which Windows cannot run ended (0xEF, 0xF4), or a service that it needs failed (0x5A).

The process is the victim; who ended it the stack tells only where a driver did so in the kernel. Source: Microsoft's
pages on these bug checks.
"""

from __future__ import annotations

from smalldump.analysis.advice import DISK, SYSTEM_FILES
from smalldump.analysis.culprit import Confidence, Culprit, CulpritKind
from smalldump.analysis.parameters import read_string
from smalldump.analysis.rules.clues import all_clues
from smalldump.analysis.rules.rule import Case, Conclusion, Opinion
from smalldump.knowledge.catalog import status_name
from smalldump.model import Absent

__all__ = ["rule"]

_OBJECT_ENDED, _SERVICE_FAILED = 0xF4, 0x5A
_NOT_TOLD = "Which process ended is not told: parameter {number} is not the process of this dump."
_EVENTS = "Look in the event log for what ended {name}."
_SERVICE = "A driver or service that Windows needs to start failed{status}."


def rule(case: Case) -> Opinion:
    """The process that ended, where the dump names it; else what the stack says, with low confidence."""
    if case.code == _SERVICE_FAILED:
        return _service(case)
    name = _process_name(case)
    if name is None:
        limits = (_NOT_TOLD.format(number=_number(case)),)
        return Opinion(tuple(all_clues(case)), cap=Confidence.LOW, limits=limits, steps=(SYSTEM_FILES, DISK))
    summary = f"The process {name}, without which Windows cannot run, ended."
    found = Conclusion(CulpritKind.PROCESS, Culprit(name, None, None, None), Confidence.MEDIUM, summary)
    steps = (_EVENTS.format(name=name), SYSTEM_FILES)
    return Opinion(conclusion=found, steps=(*steps, DISK) if case.code == _OBJECT_ENDED else steps)


def _number(case: Case) -> int:
    return 2 if case.code == _OBJECT_ENDED else 1


def _process_name(case: Case) -> str | None:
    process = case.machine.process
    own = not isinstance(process, Absent) and process.address == case.value(_number(case))
    if own and not isinstance(process, Absent) and not isinstance(process.name, Absent):
        return process.name
    return read_string(case.machine, case.value(3)) if case.code == _OBJECT_ENDED else None


def _service(case: Case) -> Opinion:
    status = status_name(case.value(4))
    summary = _SERVICE.format(status=f" with {status}" if status else "")
    otherwise = Conclusion(CulpritKind.UNDECIDED, None, Confidence.NONE, summary)
    return Opinion(tuple(all_clues(case)), otherwise=otherwise, cap=Confidence.LOW, steps=(SYSTEM_FILES,))
