"""What should go into a small dump: asked of the machine, the stack, the caller and contributors, and ranked."""

from __future__ import annotations

from smalldump.collect.collect import Collection, collect
from smalldump.collect.contributors import ENTRY_POINTS, Failure, installed_contributors

__all__ = ["ENTRY_POINTS", "Collection", "Failure", "collect", "installed_contributors"]
