"""Who claims which byte of a small dump: every range of the file with its name, and what nobody claims.

Claims and unclaimed ranges together cover the file, each byte once. Where two claims meet the earlier kind wins
(headers, sections, driver names, data blocks, blobs); what the loser lost is told by `FileLayout.overlaps`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from smalldump.checking.claimants import LEFTOVERS, Claim, primary_claims, secondary_claims
from smalldump.checking.content import Content, content_of, data_end
from smalldump.checking.evidence import reserved_driver_slots
from smalldump.layout.triage import MARKER
from smalldump.memory import RangeMap
from smalldump.sources.triage_file import TriageFile

__all__ = ["Claim", "FileLayout", "Overlap", "Unclaimed", "claims", "file_layout", "unclaimed"]

_ALIGNMENT = 8


class Overlap(NamedTuple):
    """A claim of which others hold a part; `lost` counts those bytes.

    Not always damage: writers let data blocks share the bytes of a section instead of copying them.
    """

    claim: Claim
    lost: int


class Unclaimed(NamedTuple):
    """A range `[start, end)` of the file that nothing explains, and what is there."""

    start: int
    end: int
    content: Content


class FileLayout(NamedTuple):
    """The whole file, ascending by file offset.

    Attributes:
        claims: They never overlap; a claim that others interrupt comes in pieces.
        overlaps: The claims that lost bytes to others, in order of precedence.
        unclaimed: The rest.
    """

    claims: tuple[Claim, ...]
    overlaps: tuple[Overlap, ...]
    unclaimed: tuple[Unclaimed, ...]


def claims(file: TriageFile) -> list[Claim]:
    """The claims on a file, ascending, never overlapping."""
    return list(file_layout(file).claims)


def unclaimed(file: TriageFile) -> list[Unclaimed]:
    """The ranges of a file that nothing claims, ascending."""
    return list(file_layout(file).unclaimed)


def file_layout(file: TriageFile) -> FileLayout:
    """Divide a file among its claims. Takes O(n log n) for n claims; their number is bounded."""
    size = len(file.data)
    wanted = _inside([*primary_claims(file), *secondary_claims(file)], size)
    first = RangeMap((claim.start, claim.end, index) for index, claim in enumerate(wanted))
    explained = list(_explanations(file, list(first.gaps(0, size))))
    pieces = [Claim(start, end, *wanted[index][2:]) for start, end, index in first]
    held: Counter[int] = Counter()
    for start, end, index in first:
        held[index] += end - start
    lost = ((claim, claim.end - claim.start - held[index]) for index, claim in enumerate(wanted))
    overlaps = (Overlap(claim, count) for claim, count in lost if count and claim.name not in LEFTOVERS)
    everything = sorted([*pieces, *explained])
    rest = RangeMap((claim.start, claim.end, None) for claim in everything).gaps(0, size)
    return FileLayout(
        tuple(everything),
        tuple(overlaps),
        tuple(Unclaimed(start, end, content_of(file.data, start, end)) for start, end in rest),
    )


def _inside(wanted: list[Claim], size: int) -> list[Claim]:
    cut = (Claim(claim.start, min(claim.end, size), *claim[2:]) for claim in wanted if claim.start >= 0)
    return [claim for claim in cut if claim.start < claim.end]


def _explanations(file: TriageFile, gaps: list[tuple[int, int]]) -> Iterator[Claim]:
    # What lies between claims for a reason: alignment, slots kept free, zeros up to the end marker.
    if file.triage is None:
        return
    marker, slots = file.triage.valid_offset, reserved_driver_slots(file)
    starts = {promise.offset for promise in file.promises}
    drivers = file.sections.get("driver list")
    for start, end in gaps:
        zeros = data_end(file.data, start, end) if end <= marker else end
        if slots and drivers is not None and start == drivers.end:
            yield Claim(start, end, "reserved driver slots", f"for {slots} drivers whose names found no room")
        elif end == marker:
            yield from _before_the_marker(file, start, zeros, end)
        elif zeros == start and end - start < _ALIGNMENT and end in starts:
            yield Claim(start, end, "alignment")


def _before_the_marker(file: TriageFile, start: int, zeros: int, end: int) -> Iterator[Claim]:
    # In kernel-written dumps an earlier marker stands where the dump would have ended without the zeros.
    earlier = zeros - len(MARKER)
    if earlier >= start and file.view(earlier, len(MARKER)) == MARKER:
        yield Claim(earlier, zeros, "earlier end marker", "only the one at ValidOffset counts")
    if zeros < end:
        yield Claim(zeros, end, "slack", "zeros up to the end marker")
