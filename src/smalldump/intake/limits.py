"""Limits: how far an archive may unfold before it is taken for a bomb."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["DEFAULT_LIMITS", "Budget", "Limits", "OverLimit", "Refused", "in_words"]

_MIB = 1 << 20


class Refused(ValueError):
    """Inside this room: something cannot or will not be read; the text says why. Leaves as SourceUnreadable."""


class OverLimit(Refused):
    """Inside this room: a limit was reached."""


class Limits(NamedTuple):
    """How far one archive may unfold.

    The defaults leave room for what is really sent: the largest of the small dumps seen has 10 MB, and
    full dumps of idle test machines, mostly zeros, shrink a thousandfold.

    Attributes:
        member_bytes: Largest member that is read, and largest archive inside another archive.
        total_bytes: All that is unpacked from one archive, with the archives inside it.
        ratio: Unpacked bytes per byte of the archive on disk, once `ratio_floor` bytes are unpacked.
        ratio_floor: Unpacked bytes below which the ratio does not matter.
        members: Members looked at, with those of the archives inside.
        depth: Archives inside archives; ``.tar.gz`` counts as two.
    """

    member_bytes: int = 256 * _MIB
    total_bytes: int = 2048 * _MIB
    ratio: int = 200
    ratio_floor: int = 128 * _MIB
    members: int = 100_000
    depth: int = 4


DEFAULT_LIMITS = Limits()
"""The limits of callers that give none."""


class Budget:
    """What is left of the limits for one archive and all that is inside it."""

    def __init__(self, limits: Limits, packed_size: int) -> None:
        by_ratio = max(limits.ratio_floor, limits.ratio * packed_size)
        self.limits = limits
        self.spent = False
        self._bomb = by_ratio < limits.total_bytes
        self._allowed = self._left = min(limits.total_bytes, by_ratio)
        self._members_left = limits.members

    def take(self, size: int) -> None:
        """Count unpacked bytes; OverLimit once there are too many."""
        self._left -= size
        if self._left < 0:
            self._end(
                f"unpacks to more than {in_words(self._allowed)}"
                + (f", over {self.limits.ratio} times its size" if self._bomb else "")
            )

    def count_member(self) -> None:
        """Count a member; OverLimit once there are too many."""
        self._members_left -= 1
        if self._members_left < 0:
            self._end(f"holds more than {self.limits.members} members")

    def _end(self, what: str) -> None:
        self.spent = True
        raise OverLimit(f"the archive {what} (limit); reading stopped here")


def in_words(size: int) -> str:
    """Say a number of bytes as people do: ``256 MiB``."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit:
            return f"{size / unit:.4g} {name}"
    return f"{size} bytes"
