"""Symbols: the stores that keep images and PDBs, and what PDBs say about places."""

from __future__ import annotations
