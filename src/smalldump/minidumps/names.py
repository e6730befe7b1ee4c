"""Names of small memory dumps, as Windows gives them.

    Mini022900-01.dmp       Windows 2000 to Server 2003: date, number
    112226-8765-01.dmp      later: date, milliseconds from the boot of the saving system to the saving, number

The date is month, day, year. Source: the description of the small memory dump (first form); format reference §7,
57 of 57 real names (second form; none of them fits the common belief that the middle number is the uptime at the
crash).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from smalldump.model import Absent

__all__ = ["DumpName", "file_name", "parse_name", "stem"]

_LAST_WITH_MINI = 3790  # Server 2003 and XP x64
_PATTERN = re.compile(
    r"(?:Mini(?P<old>\d{6})|(?P<new>\d{6})-(?P<uptime>0|[1-9]\d{0,14}))-(?P<number>0\d|[1-9]\d{1,8})\.dmp",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class DumpName:
    """What the name of a small memory dump tells.

    Attributes:
        day: Local date of the crash; the century is taken to be the 21st.
        uptime_ms: Milliseconds from the boot of the saving system to the saving; None in the form of Windows 2000.
        number: Counts the dumps that are otherwise named alike, from 1.
    """

    day: date
    uptime_ms: int | None
    number: int


def stem(build: int | Absent, day: date, uptime_ms: int) -> str:
    """The name up to the number: `Mini022900`, `112226-8765`; an unknown build counts as a late one."""
    written = day.strftime("%m%d") + f"{day.year % 100:02}"
    old = not isinstance(build, Absent) and build <= _LAST_WITH_MINI
    return f"Mini{written}" if old else f"{written}-{uptime_ms}"


def file_name(build: int | Absent, day: date, uptime_ms: int, number: int) -> str:
    """The name that Windows of that build would choose; the number has two digits, past 99 more."""
    return f"{stem(build, day, uptime_ms)}-{number:02}.dmp"


def parse_name(name: str) -> DumpName | None:
    """Read a file name back; None where it has neither form. The case of letters does not matter."""
    found = _PATTERN.fullmatch(name)
    if found is None:
        return None
    written, uptime = found["old"] or found["new"], found["uptime"]
    try:
        day = date(2000 + int(written[4:]), int(written[:2]), int(written[2:4]))
    except ValueError:
        return None
    return DumpName(day, None if uptime is None else int(uptime), int(found["number"]))
