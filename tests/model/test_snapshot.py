"""A Snapshot that no source fills: everything is absent, nothing fails."""

from __future__ import annotations

from functools import cached_property

import pytest

from smalldump.errors import MemoryUnavailable
from smalldump.model import Absent, Snapshot, System, UnloadedModule
from smalldump.model.machine import X64

_ABSENT = (
    "build_lab bug_check dump exception processor process thread registers stack unloaded_modules broken_driver "
    "debugger_data memory_manager data_page"
)
_EMPTY = "modules structures data_blocks blobs requests"


class Some(Snapshot):
    """A source that knows the machine and one unloaded driver."""

    @cached_property
    def system(self) -> System:
        return System(X64, 19041, False, 4, *[Absent.NOT_CAPTURED] * 5)

    @cached_property
    def unloaded_modules(self) -> tuple[UnloadedModule, ...]:
        return (UnloadedModule("new.sys", 0x1000, 0x2000, False), UnloadedModule("old.sys", 0x1800, 0x3000, False))


@pytest.mark.parametrize("name", _ABSENT.split())
def test_what_no_source_gives_is_absent(name: str) -> None:
    assert getattr(Snapshot(), name) is Absent.NOT_CAPTURED


@pytest.mark.parametrize("name", _EMPTY.split())
def test_lists_are_empty(name: str) -> None:
    assert len(getattr(Snapshot(), name)) == 0


def test_every_source_knows_its_machine() -> None:
    with pytest.raises(NotImplementedError):
        _ = Snapshot().system
    assert Some().machine is X64


def test_memory_is_empty() -> None:
    memory = Snapshot().memory
    assert memory.read_some(0x1000, 16) == b""
    with pytest.raises(MemoryUnavailable):
        memory.read(0x1000, 1)


def test_the_most_recently_unloaded_comes_first() -> None:
    found = [Some().unloaded_at(address) for address in (0x1000, 0x1900, 0x2000, 0x3000)]
    assert [module.name if module else None for module in found] == ["new.sys", "new.sys", "old.sys", None]
    assert Snapshot().unloaded_at(0x1000) is None


def test_a_context_manager() -> None:
    with Some() as machine:
        assert machine.unloaded_modules
