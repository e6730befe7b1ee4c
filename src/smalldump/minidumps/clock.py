"""The two clocks in a dump's name: the crash's local date, and how long the saving system has been up."""

from __future__ import annotations

import re
import sys
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from enum import Enum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from smalldump.layout.record import Field, Record, u32, utf16
from smalldump.memory import AddressSpace
from smalldump.model import Absent

__all__ = ["CrashDate", "DateSource", "crash_date", "host_uptime_ms", "parse_zone", "time_zone_bias"]

_SHARED_DATA = {32: 0xFFDF0000, 64: 0xFFFFF78000000000}
_LARGEST_BIAS = timedelta(hours=15)  # zones lie between UTC-12 and UTC+14
_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})", re.ASCII)


class SharedData(Record, size=0x38):
    """The beginning of `KUSER_SHARED_DATA`, the page that Windows shows to every process.

    Source: ntddk.h of the Windows Driver Kit; the same in all versions and on all machines.
    """

    time_zone_bias_low = u32(0x20, "UTC less local time, 100 ns units")
    time_zone_bias_high1: Field[int] = Field(0x24, "i")
    time_zone_bias_high2: Field[int] = Field(0x28, "i", "equal to the first, else an update was under way")
    nt_system_root = utf16(0x30, 4, "`C:\\WINDOWS`, the beginning")


class DateSource(Enum):
    """Whose time zone a crash's date follows."""

    MACHINE = "machine"
    ASKED = "asked"
    UTC = "utc"
    SAVING_DAY = "saving_day"

    @property
    def words(self) -> str:
        """The choice for people."""
        return _SOURCE_WORDS[self]


_SOURCE_WORDS = {
    DateSource.MACHINE: "the crashed machine's time zone",
    DateSource.ASKED: "the time zone asked for",
    DateSource.UTC: "UTC, since the machine's time zone is not known",
    DateSource.SAVING_DAY: "the day of saving, since the dump tells no time",
}


@dataclass(frozen=True, slots=True)
class CrashDate:
    """The date in a dump's name, and whose time zone it follows."""

    day: date
    source: DateSource


def crash_date(
    crashed: datetime | Absent,
    memory: AddressSpace | None = None,
    bits: int = 64,
    zone: tzinfo | None = None,
) -> CrashDate:
    """The local date of a crash.

    Args:
        crashed: Time of the crash, UTC.
        memory: Of the crashed machine. Small dumps hardly ever hold its time zone, larger ones do.
        bits: 32 or 64, of the crashed machine.
        zone: The time zone to take where the memory does not tell.
    """
    if isinstance(crashed, Absent):
        return CrashDate(datetime.now(zone or UTC).date(), DateSource.SAVING_DAY)
    bias = Absent.NOT_CAPTURED if memory is None else time_zone_bias(memory, bits)
    try:
        if not isinstance(bias, Absent):
            return CrashDate((crashed - bias).date(), DateSource.MACHINE)
        if zone is not None:
            return CrashDate(crashed.astimezone(zone).date(), DateSource.ASKED)
    except OverflowError:  # the last hours of the year 9999
        pass
    return CrashDate(crashed.date(), DateSource.UTC)


def time_zone_bias(memory: AddressSpace, bits: int) -> timedelta | Absent:
    """UTC less local time at the crash, daylight saving included, from `KUSER_SHARED_DATA.TimeZoneBias`.

    A page without the path of Windows, halves that differ, parts of a minute and more than 15 hours are CORRUPT.
    """
    data = memory.try_read(_SHARED_DATA[bits], SharedData.SIZE)
    if data is None:
        return Absent.NOT_CAPTURED
    shared = SharedData(data)
    bias = timedelta(microseconds=(shared.time_zone_bias_high1 << 32 | shared.time_zone_bias_low) // 10)
    torn = shared.time_zone_bias_high1 != shared.time_zone_bias_high2
    if torn or shared.nt_system_root[1:3] != ":\\" or bias % timedelta(minutes=1) or abs(bias) > _LARGEST_BIAS:
        return Absent.CORRUPT
    return bias


def parse_zone(text: str) -> tzinfo:
    """Read a time zone: a name of the IANA database (`Europe/Berlin`), or `+HH:MM` east of Greenwich.

    Raises:
        ValueError: It is neither. On systems without that database the package `tzdata` brings it.
    """
    if text.upper() in ("UTC", "Z"):
        return UTC
    if found := _OFFSET.fullmatch(text):
        sign, hours, minutes = found[1], int(found[2]), int(found[3])
        offset = timedelta(hours=hours, minutes=minutes)
        if minutes < 60 and offset <= _LARGEST_BIAS:
            return timezone(-offset if sign == "-" else offset)
    else:
        try:
            return ZoneInfo(text)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
    raise ValueError(f"no time zone: {text!r} (name one like Europe/Berlin, or +HH:MM)")


def host_uptime_ms() -> int:
    """Milliseconds since this system booted, sleep included where the system counts it."""
    if sys.platform == "win32":
        import ctypes

        ticks = ctypes.windll.kernel32.GetTickCount64
        ticks.restype = ctypes.c_ulonglong
        return int(ticks())
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime_ns(clock) // 1_000_000
