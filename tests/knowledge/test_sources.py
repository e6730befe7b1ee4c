"""The sources that people edit, and that the shipped tables say the same."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest
from tools import build_knowledge

from smalldump.knowledge.catalog import BugCheckEntry, ParameterEntry, SubCode, all_bug_check_codes, listed_entry
from smalldump.knowledge.conditions import Condition
from smalldump.knowledge.table import table_path

KINDS = frozenset(
    {
        "access-type",
        "address-code",
        "address-data",
        "exception-code",
        "flags",
        "integer",
        "irql",
        "ntstatus",
        "process-id",
        "reserved",
        "unknown",
    }
)
CAUSES = frozenset(
    {
        "corruption",
        "driver",
        "firmware",
        "gpu",
        "hardware",
        "memory",
        "os",
        "power",
        "security",
        "storage",
        "user-initiated",
    }
)
UNDOCUMENTED = [{"kind": "unknown", "meaning": "Not documented"}] * 4


@pytest.fixture(scope="module")
def sources() -> dict[int, dict[str, Any]]:
    """Every bug check of the TOML files by its code."""
    files = build_knowledge.BUG_CHECKS.glob("*.toml")
    entries = [entry for file in files for entry in tomllib.loads(file.read_text(encoding="utf-8"))["bug_check"]]
    return {entry["code"]: entry for entry in entries}


@pytest.mark.parametrize(("name", "text"), build_knowledge.tables().items(), ids=lambda value: value[:14])
def test_derived_tables_are_fresh(name: str, text: str) -> None:
    shipped = table_path(name).read_text(encoding="ascii")
    assert shipped == text, "run python tools/build_knowledge.py and commit the result"


def test_files_hold_the_codes_of_their_names() -> None:
    for file in build_knowledge.BUG_CHECKS.glob("0x*.toml"):
        first, last = (int(word, 16) for word in file.stem.split("-"))
        codes = [entry["code"] for entry in tomllib.loads(file.read_text(encoding="utf-8"))["bug_check"]]
        assert codes == sorted(codes)
        assert first <= codes[0]
        assert codes[-1] <= last


def test_the_catalog_says_what_the_sources_say(sources: dict[int, dict[str, Any]]) -> None:
    assert set(sources) == set(all_bug_check_codes())
    for code, source in sources.items():
        entry = listed_entry(code)
        assert entry is not None
        assert (entry.code, entry.name, entry.summary) == (code, source["name"], source["summary"])
        assert entry.parameters == _parameters(source.get("parameters", UNDOCUMENTED))
        assert (entry.causes, entry.note) == (tuple(source["causes"]), source.get("note"))
        assert (entry.source, entry.doc) == (source["source"], source.get("doc"))
        assert entry.live_dump == source.get("live_dump", False)
        assert entry.message_only == source.get("message_only", False)
        assert entry.variant_of == source.get("variant_of")
        assert entry.aliases == tuple(source.get("aliases", ()))
        assert _culprit(entry) == source.get("culprit")


def test_sub_codes_say_what_the_sources_say(sources: dict[int, dict[str, Any]]) -> None:
    total = 0
    for code, source in sources.items():
        entry = listed_entry(code)
        assert entry is not None
        written = source.get("subcode", [])
        assert len(entry.subcodes) == len(written)
        total += len(written)
        for subcode, said in zip(entry.subcodes, written, strict=True):
            assert subcode.meaning == said["meaning"]
            assert _when(subcode) == said["when"]
            own = said.get("parameters")
            assert subcode.parameters == (entry.parameters if own is None else _parameters(own))
            assert _culprit(subcode) == said.get("culprit")
    assert total == 1574


def test_every_sub_code_can_be_reached(sources: dict[int, dict[str, Any]]) -> None:
    for code in sources:
        entry = listed_entry(code)
        assert entry is not None
        for subcode in entry.subcodes:
            parameters = [0, 0, 0, 0]
            for condition in subcode.when:
                parameters[condition.param - 1] = condition.values[0]
            matched = entry.match(parameters)
            assert matched is not None
            assert matched == subcode or len(matched.when) >= len(subcode.when)


def test_conditions_are_unique_within_a_bug_check(sources: dict[int, dict[str, Any]]) -> None:
    for code in sources:
        entry = listed_entry(code)
        assert entry is not None
        selectors = [frozenset(subcode.when) for subcode in entry.subcodes]
        assert len(selectors) == len(set(selectors)), f"{code:#x}"


def test_kinds_and_causes_are_from_the_closed_lists(sources: dict[int, dict[str, Any]]) -> None:
    for source in sources.values():
        assert source["causes"]
        assert set(source["causes"]) <= CAUSES
        assert source["source"] in {"docs", "docs-no-parameters", "header-only"}
        assert re.fullmatch(r"[A-Z][A-Z0-9_]+", source["name"])
        for part in [source, *source.get("subcode", [])]:
            kinds = [parameter["kind"] for parameter in part.get("parameters", UNDOCUMENTED)]
            kinds += [part["culprit"]["kind"]] if "culprit" in part else []
            assert all(kind in KINDS or re.fullmatch(r"pointer:[a-z0-9_]+", kind) for kind in kinds), source["name"]


def test_texts_are_short(sources: dict[int, dict[str, Any]]) -> None:
    for source in sources.values():
        texts = [source["summary"], source.get("note", "-")]
        for part in [source, *source.get("subcode", [])]:
            texts += [part.get("meaning", "-"), part.get("culprit", {"how": "-"})["how"]]
            texts += [parameter["meaning"] for parameter in part.get("parameters", ())]
        assert all(0 < len(text) <= 160 for text in texts), source["name"]


def test_mistakes_are_reported(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_knowledge, "BUG_CHECKS", tmp_path)
    head = '[[bug_check]]\ncode = 1\nname = "A"\nsummary = "{}"\ncauses = ["os"]\nsource = "docs"\n'
    cases = {
        "stand twice: 0x1": head.format("x") * 2,
        "unknown keys colour": head.format("x") + 'colour = "blue"\n',
        "not one line of plain ASCII": head.format("a\\tb"),
        "not four parameters": head.format("x") + "parameters = []\n",
    }
    for message, text in cases.items():
        (tmp_path / "a.toml").write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=message):
            build_knowledge.tables()


def test_a_driver_that_stands_twice_is_reported(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_knowledge, "DRIVERS", tmp_path / "drivers.toml")
    group = '[[group]]\nvendor = "A"\nrole = "audio"\nskip = "never"\n[group.drivers]\n{} = "Sound"\n'
    (tmp_path / "drivers.toml").write_text(group.format("foo") + group.format("Foo"), encoding="utf-8")
    with pytest.raises(ValueError, match="driver Foo stands twice"):
        build_knowledge.tables()


def _parameters(written: list[dict[str, str]]) -> tuple[ParameterEntry, ...]:
    return tuple(ParameterEntry(parameter["meaning"], parameter["kind"]) for parameter in written)


def _culprit(part: BugCheckEntry | SubCode) -> dict[str, Any] | None:
    hint = part.culprit
    return None if hint is None else {"param": hint.param, "kind": hint.kind, "how": hint.how}


def _when(subcode: SubCode) -> dict[str, Any]:
    when: dict[str, Any] = {}
    for condition in subcode.when:
        said = _condition(condition)
        if isinstance(said, dict):
            when.setdefault(str(condition.param), {}).update(said)
        else:
            when[str(condition.param)] = said
    return when


def _condition(condition: Condition) -> int | list[int] | dict[str, int]:
    value = condition.values[0]
    if condition.relation != "=":
        return {{">=": "min", "<=": "max"}[condition.relation]: value}
    if condition.mask != (1 << 64) - 1:
        return {"mask": condition.mask, "value": value}
    return value if len(condition.values) == 1 else list(condition.values)
