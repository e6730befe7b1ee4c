"""Images of executables: their identity."""

from __future__ import annotations
