"""Contributors: what they may add, and that a bad one costs nothing but its own part."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import smalldump
from smalldump.collect import contributors as room
from smalldump.collect.contributors import ENTRY_POINTS, Failure, asked_by_contributors, installed_contributors
from smalldump.model import Absent, Blob, Snapshot
from smalldump.model.requests import Contribution, DumpContributor, RangeRequest, Rank
from smalldump.sources.builder import SnapshotBuilder

EXAMPLE = Path(__file__).parents[2] / "examples" / "112226-8765-01.dmp"
GUID = "0f4a1d9e-5b7c-4f0e-9a8b-112233445566"
MACHINE = SnapshotBuilder().build()
HERE = 0xFFFFF80000400000


class Contributor:
    """A contributor with a given part."""

    def __init__(self, part: object, name: object = "wobble") -> None:
        self.part, self.name = part, name

    def contribute(self, machine: Snapshot) -> object:
        assert machine is MACHINE
        return self.part() if callable(self.part) else self.part


def asked(*found: object) -> tuple[list[RangeRequest], list[Blob], list[Failure]]:
    return asked_by_contributors(MACHINE, found)  # type: ignore[arg-type]


def ranges(*pairs: tuple[object, object]) -> Contribution:
    return Contribution([RangeRequest(address, size, "state") for address, size in pairs])  # type: ignore[arg-type]


def blob(guid: str, data: bytes = b"data") -> Contribution:
    return Contribution(blobs=[Blob(guid, memoryview(data), 99)])


GOOD = Contributor(
    Contribution([RangeRequest(HERE, 16, "state", "somebody", Rank.MANDATORY)], blob(GUID.upper()).blobs)
)


def test_a_good_one_asks_under_its_name() -> None:
    requests, blobs, failures = asked(GOOD)
    assert requests == [RangeRequest(HERE, 16, "state", "wobble", Rank.COMPONENT)]
    assert [(each.guid, bytes(each.data)) for each in blobs] == [(GUID, b"data")]
    assert not failures


def test_nothing_is_a_contribution() -> None:
    assert asked(Contributor(Contribution())) == ([], [], [])


def test_blobs_are_copied() -> None:
    shared = bytearray(b"before")
    _, blobs, _ = asked(Contributor(Contribution(blobs=[Blob(GUID, memoryview(shared), 0)])))
    shared[:] = b"after!"
    assert bytes(blobs[0].data) == b"before"


def _raise() -> Contribution:
    raise OSError("the device is gone")


BAD: dict[str, tuple[object, str]] = {
    "raises": (_raise, "OSError: the device is gone"),
    "gives nothing": (None, "AttributeError"),
    "GUID": (blob("wobble"), "ValueError: a blob's tag is not a GUID"),
    "GUID with braces": (blob(f"{{{GUID}}}"), "not a GUID"),
    "null GUID": (blob("00000000-0000-0000-0000-000000000000"), "not a GUID"),
    "text in a blob": (Contribution(blobs=[Blob(GUID, "text", 0)]), "TypeError"),  # type: ignore[arg-type]
    "size": (ranges((HERE, -1)), "does not lie in the address space"),
    "address": (ranges((-8, 8)), "does not lie in the address space"),
    "end": (ranges((0xFFFFFFFFFFFFFFFF, 2)), "does not lie in the address space"),
    "float": (ranges((1.5, 2)), "TypeError"),
    "many ranges": (ranges(*[(HERE, 1)] * 257), "257 ranges asked for, at most 256 are taken"),
    "many bytes": (ranges((HERE, 0x80000), (HERE, 0x80001)), "more than 1,048,576 bytes asked for"),
    "large blob": (blob(GUID, bytes(0x100001)), "more than 1,048,576 bytes asked for"),
}


@pytest.mark.parametrize(("part", "why"), BAD.values(), ids=list(BAD))
def test_a_bad_part_costs_only_itself(part: object, why: str) -> None:
    requests, blobs, failures = asked(Contributor(part, "bad"), GOOD)
    assert [request.owner for request in requests] == ["wobble"]
    assert [each.guid for each in blobs] == [GUID]
    assert [failure.name for failure in failures] == ["bad"]
    assert why in failures[0].why


@pytest.mark.parametrize("name", ["", " wobble", "wobble ", "w" * 65, "wöbble", "wob\nble", "wob\0ble", None])
def test_a_bad_name(name: object) -> None:
    requests, _, failures = asked(Contributor(ranges((HERE, 8)), name), GOOD)
    if name is None:
        assert [request.owner for request in requests] == ["None", "wobble"]
    else:
        assert [request.owner for request in requests] == ["wobble"]
        assert "the name is not 1 to 64 printable ASCII characters" in failures[0].why


def test_a_name_that_raises() -> None:
    class Nameless:
        @property
        def name(self) -> str:
            raise RuntimeError("no name")

        def contribute(self, machine: Snapshot) -> Contribution:
            return Contribution()

    assert asked(Nameless()) == ([], [], [Failure("Nameless", "RuntimeError: no name")])


def test_the_most_that_is_taken() -> None:
    requests, _, failures = asked(Contributor(ranges(*[(HERE, 0x1000)] * 256), "w" * 64))
    assert (len(requests), failures) == (256, [])


def test_failures_pass_through() -> None:
    failure = Failure("lost", "ImportError: lost")
    assert asked(failure, GOOD)[2] == [failure]


def test_one_that_wants_to_end_the_process_is_a_failure() -> None:
    def leave() -> object:
        raise SystemExit(7)

    requests, _, failures = asked(Contributor(leave, "quitter"), GOOD)
    assert [each.owner for each in requests] == ["wobble"]
    assert failures == [Failure("quitter", "SystemExit: 7")]


def test_ctrl_c_is_no_failure() -> None:
    def interrupted() -> object:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        asked(Contributor(interrupted))


# Entry points


class Loud(Contributor):
    """A contributor that is made without arguments."""

    def __init__(self) -> None:
        super().__init__(Contribution(), "loud")


def _entries(*targets: str) -> Callable[..., list[EntryPoint]]:
    def entry_points(*, group: str) -> list[EntryPoint]:
        assert group == ENTRY_POINTS == "smalldump.dump_contributors"
        return [EntryPoint(target.rpartition(":")[2].lower(), target, group) for target in targets]

    return entry_points


def _installed() -> Iterator[DumpContributor | Failure]:
    return installed_contributors()


def test_entry_points_name_contributors_and_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "entry_points", _entries(f"{__name__}:Loud", f"{__name__}:GOOD"))
    found = list(_installed())
    assert [type(each).__name__ for each in found] == ["Loud", "Contributor"]
    assert id(found[1]) == id(GOOD)


def test_entry_points_that_cannot_be_loaded_are_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    targets = ("no.such.module:thing", f"{__name__}:Missing", f"{__name__}:Contributor")
    monkeypatch.setattr(room, "entry_points", _entries(*targets))
    found = list(_installed())
    assert [each.name for each in found] == ["thing", "missing", "contributor"]
    assert [each.why.partition(":")[0] for each in found if isinstance(each, Failure)] == [
        "ModuleNotFoundError",
        "AttributeError",
        "TypeError",
    ]


PACKAGE = """
from smalldump.model import Blob
from smalldump.model.requests import Contribution, RangeRequest

class Gizmo:
    name = "Gizmo"

    def contribute(self, machine):
        code = RangeRequest(machine.registers.pc, 16, "the instruction that failed")
        return Contribution([code], [Blob("0f4a1d9e-5b7c-4f0e-9a8b-112233445566", memoryview(b"what we know"), 0)])

class Broken:
    name = "Broken"

    def contribute(self, machine):
        return machine.no_such_fact
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package as pip leaves it behind, with entry points that work, fail, and lead nowhere."""
    (tmp_path / "gizmo_dumps.py").write_text(PACKAGE)
    info = tmp_path / "gizmo_dumps-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: gizmo-dumps\nVersion: 1.0\n")
    targets = {"gizmo": "gizmo_dumps:Gizmo", "broken": "gizmo_dumps:Broken", "gone": "gizmo_elsewhere:Gone"}
    lines = [f"{name} = {target}" for name, target in targets.items()]
    (info / "entry_points.txt").write_text("\n".join([f"[{ENTRY_POINTS}]", *lines]))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "gizmo_dumps", raising=False)


@pytest.mark.usefixtures("package")
def test_an_installed_package_is_asked_for_every_dump(tmp_path: Path) -> None:
    written = smalldump.write(EXAMPLE, to=tmp_path / "new.dmp")
    assert written.failures == (
        Failure("Broken", "AttributeError: 'SmallDump' object has no attribute 'no_such_fact'"),
        Failure("gone", "ModuleNotFoundError: No module named 'gizmo_elsewhere'"),
    )
    with smalldump.open(EXAMPLE) as source, smalldump.open(written.path) as again:
        assert not isinstance(source.registers, Absent)
        asked_for = [(each.component, each.address, each.size) for each in again.requests]
        assert ("Gizmo", source.registers.pc, 16) in asked_for
        assert len(again.requests) == len(source.requests) + 1
        assert [bytes(each.data) for each in again.blobs if each.guid == GUID] == [b"what we know"]


def test_nothing_is_installed_by_us() -> None:
    assert not [each for each in installed_contributors() if getattr(each, "name", "").startswith("smalldump")]
