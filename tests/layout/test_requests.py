"""The record of a component's requests: written here, read by the decoder."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from smalldump.decode.requests import triage_requests
from smalldump.layout.requests import request_record

WORDS = st.integers(0, 2**64 - 1)


def test_bytes_of_a_record() -> None:
    assert request_record("b", [(0xFFFFF80400001000, 16)]) == bytes.fromhex(
        "01000000 02000000 00100000 04f8ffff 1000000000000000 6200"
    )


@given(
    st.lists(st.tuples(st.from_regex(r"[!-~]{1,64}", fullmatch=True), st.lists(st.tuples(WORDS, WORDS))), max_size=9)
)
def test_what_is_written_is_read(asked: list[tuple[str, list[tuple[int, int]]]]) -> None:
    data = b"".join(request_record(component, ranges) for component, ranges in asked)
    assert [(r.component, list(r.ranges)) for r in triage_requests(data)] == asked
    assert [r.end for r in triage_requests(data)][-1:] in ([], [len(data)])
