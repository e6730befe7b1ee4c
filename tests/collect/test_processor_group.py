"""The KiProcessorBlock group: whole or not at all."""

from __future__ import annotations

import pytest

from smalldump.collect.processor_group import processor_group
from smalldump.compose import compose
from smalldump.model import Absent, Snapshot
from smalldump.model.machine import ARM64, X64, X86
from smalldump.model.requests import Rank
from smalldump.sources.builder import SnapshotBuilder
from smalldump.sources.small import SmallDump
from smalldump.writer import MODERN

KPRCB = 0xFFFFF80002000000
ARRAY = 0xFFFFF80000602000


def group(machine: Snapshot) -> dict[str, tuple[int, int]]:
    requests = list(processor_group(machine))
    assert {request.rank for request in requests} <= {Rank.PROCESSOR_GROUP}
    return {request.why: (request.address, request.size) for request in requests}


def test_what_belongs_to_it() -> None:
    machine = SnapshotBuilder(processors=3).build()
    assert group(machine) == {
        "KiProcessorBlock": (ARRAY, 24),
        "KPRCB": (KPRCB, 0xAF00),
        "PRCB.Context": (0xFFFFF80002100000, 0x4D0),
    }


def test_before_windows_7_there_is_no_frozen_context() -> None:
    found = group(SnapshotBuilder(machine=X86, build_number=2600, processors=2).build())
    assert found == {"KiProcessorBlock": (0x80602000, 8), "KPRCB": (0x82000000, 0xC50)}


@pytest.mark.parametrize(("machine", "build", "size"), [(X86, 7601, 0x2CC), (ARM64, 22000, 0x390), (X64, 9600, 0x4D0)])
def test_the_context_has_the_size_of_its_machine(machine: object, build: int, size: int) -> None:
    found = group(SnapshotBuilder(machine=machine, build_number=build).build())  # type: ignore[arg-type]
    assert found["PRCB.Context"][1] == size


WHOLE = SnapshotBuilder(processors=2)
LACKING = {
    "no context": WHOLE.with_(prcb_registers=Absent.NOT_CAPTURED),
    "no KPRCB": WHOLE.with_(structures={"KPRCB": b""}),
    "no debugger data": WHOLE.with_(structures={"KDDEBUGGER_DATA64": b""}),
    "no array": WHOLE.with_(debugger_words={"ki_processor_block": 0}),
    "entry of 0": WHOLE.with_(processors=2, debugger_words={"ki_processor_block": 0xFFFFF80009000000}),
}


@pytest.mark.parametrize("builder", LACKING.values(), ids=list(LACKING))
def test_nothing_of_it_without_all_of_it(builder: SnapshotBuilder) -> None:
    machine = builder.build()
    if builder is LACKING["entry of 0"]:
        machine.memory = WHOLE.build().memory  # which has nothing where the array should be
    assert group(machine) == {}


def test_too_many_processors_are_not_believed() -> None:
    machine = SnapshotBuilder().build()
    machine.system = machine.system._replace(processors=4096)
    assert group(machine) == {}


def test_a_shortened_kprcb_takes_the_pointer_along() -> None:
    data = compose(SnapshotBuilder().build(), profile=MODERN, size=25_000).data()
    machine = SmallDump(memoryview(data))
    assert len(machine.structures["KPRCB"].data) == 0x700
    assert group(machine) == {
        "KiProcessorBlock": (ARRAY, 8),
        "KPRCB": (KPRCB, 0x700),
        "PRCB.Context pointer": (KPRCB + 0x85C0, 8),
        "PRCB.Context": (0xFFFFF80002100000, 0x4D0),
    }
