"""Every byte of a scrubbed dump is claimed, and each claim holds nothing but what the level permits."""

from __future__ import annotations

import pytest

from smalldump.compose import compose
from smalldump.sources.small import SmallDump
from smalldump.writer.scrub import ScrubLevel
from tests.writer.scrub_planting import MACHINES, planted
from tests.writer.scrub_walking import strangers


@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.parametrize("level", ScrubLevel)
@pytest.mark.parametrize("size", [None, 0x18000])
def test_every_byte_belongs_to_a_permitted_class(name: str, level: ScrubLevel, size: int | None) -> None:
    source = SmallDump(memoryview(planted(name).bytes))
    assert strangers(source, compose(source, scrub_level=level, size=size).data(), level) == []


@pytest.mark.parametrize("name", MACHINES)
def test_the_walk_finds_what_was_not_scrubbed(name: str) -> None:
    source = SmallDump(memoryview(planted(name).bytes))
    odd = strangers(source, compose(source, size=0x100000).data(), ScrubLevel.STACK)
    kinds = {entry.rpartition(" ")[0] for entry in odd}
    wanted = {"CONTEXT", "KPRCB", "EPROCESS", "ETHREAD", "call stack", "driver name", "comment"}
    assert wanted <= kinds
    assert name == "Windows 2000" or {"debugger data block", "blob"} <= kinds


@pytest.mark.parametrize("name", ["x64", "x86"])
def test_the_walk_tells_the_levels_apart(name: str) -> None:
    source = SmallDump(memoryview(planted(name).bytes))
    loose = compose(source, scrub_level=ScrubLevel.STACK).data()
    assert strangers(source, loose, ScrubLevel.STACK) == []
    assert strangers(source, loose, ScrubLevel.FACTS) != []
