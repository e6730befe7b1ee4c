"""The analysis of one machine: everything that was worked out about it."""

from __future__ import annotations

from typing import NamedTuple

from smalldump.analysis.bucket import Bucket
from smalldump.analysis.objects import StopObject
from smalldump.analysis.parameters import Parameter
from smalldump.analysis.remarks import Failure, Remark
from smalldump.analysis.signature import Signature
from smalldump.analysis.verdict import Verdict
from smalldump.knowledge.catalog import BugCheckEntry
from smalldump.unwind import Stacks

__all__ = ["Analysis"]


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
        remarks: What plug-ins and lists of known issues say.
        failures: Plug-ins that failed.
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
    remarks: tuple[Remark, ...] = ()
    failures: tuple[Failure, ...] = ()
