"""From physical memory to the kernel, with no symbols."""

from __future__ import annotations

from smalldump.sources.discovery.clues import Clues, Found, ProcessorClue
from smalldump.sources.discovery.discover import Discovery, discover
from smalldump.sources.discovery.processor_regions import count_processors

__all__ = ["Clues", "Discovery", "Found", "ProcessorClue", "count_processors", "discover"]
