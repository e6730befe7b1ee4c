"""Names, lines and types for places in images, and where they come from."""

from __future__ import annotations
