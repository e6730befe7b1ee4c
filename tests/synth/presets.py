"""Ready-made dumps, one per architecture and writer; any fact of the builder can be overridden.

dump = x64_dump(bug_check=(0x139, 3, 0, 0, 0), comment="made for a test")
x86_dump().patch("TRIAGE_DUMP.DriverCount", 0xFFFFFFFF)
"""

from __future__ import annotations

from tests.synth.dump import Dump
from tests.synth.stories import arm64, demo, kernel_written, win2000, xp

__all__ = ["arm64_dump", "kernel_written_dump", "win2000_dump", "x64_dump", "x86_dump"]


def x64_dump(**overrides: object) -> Dump:
    """Windows 10 2004, dbgeng-written, 0xD1 in wobblefs.sys: the demo."""
    return demo.builder().with_(**overrides).build()


def kernel_written_dump(**overrides: object) -> Dump:
    """Windows 10 1809, kernel-written, 0x1000007E in gizmousb.sys, stale bytes behind the last blob."""
    return kernel_written.builder().with_(**overrides).build()


def x86_dump(**overrides: object) -> Dump:
    """Windows XP SP3, kernel-written, exactly 64 KB, 0xCE in an unloaded driver."""
    return xp.builder().with_(**overrides).build()


def arm64_dump(**overrides: object) -> Dump:
    """Windows 11 on ARM64, dbgeng-written, 0x1C8."""
    return arm64.builder().with_(**overrides).build()


def win2000_dump(**overrides: object) -> Dump:
    """Windows 2000, exactly 64 KB, without all that later versions added."""
    return win2000.builder().with_(**overrides).build()
