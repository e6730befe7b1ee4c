"""The verdict: who did it, how sure, and why; "this dump cannot tell" is an answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from smalldump.analysis.context import context_of
from smalldump.analysis.culprit import Confidence, Culprit, CulpritKind
from smalldump.analysis.evidence import Evidence
from smalldump.analysis.limits import limits_of
from smalldump.analysis.next_steps import next_steps
from smalldump.analysis.rules.registry import rule_for
from smalldump.analysis.rules.rule import Case, Conclusion
from smalldump.analysis.weights import EXACT, Kind
from smalldump.knowledge.catalog import BugCheckEntry
from smalldump.knowledge.drivers import DriverEntry, driver, made_by
from smalldump.model import Module, Snapshot

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
        context: What else to know of the machine: facts that blame nobody.
    """

    kind: CulpritKind
    culprit: Culprit | None
    confidence: Confidence
    summary: str
    evidence: tuple[Evidence, ...]
    candidates: tuple[Candidate, ...]
    limits: tuple[str, ...]
    next_steps: tuple[str, ...]
    context: tuple[str, ...] = ()


def reach_verdict(case: Case, *, more: Sequence[Evidence] = ()) -> Verdict:
    """Ask the rule for the bug check, and weigh the evidence that it gives.

    Args:
        more: Evidence of plug-ins.
    """
    opinion = rule_for(case.entry)(case)
    # Where no driver is to blame, what lies on the stack is no evidence.
    evidence = () if opinion.conclusion else _by_weight((*more, *opinion.evidence))
    candidates = _ranked(evidence)
    found = opinion.conclusion or _with_driver(case.machine, evidence, candidates, opinion.cap)
    found = found or opinion.otherwise or _undecided(case.entry)
    causes = case.entry.causes if case.entry else ()
    return Verdict(
        *found,
        evidence,
        candidates,
        limits_of(case.machine, case.hint, case.parameters, case.stacks, opinion.limits),
        next_steps(found.kind, found.culprit, causes, opinion.steps, small=not case.machine.has_pages),
        context_of(case.machine, found.culprit.file if found.culprit else None),
    )


def _by_weight(evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    return tuple(sorted(dict.fromkeys(evidence), key=lambda piece: -piece.kind.weight))


def _ranked(evidence: Sequence[Evidence]) -> tuple[Candidate, ...]:
    scores: dict[str, int] = {}
    for piece in evidence:
        scores[piece.module] = scores.get(piece.module, 0) + piece.kind.weight
    ranked = sorted(scores.items(), key=lambda item: -item[1])
    return tuple(Candidate(module, score) for module, score in ranked)


_UNLOADED = (Kind.UNLOADED_DRIVER, Kind.UNLOADED_CODE)


def _with_driver(
    machine: Snapshot, evidence: Sequence[Evidence], candidates: Sequence[Candidate], cap: Confidence
) -> Conclusion | None:
    if not candidates:
        return None
    name = candidates[0].module
    pieces = [piece for piece in evidence if piece.module == name]
    module = machine.modules.named(name)
    known = driver(module.file if module else name)
    kind = CulpritKind.UNLOADED_DRIVER if pieces[0].kind in _UNLOADED else CulpritKind.DRIVER
    culprit = _culprit(name, module, known)
    summary = f"{culprit.file or culprit.name}{_made_by(known)}: {pieces[0].text}."
    return Conclusion(kind, culprit, min(cap, _confidence(pieces, candidates, known)), summary)


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
    exact = [piece for piece in pieces if piece.kind.weight >= EXACT]
    rival = len(candidates) > 1 and candidates[1].score * 2 > candidates[0].score
    if not exact or (known and known.skip != "never"):
        return Confidence.LOW
    proved = any(piece.kind.proof for piece in pieces) and len({piece.kind for piece in pieces}) > 1
    if proved and not rival and not (known and known.vendor == "Microsoft"):
        return Confidence.HIGH
    return Confidence.MEDIUM


def _undecided(entry: BugCheckEntry | None) -> Conclusion:
    causes = f" Usual causes of this bug check: {', '.join(entry.causes)}." if entry and entry.causes else ""
    summary = f"This dump cannot tell which driver is to blame.{causes}"
    return Conclusion(CulpritKind.UNDECIDED, None, Confidence.NONE, summary)
