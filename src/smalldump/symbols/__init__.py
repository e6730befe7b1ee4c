"""Names, lines and types for places in images, and the stores that keep images and PDBs."""

from __future__ import annotations
