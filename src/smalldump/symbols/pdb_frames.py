"""How x86 code keeps its frames: the FRAMEDATA and FPO_DATA streams, searched as they lie in the file."""

from __future__ import annotations

import struct
from collections.abc import Callable

from smalldump.layout.msf import FpoData, FpoFlags, FrameData, FrameDataFlags
from smalldump.model.symbols import FrameProgram
from smalldump.symbols.search import SortedTable
from smalldump.symbols.streams import Stream

__all__ = ["FpoRecords", "FrameRecords"]

_FRAME = FrameData.unpacker(
    "ul_rva_start", "cb_block", "cb_locals", "cb_params", "frame_func", "cb_prolog", "cb_saved_regs", "flags"
)
_FPO = FpoData.unpacker("ul_off_start", "cb_proc_size", "cdw_locals", "cdw_params", "cb_prolog", "flags")
_START = struct.Struct("<I")
_DEEPEST = 256  # ranges around one place that are tried; a function has one for each push of its prologue
_WORD = 4


class FrameRecords:
    """FRAMEDATA records, sorted by RVA.

    Args:
        string_at: The string at an offset of the string table.
    """

    def __init__(self, stream: Stream, string_at: Callable[[int], str]) -> None:
        self._stream, self._string_at = stream, string_at
        self._table = SortedTable(len(stream) // FrameData.SIZE, self._start)

    def at(self, rva: int) -> FrameProgram | None:
        """The innermost range that holds `rva`: of those that hold it, the one that begins last."""
        index = self._table.last_up_to(rva)
        for each in range(index, max(index - _DEEPEST, -1), -1):
            start, size, *_, flags = _FRAME.unpack_from(self._stream.data, each * FrameData.SIZE)
            if rva - start < size:
                return self._program(each)
            if flags & FrameDataFlags.IS_FUNCTION_START:
                return None
        return None

    def _start(self, index: int) -> int:
        return _START.unpack_from(self._stream.data, index * FrameData.SIZE)[0]  # type: ignore[no-any-return]

    def _program(self, index: int) -> FrameProgram:
        start, size, local, params, program, prolog, saved, _ = self._stream.unpack(_FRAME, index * FrameData.SIZE)
        return FrameProgram(start, size, local, params, saved, prolog, self._string_at(program))


class FpoRecords:
    """FPO_DATA records, sorted by RVA."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._table = SortedTable(len(stream) // FpoData.SIZE, self._start)

    def at(self, rva: int) -> FrameProgram | None:
        """The procedure that holds `rva`."""
        index = self._table.last_up_to(rva)
        if index < 0:
            return None
        start, size, local, params, prolog, flags = _FPO.unpack_from(self._stream.data, index * FpoData.SIZE)
        if rva - start >= size:
            return None
        return FrameProgram(
            start,
            size,
            local * _WORD,
            params * _WORD,
            (flags & FpoFlags.REGS) * _WORD,
            prolog,
            None,
            uses_ebp=bool(flags & FpoFlags.USE_BP),
        )

    def _start(self, index: int) -> int:
        return _START.unpack_from(self._stream.data, index * FpoData.SIZE)[0]  # type: ignore[no-any-return]
