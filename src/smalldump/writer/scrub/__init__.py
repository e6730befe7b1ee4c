"""Scrubbing: a dump that can be given away, made of nothing but classes of data that a level permits."""

from __future__ import annotations

from smalldump.writer.scrub.classes import Permitted, ScrubLevel, Withheld
from smalldump.writer.scrub.scrub import Scrubbed, scrub
from smalldump.writer.scrub.stack import StackEvidence

__all__ = ["Permitted", "ScrubLevel", "Scrubbed", "StackEvidence", "Withheld", "scrub"]
