"""Every report obeys the schema that ships, which knows every key that is written."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import smalldump
from smalldump.report.report import SCHEMA, Report, schema
from tests.goldens import EXAMPLES


def strict(node: Any) -> Any:
    """The schema with no room for keys that it does not name."""
    if isinstance(node, dict):
        free = node.get("description") == "Its content, by kind of blob"
        if node.get("type") == "object" and node.get("properties") and not free:
            node.setdefault("additionalProperties", False)
        for value in node.values():
            strict(value)
    elif isinstance(node, list):
        for value in node:
            strict(value)
    return node


@pytest.fixture(scope="module")
def validator() -> Any:
    found = strict(copy.deepcopy(schema()))
    jsonschema.Draft202012Validator.check_schema(found)
    return jsonschema.Draft202012Validator(found)


def errors(validator: Any, report: Report) -> list[str]:
    return [f"{e.json_path}: {e.message}" for e in validator.iter_errors(json.loads(report.to_json()))]


@pytest.mark.parametrize("dump", EXAMPLES, ids=lambda dump: dump.name)
def test_reports_on_the_examples_obey_the_schema(validator: Any, dump: Path) -> None:
    assert errors(validator, smalldump.analyze(dump, detailed=True, private=True)) == []


def test_reports_on_all_samples_obey_the_schema(validator: Any, samples: Path) -> None:
    dumps = sorted(samples.rglob("*.dmp"))
    assert len(dumps) >= 45
    wrong = {path.name: errors(validator, smalldump.analyze(path, detailed=True)) for path in dumps}
    assert {name: found for name, found in wrong.items() if found} == {}


def test_a_key_that_the_schema_does_not_know_is_noticed(validator: Any) -> None:
    assert errors(validator, Report({"schema": SCHEMA, "crash": {"irqls": 2}}))
    assert errors(validator, Report({"schema": SCHEMA, "crash": {"irql": "two"}}))


def test_a_report_survives_its_json() -> None:
    report = smalldump.analyze(EXAMPLES[0])
    assert Report.from_json(report.to_json()).data == report.data
    assert Report.from_json(report.to_json(indent=2)).data == report.data


@pytest.mark.parametrize("text", ["[]", '{"schema": "other/1"}', "{", "null"])
def test_other_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"schema|Expecting"):
        Report.from_json(text)


def test_dotted_paths_lead_into_the_document() -> None:
    report = Report({"schema": SCHEMA, "crash": {"irql": 2}})
    assert report["crash.irql"] == 2
    assert report["crash.nothing"] is None
    assert report["crash.irql.deeper"] is None
