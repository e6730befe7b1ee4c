"""The verdict: who did it, how sure, and why; "this dump cannot tell" is an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from smalldump.analysis.culprit import Confidence, Culprit, CulpritKind
from smalldump.analysis.evidence import Evidence, Kind, gather
from smalldump.analysis.limits import limits_of
from smalldump.analysis.next_steps import next_steps
from smalldump.analysis.parameters import Parameter
from smalldump.knowledge.catalog import BugCheckEntry, CulpritHint, culprit_hint
from smalldump.knowledge.drivers import DriverEntry, driver, made_by
from smalldump.model import Absent, Module, Snapshot
from smalldump.unwind import NO_CODE, CodeLookup, Stacks

__all__ = ["Candidate", "Confidence", "Culprit", "CulpritKind", "Verdict", "reach_verdict"]


class Candidate(NamedTuple):
    """A driver that evidence speaks for, with the sum of its weights."""

    module: str
    score: int


class Verdict(NamedTuple):
    """The verdict on one dump.

    Attributes:
        culprit: Who is blamed, or None where nobody can be.
        evidence: What speaks for the culprit and for others, the heaviest first.
        candidates: Drivers by score, the highest first.
        limits: What this dump cannot show.
        next_steps: What to do.
    """

    kind: CulpritKind
    culprit: Culprit | None
    confidence: Confidence
    summary: str
    evidence: tuple[Evidence, ...]
    candidates: tuple[Candidate, ...]
    limits: tuple[str, ...]
    next_steps: tuple[str, ...]


class _Finding(NamedTuple):
    kind: CulpritKind
    culprit: Culprit | None
    confidence: Confidence
    summary: str


def reach_verdict(
    machine: Snapshot,
    entry: BugCheckEntry | None,
    parameters: Sequence[Parameter],
    stacks: Stacks,
    lookup: CodeLookup = NO_CODE,
    *,
    more: Sequence[Evidence] = (),
) -> Verdict:
    """Weigh the evidence of a dump.

    Args:
        more: Evidence of plug-ins.
    """
    hint = _hint(machine)
    found = _without_driver(machine, entry)
    # Where no driver is to blame, what lies on the stack is no evidence.
    evidence = gather(machine, hint, parameters, stacks, lookup, more=more) if found is None else ()
    candidates = _ranked(evidence)
    found = found or _with_driver(machine, evidence, candidates) or _undecided(entry)
    limits = limits_of(machine, hint, parameters, stacks)
    return Verdict(
        found.kind,
        found.culprit,
        found.confidence,
        found.summary,
        evidence,
        candidates,
        limits,
        next_steps(found.kind, found.culprit, entry.causes if entry else ()),
    )


def _hint(machine: Snapshot) -> CulpritHint | None:
    stop = machine.bug_check
    return None if isinstance(stop, Absent) else culprit_hint(stop.stored_code, stop.parameters)


def _ranked(evidence: Sequence[Evidence]) -> tuple[Candidate, ...]:
    scores: dict[str, int] = {}
    for piece in evidence:
        scores[piece.module] = scores.get(piece.module, 0) + piece.kind.weight
    ranked = sorted(scores.items(), key=lambda item: -item[1])
    return tuple(Candidate(module, score) for module, score in ranked)


_PROOFS = frozenset(
    {
        Kind.UNLOADED_DRIVER,
        Kind.UNLOADED_CODE,
        Kind.BROKEN_DRIVER,
        Kind.NAMED_PARAMETER,
        Kind.PARAMETER,
        Kind.FAULTING_INSTRUCTION,
    }
)
_UNLOADED = (Kind.UNLOADED_DRIVER, Kind.UNLOADED_CODE)
_CRITICAL_PROCESS = (0xEF, 0xF4)
# Raised because the hardware itself reports an error. Others that hardware often causes, such as 0x7F and 0x101, may
# as well be a driver's doing: there the evidence decides.
_HARDWARE = frozenset({0x2E, 0x2F, 0x55, 0x56, 0x80, 0x9C, 0xB9, 0xFB, 0x111, 0x124, 0x12B})
_DAMAGED_PTE = (0x1A, 0x41792)
_BY_HARDWARE = "The hardware reported an error by itself; no driver is to blame by this dump."
_BY_USER = "Somebody or something asked for this dump on purpose; nothing failed."
_ONE_BIT = "A page table entry that should be zero has a single bit set: a typical sign of failing memory."


def _without_driver(machine: Snapshot, entry: BugCheckEntry | None) -> _Finding | None:
    # Bug checks whose culprit is no driver, whatever lies on the stack.
    if entry is None:
        return None
    if entry.code in _CRITICAL_PROCESS:
        return _critical_process(machine)
    if entry.live_dump:
        summary = "A live dump: Windows took it without stopping, because a component asked for it."
        return _Finding(CulpritKind.LIVE_DUMP, None, Confidence.NONE, summary)
    if "user-initiated" in entry.causes[:1]:
        return _Finding(CulpritKind.USER, None, Confidence.MEDIUM, _BY_USER)
    if entry.code in _HARDWARE:
        return _Finding(CulpritKind.HARDWARE, None, Confidence.MEDIUM, _BY_HARDWARE)
    return _flipped_bit(machine)


def _flipped_bit(machine: Snapshot) -> _Finding | None:
    # 0x1A with 0x41792 holds the damaged entry in parameter 3.
    stop = machine.bug_check
    if isinstance(stop, Absent) or (stop.code, stop.parameters[0]) != _DAMAGED_PTE:
        return None
    if stop.parameters[2].bit_count() != 1:
        return None
    return _Finding(CulpritKind.HARDWARE, None, Confidence.MEDIUM, _ONE_BIT)


def _critical_process(machine: Snapshot) -> _Finding | None:
    stop, process = machine.bug_check, machine.process
    if isinstance(stop, Absent) or isinstance(process, Absent) or isinstance(process.name, Absent):
        return None
    if stop.parameters[0] != process.address:
        return None
    culprit = Culprit(process.name, None, None, None)
    summary = f"The process {process.name}, without which Windows cannot run, ended."
    return _Finding(CulpritKind.PROCESS, culprit, Confidence.MEDIUM, summary)


def _with_driver(machine: Snapshot, evidence: Sequence[Evidence], candidates: Sequence[Candidate]) -> _Finding | None:
    if not candidates:
        return None
    name = candidates[0].module
    pieces = [piece for piece in evidence if piece.module == name]
    module = machine.modules.named(name)
    known = driver(module.file if module else name)
    kind = CulpritKind.UNLOADED_DRIVER if pieces[0].kind in _UNLOADED else CulpritKind.DRIVER
    culprit = _culprit(name, module, known)
    summary = f"{culprit.file or culprit.name}{_made_by(known)}: {pieces[0].text}."
    return _Finding(kind, culprit, _confidence(pieces, candidates, known), summary)


def _culprit(name: str, module: Module | None, known: DriverEntry | None) -> Culprit:
    file = module.file if module else name
    return Culprit(name, file, known.vendor if known else None, known.product if known else None)


def _made_by(known: DriverEntry | None) -> str:
    if known is None:
        return ""
    return f" ({made_by(known.vendor, known.product) if known.product else f'{known.vendor}, {known.description}'})"


def _confidence(pieces: Sequence[Evidence], candidates: Sequence[Candidate], known: DriverEntry | None) -> Confidence:
    # High asks for two agreeing kinds of evidence, one of them a proof, for a driver that does not come with Windows:
    # a driver of Windows that fails is often the victim of another one, and a class driver mostly is.
    exact = [piece for piece in pieces if piece.kind.weight >= Kind.FAULTING_INSTRUCTION.weight]
    rival = len(candidates) > 1 and candidates[1].score * 2 > candidates[0].score
    if not exact or (known and known.skip != "never"):
        return Confidence.LOW
    proved = any(piece.kind in _PROOFS for piece in pieces) and len({piece.kind for piece in pieces}) > 1
    if proved and not rival and not (known and known.vendor == "Microsoft"):
        return Confidence.HIGH
    return Confidence.MEDIUM


def _undecided(entry: BugCheckEntry | None) -> _Finding:
    causes = f" Usual causes of this bug check: {', '.join(entry.causes)}." if entry and entry.causes else ""
    summary = f"This dump cannot tell which driver is to blame.{causes}"
    return _Finding(CulpritKind.UNDECIDED, None, Confidence.NONE, summary)
