"""Intake: files, folders, archives and standard input become open bytes.

for origin in expand(["Minidump", "sent-in.zip", "-"]):
    with open_origin(origin) as source:          # SourceUnreadable: this one only, the rest goes on
        source.name, source.data
"""

from __future__ import annotations

from smalldump.intake.bytesource import ByteSource
from smalldump.intake.expand import expand, open_origin, open_single
from smalldump.intake.limits import DEFAULT_LIMITS, Limits
from smalldump.intake.machine import default_folder
from smalldump.intake.origins import Member, Origin

__all__ = [
    "DEFAULT_LIMITS",
    "ByteSource",
    "Limits",
    "Member",
    "Origin",
    "default_folder",
    "expand",
    "open_origin",
    "open_single",
]
