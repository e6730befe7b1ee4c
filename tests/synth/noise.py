"""Values that look like left-overs, the same ones every time.

`random` promises no equal sequence over Python versions for all of its methods; this generator does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

__all__ = ["Noise", "fingerprint"]

MASK64 = (1 << 64) - 1


def fingerprint(text: str, bits: int = 32) -> int:
    """A number of `bits` bits that only depends on `text`: time stamps of reproducible builds, checksums."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") & ((1 << bits) - 1)


class Noise:
    """A splitmix64 generator with the few draws that stacks and pages need."""

    def __init__(self, seed: str) -> None:
        self.state = fingerprint(seed, 64)

    def bits(self, count: int) -> int:
        """`count` (at most 64) random bits."""
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK64
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK64
        return (z ^ (z >> 31)) >> (64 - count)

    def below(self, limit: int) -> int:
        """A number in [0, limit)."""
        return self.bits(62) % limit

    def pick(self, values: Sequence[int]) -> int:
        """One of `values`."""
        return values[self.below(len(values))]

    def bytes(self, size: int) -> bytes:
        """`size` random bytes."""
        return b"".join(self.bits(64).to_bytes(8, "little") for _ in range((size + 7) // 8))[:size]

    def stack_word(self, word: int, pool: Sequence[int], stale: Sequence[int]) -> int:
        """What an uninitialised stack slot holds: mostly nothing, now and then a pointer or an old return address."""
        kind = self.below(40)
        if kind < 22:
            return 0
        if kind < 29:
            return self.below(0x400)
        if kind < 36 and pool:
            return self.pick(pool) + (self.below(0x80) & -word)
        if kind == 36 and stale:
            return self.pick(stale)
        return self.bits(32)
