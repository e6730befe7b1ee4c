"""Sources: each turns bytes into a Snapshot."""

from __future__ import annotations
