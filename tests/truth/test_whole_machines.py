"""Whole machines against the small dumps that Microsoft's engine made of them: the same facts, out of the pages.

What differs, and why: the engine keeps no more of a stack and of a debugger data block than its own limits; leaves out
drivers behind a break of their list and those without room; cuts names of unloaded drivers; stores selectors with their
privilege level; and in place of the header's floating-point state writes its own.
"""

from __future__ import annotations

import lzma
from pathlib import Path
from typing import NamedTuple

import pytest

from smalldump.checking import FileState, check
from smalldump.model import Absent, Module, Registers, StackWindow
from smalldump.sources.big import BigDump
from smalldump.sources.crashed_processor import Sign
from smalldump.sources.small import SmallDump
from tests.sources.reading import known

NAMES = [
    "srv03_sp2_3790",
    "win10_10240",
    "win10_19041",
    "win10_19041_live",
    "win10_x64_10240",
    "win10_x64_19041_cut",
    "win10_x64_19041_loop",
    "win10_x64_19041_nocontext",
    "win10_x64_19041_overflow",
    "win11_x64_22621_7e",
    "win7_sp1_7601",
    "win7_sp1_7601_badlist",
    "win7_sp1_7601_dpc",
    "win7_sp1_7601_nopae",
    "win7_x64_7601",
    "win81_9600",
    "win8_x64_9200",
    "xp_sp3_2600_fromsummary",
    "xp_sp3_2600_nopae",
    "xp_sp3_2600_overflow",
    "xp_sp3_2600_pae",
    "xp_sp3_2600_pae_50unl",
]
BROKEN_LISTS = {"win10_x64_19041_cut", "win10_x64_19041_loop", "win7_sp1_7601_badlist"}
NO_ROOM = {"win10_x64_19041_overflow", "xp_sp3_2600_overflow"}
NO_BLOCKS = NO_ROOM | {"win10_x64_19041_loop"}
_SELECTORS = {"gdt_r3_code", "gdt_r3_data", "gdt64_r3_cm_code", "gdt64_r3_cm_teb"}
_ENGINE_BLOCK = 0x368  # bytes of a debugger data block that this engine knows


class Pair(NamedTuple):
    """A machine and what the engine made of it."""

    name: str
    big: BigDump
    small: SmallDump


@pytest.fixture(scope="module", params=NAMES)
def pair(request: pytest.FixtureRequest, samples: Path) -> Pair:
    name, folder = request.param, samples / "engine-written"
    whole = lzma.decompress((folder / f"{name}.full.dmp.xz").read_bytes())
    small = (folder / f"{name}.small.dmp").read_bytes()
    return Pair(name, BigDump(memoryview(whole), name), SmallDump(memoryview(small)))


def test_system(pair: Pair) -> None:
    assert pair.big.system == pair.small.system
    if pair.name not in NO_BLOCKS:
        assert pair.big.build_lab == pair.small.build_lab


def test_bug_check(pair: Pair) -> None:
    ours, theirs = pair.big.bug_check, pair.small.bug_check
    assert (ours.code, ours.parameters) == (theirs.code, theirs.parameters)
    assert pair.big.exception == pair.small.exception


def test_processor_process_and_thread(pair: Pair) -> None:
    ours, theirs = known(pair.big.processor), known(pair.small.processor)
    assert ours._replace(address=0) == theirs._replace(address=0)
    assert pair.name in NO_BLOCKS or ours.address == theirs.address
    assert pair.big.process == pair.small.process
    assert pair.big.thread == pair.small.thread


def test_the_processor_that_crashed(pair: Pair) -> None:
    assert pair.big.crashed is not None
    assert pair.big.crashed.sign is Sign.REGISTERS
    assert pair.big.crashed.state.number == known(pair.small.processor).number


def test_other_processors(pair: Pair) -> None:
    states = pair.small.processors
    for theirs in () if isinstance(states, Absent) else states:
        (ours,) = (state for state in known(pair.big.processors) if state.number == theirs.number)
        assert (ours.crashed, ours.prcb) == (theirs.crashed, theirs.prcb)
        if not isinstance(theirs.thread, Absent):
            assert (ours.thread, ours.idle) == (theirs.thread, theirs.idle)


@pytest.mark.parametrize("which", ["header", "prcb", "crash"])
def test_registers(pair: Pair, which: str) -> None:
    ours, theirs = getattr(pair.big.contexts, which), getattr(pair.small.contexts, which)
    if isinstance(theirs, Absent) or (which == "header" and pair.small.bug_check.stored_code >> 28):
        return  # the engine put the failure's registers into the header
    assert _integers(ours) == _integers(theirs)


def _integers(registers: Registers) -> dict[str, int]:
    return {name: value for name, value in registers.values.items() if name != "fpcw"}


def test_stack(pair: Pair) -> None:
    ours, theirs = known(pair.big.stack), known(pair.small.stack)
    assert ours.start == theirs.start
    assert bytes(ours.data)[: len(theirs.data)] == bytes(theirs.data)
    assert _missing(ours) == 0


def _missing(stack: StackWindow) -> int:
    return 0 if isinstance(stack.cut, Absent) else stack.cut


def test_modules(pair: Pair) -> None:
    ours, theirs = list(map(_facts, pair.big.modules)), list(map(_facts, pair.small.modules))
    if pair.name in BROKEN_LISTS | NO_ROOM:
        assert ours[: len(theirs)] == theirs
        assert len(ours) > len(theirs)
    else:
        assert ours == theirs


def _facts(module: Module) -> tuple[object, ...]:
    return module.name, module.path, module.base, module.size, module.timestamp, module.checksum


def test_unloaded_modules(pair: Pair) -> None:
    ours, theirs = known(pair.big.unloaded_modules), known(pair.small.unloaded_modules)
    assert [(each.name[:12], each.base, each.end) for each in ours] == [
        (each.name, each.base, each.end) for each in theirs
    ]


def test_debugger_data(pair: Pair) -> None:
    ours, theirs = known(pair.big.debugger_data), known(pair.small.debugger_data)
    for name, value in theirs.items():
        if name not in _SELECTORS and not (name == "pte_base" and not value):
            assert ours[name] == value, name
    assert ours.keys() >= theirs.keys()


def test_structures(pair: Pair) -> None:
    for kind in ("KPRCB", "EPROCESS", "ETHREAD"):
        ours, theirs = (bytes(each.structures[kind].data) for each in (pair.big, pair.small))
        assert ours[: len(theirs)] == theirs, kind
        assert len(ours) == len(theirs) or (kind == "KPRCB" and pair.big.system.build == 2600)


def test_counters_of_the_memory_manager(pair: Pair) -> None:
    ours, theirs = known(pair.big.memory_manager), known(pair.small.memory_manager)
    for name, value in theirs.items():
        if value and name not in ("version", "size"):
            assert ours[name] == value, name


def test_the_file_is_whole(pair: Pair) -> None:
    result = check(pair.big.file.data, pair.name)
    assert result.state is FileState.WHOLE
    broken = "module-list-broken" in {finding.code for finding in result.findings}
    assert broken == (pair.name in BROKEN_LISTS)
