"""What several dumps of one machine tell together that none of them tells alone.

Each relation is counted, not guessed: its text says over how many dumps it was seen. What it means is said with care,
for a pattern over a few crashes is a hint.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from smalldump.report.shown import counted, uptime
from smalldump.report.trace import Trace

__all__ = ["Machine", "Relation", "machines_of", "relations_of"]

_FEWEST_SCATTERED = 4
"""Dumps from which on many different failures are a pattern."""
_NO_FAILURE = frozenset({"user_initiated", "live_dump"})
_MOST_NAMED = 5  # drivers for one signature
_MOST_SIGNATURES = 10  # the most frequent ones are compared with the rest
_SOON = 300.0  # seconds after the start of Windows
_SPREAD = 0.1  # of the mean: uptimes that are nearer together than that look like a timer's work


class Relation(NamedTuple):
    """Something that several dumps have in common, or in which they differ.

    Attributes:
        name: The kind of relation: `same-signature`, `same-culprit`, `scattered`, `only-with-driver`,
            `since-version`, `soon-after-start`, `same-uptime`.
        text: The relation in a sentence.
        dumps: Names of the dumps that show it, by time.
    """

    name: str
    text: str
    dumps: tuple[str, ...]


class Machine(NamedTuple):
    """Dumps that seem to come from one machine: maker, model and processors are the same.

    Attributes:
        traces: Of its dumps, by time; those without a time first.
        relations: What they tell together, the most telling first.
    """

    traces: tuple[Trace, ...]
    relations: tuple[Relation, ...]

    @property
    def words(self) -> str:
        """How many dumps of what machine: `3 dumps of what seems to be one x64 machine: Maker Model, 8 processors`."""
        kind, vendor, product, processors, name, *_model = self.traces[0].machine
        many = processors and f"{processors} processor{'' if processors == '1' else 's'}"
        known = [part for part in (f"{vendor} {product}".strip(), many, name) if part]
        return f"{counted(len(self.traces), 'dump')} of what seems to be one {kind} machine: {', '.join(known)}"


def machines_of(traces: Iterable[Trace]) -> list[Machine]:
    """The machines that dumps come from, in the order of their first dumps; only those with more than one dump.

    Dumps that name neither maker, model nor processor are of no machine: too many have the same number of processors.
    """
    grouped: dict[tuple[str, ...], list[Trace]] = defaultdict(list)
    for trace in traces:
        if any((*trace.machine[1:3], *trace.machine[4:5])):
            grouped[trace.machine].append(trace)
    ordered = (tuple(sorted(group, key=_when)) for group in grouped.values() if len(group) > 1)
    return [Machine(group, relations_of(group)) for group in ordered]


def relations_of(traces: Sequence[Trace]) -> tuple[Relation, ...]:
    """What the dumps of one machine, by time, tell together."""
    failures = [trace for trace in traces if trace.kind not in _NO_FAILURE]
    if len(failures) < 2:
        return ()
    return tuple(relation for rule in _RULES for relation in rule(failures))


def _when(trace: Trace) -> tuple[bool, float]:
    return (trace.time is not None, trace.time.timestamp() if trace.time else 0.0)


def _same_signature(traces: Sequence[Trace]) -> Iterator[Relation]:
    for signature, members in _by(traces, lambda trace: trace.coarse):
        if len(members) > 1:
            text = f"{_of(members, traces)} failed in the same way ({signature}){_span(members)}."
            yield _relation("same-signature", text, members)


def _same_culprit(traces: Sequence[Trace]) -> Iterator[Relation]:
    for culprit, members in _by(traces, lambda trace: trace.culprit):
        codes = sorted({trace.code for trace in members})
        if len(codes) > 1:
            text = f"{culprit} is blamed in {_of(members, traces)}, for different bug checks: {', '.join(codes)}."
            yield _relation("same-culprit", text, members)


def _scattered(traces: Sequence[Trace]) -> Iterator[Relation]:
    # Failing memory or an unstable processor hits whatever runs: no bug check and no module comes back.
    codes = Counter(trace.code for trace in traces)
    places = Counter(trace.culprit or trace.place or "nt" for trace in traces)
    many = len(traces) >= _FEWEST_SCATTERED and len(codes) * 2 > len(traces) and len(places) * 2 > len(traces)
    if many and max(places.values()) * 2 <= len(traces):
        text = (
            f"{counted(len(traces), 'failure')} show {counted(len(codes), 'different bug check')} in "
            f"{counted(len(places), 'different module')}: failures that wander like this point to hardware "
            "(memory, processor, power) or to a driver that damages memory of others."
        )
        yield _relation("scattered", text, traces)


def _only_with_driver(traces: Sequence[Trace]) -> Iterator[Relation]:
    for signature, members in _by(traces, lambda trace: trace.coarse)[:_MOST_SIGNATURES]:
        others = [trace for trace in traces if trace.coarse != signature]
        if len(members) < 2 or not others:
            continue
        always = set.intersection(*(set(trace.drivers) for trace in members))
        elsewhere = {file for trace in others for file in trace.drivers}
        for file in sorted(always - elsewhere)[:_MOST_NAMED]:
            text = (
                f"{file} was loaded in all {len(members)} failures of {signature}, and in none of the other "
                f"{len(others)}."
            )
            yield _relation("only-with-driver", text, members)


def _since_version(traces: Sequence[Trace]) -> Iterator[Relation]:
    # A driver that changed exactly between the failures of another kind and those of this one.
    for signature, members in _by(traces, lambda trace: trace.coarse)[:_MOST_SIGNATURES]:
        before = [trace for trace in traces if trace.coarse != signature]
        if not before or None in {trace.time for trace in traces} or _when(before[-1]) >= _when(members[0]):
            continue
        for file in sorted(set(members[0].drivers) & set(before[-1].drivers))[:_MOST_NAMED]:
            old, new = {trace.drivers.get(file) for trace in before}, {trace.drivers.get(file) for trace in members}
            if not old & new and len(new) == 1:
                text = f"{signature} has come since {file} changed{_between(before[-1], members[0])}."
                yield _relation("since-version", text, members)


def _soon_after_start(traces: Sequence[Trace]) -> Iterator[Relation]:
    soon = [trace for trace in traces if trace.uptime is not None and trace.uptime <= _SOON]
    if len(soon) > 1 and len(soon) * 2 > len(traces):
        text = (
            f"{_of(soon, traces)} came within {uptime(_SOON)} after the start of Windows: what starts then, or a "
            "device that is set up then, is worth a look."
        )
        yield _relation("soon-after-start", text, soon)


def _same_uptime(traces: Sequence[Trace]) -> Iterator[Relation]:
    known = [trace for trace in traces if trace.uptime is not None and trace.uptime > _SOON]
    times = [trace.uptime for trace in known if trace.uptime is not None]
    if len(times) < 3 or len(times) < len(traces):
        return
    mean = sum(times) / len(times)
    if max(times) - min(times) <= 2 * _SPREAD * mean:
        text = f"All {len(times)} came about {uptime(mean)} after the start of Windows, as if something counted."
        yield _relation("same-uptime", text, known)


_RULES: tuple[Callable[[Sequence[Trace]], Iterator[Relation]], ...] = (
    _same_signature,
    _same_culprit,
    _scattered,
    _since_version,
    _only_with_driver,
    _soon_after_start,
    _same_uptime,
)


def _by(traces: Iterable[Trace], key: Callable[[Trace], str | None]) -> list[tuple[str, list[Trace]]]:
    """Groups with the same key, the largest first; dumps that have no key are in none."""
    groups: dict[str, list[Trace]] = defaultdict(list)
    for trace in traces:
        name = key(trace)
        if name is not None:
            groups[name].append(trace)
    return sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))


def _relation(name: str, text: str, traces: Sequence[Trace]) -> Relation:
    sentence = "All" + text[3:] if text.startswith("all ") else text
    return Relation(name, sentence, tuple(trace.name for trace in traces))


def _of(members: Sequence[Trace], traces: Sequence[Trace]) -> str:
    return f"all {len(traces)} dumps" if len(members) == len(traces) else f"{len(members)} of {len(traces)} dumps"


def _span(members: Sequence[Trace]) -> str:
    first, last = members[0].time, members[-1].time
    if first is None or last is None:
        return ""
    return f", from {first:%Y-%m-%d} to {last:%Y-%m-%d}" if first.date() != last.date() else f", on {first:%Y-%m-%d}"


def _between(before: Trace, after: Trace) -> str:
    first, last = before.time, after.time
    return "" if first is None or last is None else f", between {first:%Y-%m-%d %H:%M} and {last:%Y-%m-%d %H:%M}"
