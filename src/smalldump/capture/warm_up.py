"""Whatever takes time only once is done before a guest stands still for it."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module

from smalldump.compose import compose
from smalldump.model import BugCheck
from smalldump.sources.builder import SnapshotBuilder

__all__ = ["warm_up"]


def warm_up() -> None:
    """Compose the dump of a machine that is made up: imports, tables and caches are there then."""
    with suppress(ImportError):
        import_module("capstone")  # which unwinding needs late, and takes longest
    compose(SnapshotBuilder(bug_check=BugCheck(0xD1, (0, 2, 0, 0))).build())
