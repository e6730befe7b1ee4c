"""Addresses of monitors."""

from __future__ import annotations

from pathlib import Path

import pytest

from smalldump.capture.address import GuestAddress, parse_address


@pytest.mark.parametrize(
    ("text", "name", "socket", "shown"),
    [
        ("qmp:/run/vm/web01.qmp", "", "/run/vm/web01.qmp", "web01"),
        ("qmp:web=/run/vm/1.qmp", "web", "/run/vm/1.qmp", "web"),
        ("qmp:a b=/s", "a b", "/s", "a b"),
        ("qmp:/run/a=b.qmp", "", "/run/a=b.qmp", "a=b"),
        ("qmp:relative.sock", "", "relative.sock", "relative"),
        ("qmp:=/s", "", "/s", "s"),
    ],
)
def test_addresses(text: str, name: str, socket: str, shown: str) -> None:
    address = parse_address(text)
    assert address == GuestAddress(Path(socket), name)
    assert address.shown == shown


@pytest.mark.parametrize("text", ["", "/run/vm.qmp", "tcp:localhost:4444", "qmp:", "qmp:web=", "qmp:/a\0b"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="qmp:"):
        parse_address(text)
