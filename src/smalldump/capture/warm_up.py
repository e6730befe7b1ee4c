"""Whatever takes time only once is done before a guest stands still for it."""

from __future__ import annotations

import struct

from smalldump.compose import compose
from smalldump.model import BugCheck
from smalldump.sources.builder import SnapshotBuilder, driver

__all__ = ["warm_up"]

_KERNEL, _STACK, _SIZE = 0xFFFFF80000400000, 0xFFFFF80004000000, 0x10000
_CALL = b"\xe8\xfb\x0f\x00\x00\x48\x83\xc4\x28\xc3"  # call +1000h; add rsp,28h; ret
_RETURN = _KERNEL + 0x1005


def warm_up() -> None:
    """Compose the dump of a machine that is made up, with a stack to be walked: imports and tables are there then."""
    kernel = driver(r"\SystemRoot\system32\ntoskrnl.exe", _KERNEL, _SIZE, 1, 1)
    code = {_KERNEL + 0x1000: _CALL.ljust(0x1000, b"\xcc")}
    stack = (_STACK, struct.pack("<6Q", 0, 0, 0, 0, 0, _RETURN) * 8)
    facts = SnapshotBuilder(bug_check=BugCheck(0xD1, (0, 2, 0, _RETURN)), modules=[kernel], memory=code, stack=stack)
    compose(facts.with_(registers={"rip": _RETURN}).build()).data()
