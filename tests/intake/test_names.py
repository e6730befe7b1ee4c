"""Names: promises and what is shown."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from smalldump.intake.limits import in_words
from smalldump.intake.names import is_archive_name, is_dump_name, printable


def test_promises() -> None:
    assert is_dump_name("112226-8765-01.DMP")
    assert is_dump_name("x.mdmp")
    assert not is_dump_name("dmp")
    assert is_archive_name("Dumps.ZIP")
    assert not is_archive_name("zip")


@given(st.text(st.characters(exclude_categories=())))
def test_shown_names_are_printable_and_short(name: str) -> None:
    shown = printable(name)
    assert shown.isprintable()
    assert len(shown.encode("utf-8")) <= 10 * 301
    assert name == shown or len(name) > 300 or not name.isprintable()


def test_ordinary_names_stay() -> None:
    assert printable("Mini Dumps/überraschung 故障.dmp") == "Mini Dumps/überraschung 故障.dmp"


def test_sizes_in_words() -> None:
    assert [in_words(n) for n in (5, 2048, 256 << 20, 3 << 29)] == ["5 bytes", "2 KiB", "256 MiB", "1.5 GiB"]
