"""Images of executables: their identity, and what they hold."""

from __future__ import annotations

from smalldump.images.codeview import CodeView
from smalldump.images.exports import Export
from smalldump.images.functions import FunctionTable, RuntimeFunction
from smalldump.images.pe import PeImage, Section

__all__ = ["CodeView", "Export", "FunctionTable", "PeImage", "RuntimeFunction", "Section"]
