"""The fixture of this folder."""

from __future__ import annotations

from tests.oracle.fixture import oracle

__all__ = ["oracle"]
