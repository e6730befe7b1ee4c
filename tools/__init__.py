"""Tools of the project: not part of the package."""

from __future__ import annotations
