"""All that is worked out about one machine, in the order in which each part needs the one before."""

from __future__ import annotations

from collections.abc import Iterable

from smalldump.analysis.bucket import bucket_of
from smalldump.analysis.objects import objects_of
from smalldump.analysis.parameters import decode_parameters
from smalldump.analysis.plugins import AnalysisPlugin, Plugins
from smalldump.analysis.remarks import Failure
from smalldump.analysis.result import Analysis
from smalldump.analysis.signature import signature_of
from smalldump.analysis.stop_text import stop_text
from smalldump.analysis.verdict import reach_verdict
from smalldump.knowledge.catalog import bug_check
from smalldump.model import Absent, Snapshot
from smalldump.unwind import NO_CODE, CodeLookup, walk

__all__ = ["Analysis", "analyse"]


def analyse(
    machine: Snapshot, lookup: CodeLookup = NO_CODE, plugins: Iterable[AnalysisPlugin | Failure] = ()
) -> Analysis:
    """Analyse a stopped machine. Never raises for what the dump holds: what cannot be told is said to be so.

    Args:
        lookup: Images and symbols, if there are any.
        plugins: Rules of others that take part.
    """
    stop = machine.bug_check
    entry = None if isinstance(stop, Absent) else bug_check(stop.stored_code)
    subcode = entry.match(stop.parameters) if entry and not isinstance(stop, Absent) else None
    parameters = decode_parameters(machine, entry, lookup)
    stacks = walk(machine, lookup)
    others = Plugins(machine, plugins)
    verdict = reach_verdict(machine, entry, parameters, stacks, lookup, more=others.evidence(stacks))
    verdict = verdict._replace(next_steps=(*verdict.next_steps, *others.next_steps(verdict)))
    found = Analysis(
        entry,
        subcode.meaning if subcode else None,
        parameters,
        objects_of(machine, parameters, lookup),
        stop_text(machine, entry, parameters),
        stacks,
        verdict,
        bucket_of(machine, entry, stacks, lookup),
        signature_of(machine, entry, stacks, verdict),
    )
    remarks = others.remarks(found)
    return found._replace(remarks=remarks, failures=tuple(others.failures))
