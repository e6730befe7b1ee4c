"""Sorted tables against a plain scan of the same lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.knowledge.table import lines_with_key, table_path

KEYS = st.integers(0, 0xFFFFFFFF).map("{:08X}".format)
ROWS = st.lists(st.tuples(st.one_of(st.sampled_from(["0000000A", "C0000005"]), KEYS), st.integers(0, 3000)))


@given(rows=ROWS, missing=KEYS)
def test_bisection_finds_what_a_scan_finds(
    rows: list[tuple[str, int]], missing: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    lines = [f"{key}\t{'x' * length}" for key, length in sorted(rows)]
    table = tmp_path_factory.mktemp("table") / "table.txt"
    table.write_text("".join(f"{line}\n" for line in ["# comment", *lines]), encoding="ascii")
    for key in {missing, "0000000A", "FFFFFFFF", *(key for key, _ in rows)}:
        assert lines_with_key(table, key) == [line for line in lines if line.startswith(key)]


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_line_ends_do_not_matter(tmp_path: Path, line_end: str) -> None:
    table = tmp_path / "table.txt"
    table.write_bytes(line_end.join(f"{number:08X} {'y' * 30}" for number in range(500)).encode())
    for number in (0, 1, 250, 498, 499):
        assert lines_with_key(table, f"{number:08X}") == [f"{number:08X} {'y' * 30}"]
    assert lines_with_key(table, "000001F4") == []


def test_an_empty_table_holds_nothing(tmp_path: Path) -> None:
    table = tmp_path / "table.txt"
    table.touch()
    assert lines_with_key(table, "00000000") == []


@pytest.mark.parametrize("name", ["bug_checks.txt", "subcodes.txt", "ntstatus.txt", "drivers.txt"])
def test_shipped_tables_are_sorted_by_key(name: str) -> None:
    text = table_path(name).read_text(encoding="ascii")
    keys = [line.replace(" ", "\t").split("\t")[0] for line in text.splitlines() if not line.startswith("#")]
    assert len(keys) > 500
    assert keys == sorted(keys)
    assert text.endswith("\n")
