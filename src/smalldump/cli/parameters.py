"""Values on the command line that are more than words: sizes, ranges of memory, time zones."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import click

from smalldump.addresses import parse_address
from smalldump.minidumps import parse_zone
from smalldump.model.requests import RangeRequest, Rank

__all__ = ["parse_range", "parse_size", "parsed", "timezone_option"]

_SIZE = re.compile(r"(?:0x(?P<hex>[0-9a-f]{1,16})|(?P<decimal>[0-9]{1,18}))(?P<unit>[km]?)", re.ASCII | re.IGNORECASE)
_FACTORS = {"": 1, "k": 1 << 10, "m": 1 << 20}
_PAGE, _LARGEST_RANGE = 0x1000, 1 << 26
_END = 1 << 64


def parsed(parse: Callable[[str], object]) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """A callback of click that gives what `parse` makes of the text, or of each text of an option that repeats.

    A ValueError of `parse` is wrong usage; its words are told.
    """

    def callback(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
        try:
            if isinstance(value, tuple):
                return tuple(map(parse, value))
            return None if value is None else parse(value)
        except ValueError as error:
            raise click.BadParameter(str(error), ctx, param) from error

    return callback


def parse_size(text: str) -> int:
    """Read a number of bytes: `65536`, `0x10000`, `64K`, `1M`.

    Raises:
        ValueError: It is none.
    """
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError(f"no size: {text!r} (write it like 65536, 0x10000 or 64K)")
    number = int(found["hex"], 16) if found["hex"] else int(found["decimal"])
    return number * _FACTORS[found["unit"].lower()]


def parse_range(text: str) -> RangeRequest:
    """Read a range of memory: an address stands for its page of 4 KiB, `ADDRESS+SIZE` for as many bytes from there.

    Addresses are hexadecimal, as WinDbg or C writes them; sizes are as in `parse_size`.

    Raises:
        ValueError: It is none.
    """
    start, plus, length = text.partition("+")
    try:
        address = int(parse_address(start))
    except ValueError as error:
        raise ValueError(f"no address: {start!r} (write it like fffff804`6a972d4c or 0xfffff8046a972d4c)") from error
    if not plus:
        return RangeRequest(address & -_PAGE, _PAGE, "asked for", rank=Rank.USER)
    size = parse_size(length)
    if not 0 < size <= min(_LARGEST_RANGE, _END - address):
        raise ValueError(f"no range: {text!r} (at most 64 MiB, and none beyond the last address)")
    return RangeRequest(address, size, "asked for", rank=Rank.USER)


timezone_option = click.option(
    "--timezone",
    "zone",
    metavar="ZONE",
    callback=parsed(parse_zone),
    help="Time zone of the date in the name, where the crashed machine's memory does not tell it: +01:00 or"
    " Europe/Berlin. UTC by default.",
)
