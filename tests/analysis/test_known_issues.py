"""Known issues: each condition holds where it should and nowhere else; a malformed list says where it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from smalldump.analysis import analyse
from smalldump.analysis.known_issues import KnownIssues
from smalldump.analysis.remarks import Remark
from smalldump.errors import KnownIssuesError
from smalldump.sources.small import SmallDump

DUMP = Path(__file__).parents[2] / "examples" / "112226-8765-01.dmp"
HOLDS = [
    'bug_check = "0xD1"',
    'bug_check = [0x50, "0xD1"]',
    'parameters = { 2 = "0x2", 3 = 0 }',
    'signature = "d1|wobblefs"',
    'signature = "D1|wobblefs+2d4c|*"',
    'bucket = "av_WOBBLEFS!*"',
    'culprit = "WobbleFS"',
    'culprit = "wobblefs.sys"',
    'module = { file = "Wobblefs.sys" }',
    'module = { file = "wobblefs.sys", linked_from = 2025-08-29, linked_before = 2025-08-30 }',
    'module = { file = "wobblefs.sys", linked_from = 2025-08-29T00:00:00 }',
    'module = { file = "wobblefs.sys", timestamps = ["0x1", "0x68b0f2a1"] }',
    "build = { from = 19041 }",
    "build = { before = 19042 }",
    'bug_check = "0xD1"\nbuild = { from = 19041, before = 22000 }',
]
DOES_NOT = [
    'bug_check = "0x50"',
    'parameters = { 2 = "0x3" }',
    'signature = "d1"',
    'bucket = "AV_ntfs!*"',
    'culprit = "wobble"',
    'module = { file = "wobblefs" }',
    'module = { file = "wobblefs.sys", linked_from = 2025-08-30 }',
    'module = { file = "wobblefs.sys", linked_before = 2025-08-29 }',
    'module = { file = "wobblefs.sys", timestamps = ["0x1"] }',
    "build = { from = 22000 }",
    'bug_check = "0xD1"\nculprit = "ntfs"',
]


def listed(match: str) -> str:
    return f'[[issue]]\nid = "W-1"\ntext = "Update it."\nlink = "https://example.org"\n[issue.match]\n{match}\n'


def remarks(match: str) -> tuple[Remark, ...]:
    machine = SmallDump(memoryview(DUMP.read_bytes()), DUMP.name)
    found = analyse(machine, plugins=[KnownIssues.parse(listed(match))])
    assert found.failures == ()
    return found.remarks


@pytest.mark.parametrize("match", HOLDS)
def test_conditions_that_hold(match: str) -> None:
    assert remarks(match) == (Remark("W-1", "Update it.", "https://example.org"),)


@pytest.mark.parametrize("match", DOES_NOT)
def test_conditions_that_do_not(match: str) -> None:
    assert remarks(match) == ()


MALFORMED = {
    "issues = 1": "expected only [[issue]] tables",
    "issue = 1": "expected only [[issue]] tables",
    "[[issue]": "Expected ']]'",
    '[[issue]]\nid = "a"': "issue 1: id and text are needed",
    '[[issue]]\nid = 3\ntext = "t"': "issue 1: id: expected text, found 3",
    '[[issue]]\nid = "a"\ntext = "t"': "a: match has no condition",
    '[[issue]]\nid = "a"\ntext = "t"\nmatch = 4': "a: match: expected a table, found 4",
    '[[issue]]\nid = "a"\ntext = "t"\nlnik = "x"': "issue 1: 'lnik' is none of id, link, match, text",
    listed('bugcheck = "0xD1"'): "W-1: match: 'bugcheck' is none of",
    listed('bug_check = "D1 or 50"'): "W-1: bug_check: expected a number",
    listed("bug_check = true"): "W-1: bug_check: expected a number",
    listed("parameters = { 5 = 1 }"): "W-1: parameters: '5' is none of 1, 2, 3, 4",
    listed("signature = 3"): "W-1: signature: expected text",
    listed("module = { linked_from = 2024-01-01 }"): "W-1: module: file is needed",
    listed('module = { file = "a.sys", linked_from = "2024" }'): "W-1: module: linked_from: expected a date",
    listed('module = { file = "a.sys", timestamps = 3 }'): "W-1: module: timestamps: expected a list",
    listed('module = { file = "a.sys", version = "2.4" }'): "W-1: module: 'version' is none of",
}


@pytest.mark.parametrize("text", MALFORMED, ids=MALFORMED.values())
def test_a_malformed_list_says_where(text: str) -> None:
    with pytest.raises(KnownIssuesError) as caught:
        KnownIssues.parse(text, "list.toml")
    assert str(caught.value).startswith("list.toml: ")
    assert MALFORMED[text] in str(caught.value)


def test_a_list_that_is_too_large_is_not_read_in_part(tmp_path: Path) -> None:
    path = tmp_path / "list.toml"
    path.write_bytes(b"#" * (4 << 20) + b"\n")
    with pytest.raises(KnownIssuesError, match="larger than 4,194,304 bytes"):
        KnownIssues.read(path)


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "issues.toml"
    path.write_text(listed(HOLDS[0]), "utf-8")
    assert [issue.name for issue in KnownIssues.read(path).issues] == ["W-1"]
    path.write_bytes(b"\xff\xfe")
    for wrong in (path, tmp_path / "none.toml", tmp_path):
        with pytest.raises(KnownIssuesError) as caught:
            KnownIssues.read(wrong)
        assert caught.value.path == str(wrong)
