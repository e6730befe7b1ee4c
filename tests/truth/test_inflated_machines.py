"""Real small dumps, inflated to whole machines and saved as every kind of dump and image: each tells the same again.

First the machine is read, then it is written as a small dump, and that is read; both times against the original. What
differs, and why, is said where it is compared.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

import smalldump
from smalldump.analysis import analyse
from smalldump.checking import FileState, check
from smalldump.model import Absent, Module, Registers, Snapshot
from smalldump.sources.small import SmallDump
from tests.sources.reading import known
from tests.truth.inflating import Inflated

HEADED = {
    "complete": ("complete_dump", {}),
    "kernel": ("summary_dump", {}),
    "bitmap-full": ("bitmap_dump", {"kind": 5}),
    "bitmap-kernel": ("bitmap_dump", {"kind": 6}),
    "rdmp-8": ("rdmp_dump", {"kind": 8}),
    "rdmp-9": ("rdmp_dump", {"kind": 9}),
    "rdmp-10": ("rdmp_dump", {"kind": 10}),
}
BARE = {"elf": "elf_core", "kdump": "kdump", "lime": "lime_image"}
SAMPLES = [
    "013b919e92ad",
    "2a786d7f51b9",
    "2fb0f8e64cd6",
    "3a379fd875c4",
    "3dd630b7556b",
    "65a555df4d43",
    "6875e8ff013e",
    "69eaecec2a6b",
    "6af77360bdb5",
    "7434ec5f95c6",
    "7e9deb48efff",
    "8207dfef5c3d",
    "a1c027fe562c",
    "a5b557aadf0f",
    "bacb9ffd67a7",
    "bb630205b2b2",
    "c2caa2244b98",
    "c2ff86b50f3d",
    "d2813ccea3a3",
    "db7cd1d63776",
    "dd72958fd349",
]
ARM64 = {"a1c027fe562c"}
# The kernel's writer has put the registers of the failure in the place of those at KeBugCheckEx. A machine's memory
# without a header has the latter only, and nobody knows them; with a header, the stack begins at the former.
REWOUND = {"db7cd1d63776"}
_SELECTORS = {"cs", "ss", "ds", "es", "fs", "gs"}


@cache
def original(name: str, samples: Path) -> SmallDump:
    return SmallDump(memoryview((samples / "dumps" / f"{name}.dmp").read_bytes()), f"{name}.dmp")


@cache
def inflated(name: str, samples: Path) -> Inflated:
    return Inflated(original(name, samples))


class Trip(NamedTuple):
    """The way of one dump through one format.

    Attributes:
        form: The format.
        small: The original.
        big: The machine read from it.
        again: The small dump written of that.
    """

    form: str
    small: SmallDump
    big: Snapshot
    again: SmallDump

    @property
    def headed(self) -> bool:
        return self.form in HEADED

    @property
    def both(self) -> tuple[Snapshot, Snapshot]:
        return self.big, self.again


def _forms() -> list[tuple[str, str]]:
    forms = [*HEADED, *BARE, "raw"]
    return [(name, form) for name in SAMPLES for form in forms if form in HEADED or name not in ARM64 | REWOUND]


def _save(machine: Inflated, form: str, path: Path) -> None:
    if form == "raw":
        machine.save_raw(path)
    elif form in BARE:
        path.write_bytes(machine.bare(BARE[form]))
    else:
        build, facts = HEADED[form]
        path.write_bytes(machine.headed(build, **facts))


def same_facts(trip: Trip) -> None:
    for machine in trip.both:
        for fact in ("process", "thread", "processor", "debugger_data"):
            assert getattr(machine, fact) == getattr(trip.small, fact), fact
        if not isinstance(trip.small.build_lab, Absent):
            assert machine.build_lab == trip.small.build_lab


def same_bug_check(trip: Trip) -> None:
    for machine in trip.both:
        assert known(machine.bug_check) == trip.small.bug_check
        if trip.headed:
            assert machine.exception == trip.small.exception


def same_system_and_moment(trip: Trip) -> None:
    for machine in trip.both:
        ours, theirs = machine.system, trip.small.system
        if isinstance(ours.checked, Absent):  # without a header only the build's name tells it
            ours = ours._replace(checked=theirs.checked)
            assert isinstance(trip.small.build_lab, Absent)
        assert ours == theirs
        dump, first = known(machine.dump), known(trip.small.dump)
        assert (dump.time, dump.uptime) == (first.time, first.uptime)


def same_registers(trip: Trip) -> None:
    theirs = _integers(known(trip.small.registers))
    for machine in trip.both:
        ours = _integers(known(machine.registers))
        common = ours.keys() & theirs.keys() - ({*_SELECTORS, "efl"} if not trip.headed else set())
        assert {"rip", "rsp"} <= common or {"pc", "sp"} <= common
        assert {name: ours[name] for name in common} == {name: theirs[name] for name in common}


def _integers(registers: Registers) -> dict[str, int]:
    return dict(registers.values)


def same_stack(trip: Trip) -> None:
    theirs = known(trip.small.stack)
    for machine in trip.both:
        ours = known(machine.stack)
        lost = ours.start - theirs.start
        assert lost == 0 or (lost > 0 and trip.small.name[:-4] in REWOUND)
        size = min(len(ours.data), len(theirs.data) - lost)
        assert bytes(ours.data)[:size] == bytes(theirs.data)[lost : lost + size]
        whole = not isinstance(theirs.cut, Absent)  # other stacks than the thread's end where the kernel says
        assert size == len(theirs.data) - lost or not whole


def same_modules(trip: Trip) -> None:
    for machine in trip.both:
        assert list(map(_driver, machine.modules)) == list(map(_driver, trip.small.modules))
        ours, theirs = known(machine.unloaded_modules), known(trip.small.unloaded_modules)
        assert [(each.name, each.base, each.end) for each in ours] == [
            (each.name, each.base, each.end) for each in theirs
        ]


def _driver(module: Module) -> tuple[object, ...]:
    return module.name, module.path, module.base, module.size, module.timestamp, module.checksum


def same_counters(trip: Trip) -> None:
    theirs = known(trip.small.memory_manager)
    ours = known(trip.big.memory_manager)
    assert len(ours) > 1
    assert {name: theirs[name] for name in ours} == ours


def same_memory(trip: Trip) -> None:
    """What is in the new dump is what was in the old one, wherever both have bytes."""
    compared = 0
    for start, end, segment in trip.again.memory.pieces():
        data = bytes(segment.data[start - segment.address : end - segment.address])
        was = trip.small.memory.try_read(start, end - start)
        assert was is None or was == data
        compared += len(was or b"")
    assert compared > 10_000


def same_verdict_and_bucket(trip: Trip) -> None:
    first = analyse(trip.small)
    for machine in trip.both:
        found = analyse(machine)
        assert found.verdict.culprit == first.verdict.culprit
        assert found.verdict.kind == first.verdict.kind
        assert found.bucket is not None
        assert first.bucket is not None
        assert found.bucket[:2] == first.bucket[:2]
        assert known_coarse(found) == known_coarse(first)


def known_coarse(analysis: object) -> str:
    signature = getattr(analysis, "signature", None)
    assert signature is not None
    return str(signature.coarse)


def whole_file(trip: Trip) -> None:
    assert check(trip.again.file.data, "again.dmp").state is FileState.WHOLE


COMPARISONS = (
    same_facts,
    same_bug_check,
    same_system_and_moment,
    same_registers,
    same_stack,
    same_modules,
    same_counters,
    same_memory,
    same_verdict_and_bucket,
    whole_file,
)


@pytest.mark.parametrize(("name", "form"), _forms(), ids=lambda part: part)
def test_a_machine_tells_the_same_again(name: str, form: str, samples: Path, tmp_path: Path) -> None:
    path, written = tmp_path / "machine", tmp_path / "small.dmp"
    _save(inflated(name, samples), form, path)
    with smalldump.open(path) as big:
        smalldump.write(big, to=written)
        trip = Trip(form, original(name, samples), big, SmallDump(memoryview(written.read_bytes())))
        for compare in COMPARISONS:
            compare(trip)
    path.unlink()
