"""All that is worked out about one machine, in the order in which each part needs the one before."""

from __future__ import annotations

from typing import NamedTuple

from smalldump.analysis.bucket import Bucket, bucket_of
from smalldump.analysis.objects import StopObject, objects_of
from smalldump.analysis.parameters import Parameter, decode_parameters
from smalldump.analysis.signature import Signature, signature_of
from smalldump.analysis.stop_text import stop_text
from smalldump.analysis.verdict import Verdict, reach_verdict
from smalldump.knowledge.catalog import BugCheckEntry, bug_check
from smalldump.model import Absent, Snapshot
from smalldump.unwind import NO_CODE, CodeLookup, Stacks, walk

__all__ = ["Analysis", "analyse"]


class Analysis(NamedTuple):
    """The analysis of one machine.

    Attributes:
        entry: What the knowledge base says of the bug check; None where it does not know the code.
        subcode: Meaning of the sub-code that the parameters select, or None.
        parameters: The four parameters, decoded.
        objects: What the parameters point to, as far as the dump holds it.
        stop_text: The lines of the STOP message.
        stacks: The call stack, in its two parts.
        verdict: Who is to blame, how sure that is, and why.
        bucket: Microsoft's name for failures like this one, and `signature` ours; None where no bug check is told.
    """

    entry: BugCheckEntry | None
    subcode: str | None
    parameters: tuple[Parameter, ...]
    objects: tuple[StopObject, ...]
    stop_text: tuple[str, ...]
    stacks: Stacks
    verdict: Verdict
    bucket: Bucket | None
    signature: Signature | None


def analyse(machine: Snapshot, lookup: CodeLookup = NO_CODE) -> Analysis:
    """Analyse a stopped machine. Never raises for what the dump holds: what cannot be told is said to be so.

    Args:
        lookup: Images and symbols, if there are any.
    """
    stop = machine.bug_check
    entry = None if isinstance(stop, Absent) else bug_check(stop.stored_code)
    subcode = entry.match(stop.parameters) if entry and not isinstance(stop, Absent) else None
    parameters = decode_parameters(machine, entry, lookup)
    stacks = walk(machine, lookup)
    verdict = reach_verdict(machine, entry, parameters, stacks, lookup)
    return Analysis(
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
