"""`explain`: codes by number and by name, and what nobody knows."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Run


def test_a_bug_check_with_its_parameters(run: Run) -> None:
    code, out, err = run("explain", "0x9F", "3", "ffffe000`12345060", "0", "0")
    assert (code, err) == (0, "")
    assert "STOP 0x9F DRIVER_POWER_STATE_FAILURE" in out
    assert "Physical device object of the stack" in out
    assert "ffffe000`12345060" in out
    assert "parameter 2 leads to it" in out
    assert "What to do next" in out
    assert "What it means by its parameters" not in out


def test_a_bug_check_alone_lists_its_sub_codes(run: Run) -> None:
    out = run("explain", "9f").out
    assert "P1 = 0x3" in out
    assert "Detail depending on kind" in out


@pytest.mark.parametrize("word", ["0xC0000005", "STATUS_ACCESS_VIOLATION", "access_violation", "0xffffffffc0000005"])
def test_a_status_by_number_or_name(run: Run, word: str) -> None:
    code, out, _ = run("explain", word)
    assert code == 0
    assert "0xC0000005 STATUS_ACCESS_VIOLATION" in out
    assert "error" in out


def test_a_number_that_is_both(run: Run) -> None:
    out = run("explain", "0xC000021A").out
    assert "WINLOGON_FATAL_ERROR" in out
    assert "STATUS_SYSTEM_PROCESS_TERMINATED" in out


def test_a_name_finds_its_code_and_what_its_parameters_say(run: Run) -> None:
    out = run("explain", "driver_irql_not_less_or_equal", "0", "2", "1").out
    assert "STOP 0xD1" in out
    assert "DISPATCH_LEVEL" in out
    assert "write" in out


def test_json_says_the_same(run: Run) -> None:
    found = json.loads(run("explain", "0xD1", "8", "2", "--json").out)
    assert found["schema"] == "smalldump.explanation/1"
    assert found["bug_check"]["name"] == "DRIVER_IRQL_NOT_LESS_OR_EQUAL"
    assert [each["value"] for each in found["bug_check"]["parameters"]] == ["0x8", "0x2", None, None]
    assert [each["decoded"] for each in found["bug_check"]["parameters"][1:]] == ["DISPATCH_LEVEL", None, None]


def test_a_code_of_a_driver_is_said_to_be_one(run: Run) -> None:
    code, out, _ = run("explain", "0xA0000001")
    assert code == 0
    assert "a driver raised it" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["DRIVER_IRQL_NOT_LES"], "perhaps DRIVER_IRQL_NOT_LESS_OR_EQUAL"),
        (["0xDEAD"], "0xDEAD is no documented bug check"),
        (["0x1234567890"], "nothing is known by the name"),
        (["0xD1", "what"], "at most four hexadecimal numbers"),
        (["0xD1", "1", "2", "3", "4", "5"], "at most four hexadecimal numbers"),
        (["0xD1", "10000000000000000"], "at most four hexadecimal numbers"),
        (["\x1b[31m" + "x" * 9999], "\\x1b[31mx"),
    ],
)
def test_what_nobody_knows_is_wrong_usage(run: Run, arguments: list[str], words: str) -> None:
    code, out, err = run("explain", *arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1
    assert len(err) < 300
