"""Scrubbing: a dump that can be given away.

Everything is built anew from classes of data that the level permits (`Permitted`); nothing is kept because it looks
harmless. Blocks and blobs without a class are dropped, other bytes are zero. Source for what debuggers accept: format
reference §9.9, tried with Microsoft's engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from smalldump.layout.structures import StructureOffsets
from smalldump.model import Absent, Snapshot
from smalldump.model.absent import present
from smalldump.model.requests import Rank
from smalldump.writer.contents import Block, Contents
from smalldump.writer.scrub.blobs import scrub_blobs
from smalldump.writer.scrub.classes import Permitted, ScrubLevel, Tally, Withheld, weight
from smalldump.writer.scrub.header import scrub_counters, scrub_header, scrub_physical_memory
from smalldump.writer.scrub.memory import permitted_memory, scrub_blocks
from smalldump.writer.scrub.names import file_name, permitted_path, scrub_drivers, scrub_unloaded
from smalldump.writer.scrub.records import scrubbed_context, scrubbed_exception
from smalldump.writer.scrub.stack import Rules, StackEvidence, register_sets, scrub_stack
from smalldump.writer.scrub.structures import scrub_debugger_data, scrub_eprocess, scrub_ethread, scrub_kprcb
from smalldump.writer.scrub.values import Landmarks

__all__ = ["Scrubbed", "scrub"]


class Scrubbed(NamedTuple):
    """What a dump holds after scrubbing.

    Attributes:
        kept: Bytes that are not zero, by class, of what stayed.
        removed: Bytes that are not zero, by place, of what went.
    """

    level: ScrubLevel
    contents: Contents
    kept: Mapping[Permitted, int]
    removed: Mapping[Withheld, int]


def scrub(contents: Contents, machine: Snapshot, level: ScrubLevel, evidence: StackEvidence) -> Scrubbed:
    """Leave in `contents` only what `level` permits.

    Args:
        contents: Of the whole dump, before anything was given up for its size.
        machine: Where they come from.
        evidence: What a walk of the stack found out.
    """
    tally = Tally(level)
    rules = Rules(Landmarks(machine, level), evidence, tally)
    scrubbed = _without_names(_without_values(contents, machine, rules), tally)
    scrubbed = _without_memory(scrubbed, machine, rules)
    kept = {what: count for what in Permitted if (count := tally.kept[what])}
    removed = {where: count for where in Withheld if (count := tally.removed[where])}
    return Scrubbed(level, scrubbed, kept, removed)


def _without_values(contents: Contents, machine: Snapshot, rules: Rules) -> Contents:
    landmarks, _, tally = rules
    words = {} if isinstance(machine.debugger_data, Absent) else machine.debugger_data
    offsets = StructureOffsets(contents.machine.image_type, present(machine.system.build) or -1, words)
    context = scrubbed_context(contents.context, landmarks)
    exception = scrubbed_exception(contents.exception, landmarks)
    for source, kept in ((contents.context, context), (contents.exception, exception)):
        tally.keep(Permitted.REGISTERS, kept)
        tally.remove(Withheld.REGISTERS, source, weight(kept))
    return contents._replace(
        header=scrub_header(contents.header, landmarks, tally),
        counters=scrub_counters(contents.counters, contents.machine.bits, tally),
        physical_memory=scrub_physical_memory(contents.physical_memory, contents.machine.bits, tally),
        context=context,
        exception=exception,
        kprcb=scrub_kprcb(contents.kprcb, contents.kprcb_address, offsets, landmarks, tally),
        eprocess=scrub_eprocess(contents.eprocess, offsets, landmarks, tally),
        ethread=scrub_ethread(contents.ethread, offsets, landmarks, tally),
        debugger_data=scrub_debugger_data(contents.debugger_data, contents.machine, tally),
    )


def _without_names(contents: Contents, tally: Tally) -> Contents:
    tally.remove(Withheld.HEADER, contents.comment.encode("ascii", "replace"))
    return contents._replace(
        comment="",
        drivers=scrub_drivers(contents.drivers, contents.machine, tally),
        full_paths=contents.full_paths and tally.permits(Permitted.FOLDERS),
        broken_driver=_broken_driver(contents.broken_driver, tally),
        unloaded=None if contents.unloaded is None else scrub_unloaded(contents.unloaded, contents.machine, tally),
    )


def _broken_driver(path: str, tally: Tally) -> str:
    name = permitted_path(path) if tally.permits(Permitted.FOLDERS) else file_name(path)
    tally.removed[Withheld.NAMES] += len(path) - len(name)
    return name


def _without_memory(contents: Contents, machine: Snapshot, rules: Rules) -> Contents:
    sets = tuple(register_sets(machine, rules.landmarks))
    start = rules.landmarks.kernel(contents.stack_start)
    stack = scrub_stack(start, contents.stack if start else b"", sets, rules)
    # Code is code for certain only where a CALL ends, or an epilogue follows.
    proved = (address for address in stack.returns if rules.evidence.returns(address))
    blocks = contents.blocks
    if contents.data_page is not None:
        blocks = (*blocks, Block(*contents.data_page, "data page", "", Rank.OTHER))
    pieces = permitted_memory(machine, sets, proved, rules.evidence.unwind, rules.landmarks)
    return contents._replace(
        stack_start=start,
        stack=stack.data,
        data_page=None,
        blocks=scrub_blocks(blocks, pieces, rules.tally),
        blobs=scrub_blobs(contents.blobs, rules.landmarks, rules.tally),
    )
