"""Frame sizes of x64 functions, read off the code that follows a return address.

Epilogues of x64 have few legal forms, so that unwinders may recognise them: `add rsp` or `lea rsp`, pops of saved
registers, `ret` or a tail jump. The first one behind a return address, before the padding between functions, tells
how far up the function's own return address lies. That is a strong hint, and no proof: bytes are matched, not decoded,
and branches are not followed. Source: Microsoft's x64 calling convention, "Prolog and epilog".
"""

from __future__ import annotations

import re

__all__ = ["REACH", "frame_size"]

REACH = 256
"""Bytes of code that are looked at; dumps of Windows 10 and later hold as many from each stack value on."""

_POPS = rb"((?:\x41?[\x58-\x5b\x5d-\x5f])*)"
_LEAVE = rb"(?:\xf2|\xf3)?(?:\xc3|\xe9|\xeb|\x48?\xff[\x20-\x27\xe0-\xe7])"
_EPILOGUE = re.compile(
    rb"\x48\x83\xc4(.)" + _POPS + _LEAVE  # add rsp, imm8
    + rb"|\x48\x81\xc4(....)" + _POPS + _LEAVE  # add rsp, imm32
    + rb"|\x4c\x8d\x5c\x24(.).{0,48}?\x49\x8b\xe3" + _POPS + _LEAVE  # lea r11, [rsp+disp8] ... mov rsp, r11
    + rb"|\x4c\x8d\x9c\x24(....).{0,48}?\x49\x8b\xe3" + _POPS + _LEAVE,  # the same with disp32
    re.DOTALL,
)  # fmt: skip
_PADDING = b"\xcc\xcc"


def frame_size(code: bytes) -> int | None:
    """Bytes from the stack pointer behind a call up to the slot of the function's own return address.

    Args:
        code: What follows the call, at most `REACH` bytes of it.

    Returns:
        The size, or None where no epilogue is seen or it fits no legal frame.
    """
    match = _EPILOGUE.search(code)
    if match is None or 0 <= code.find(_PADDING) < match.start():
        return None
    amount, pops = (group for group in match.groups() if group is not None)
    size = int.from_bytes(amount, "little", signed=True) + 8 * (len(pops) - pops.count(b"\x41"))
    return size if size >= 0x28 and size % 16 == 8 else None
