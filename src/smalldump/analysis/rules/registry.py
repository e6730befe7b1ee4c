"""From a bug check to the family of rules that knows it; the module of a family is imported when it is needed."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from smalldump.analysis.rules.rule import Rule
from smalldump.knowledge.catalog import BugCheckEntry

__all__ = ["FAMILIES", "rule_for"]

FAMILIES: dict[str, tuple[int, ...]] = {
    "critical_process": (0x5A, 0xEF, 0xF4),
    "display": (0xEA, 0x10E, 0x113, 0x116, 0x117, 0x119, 0x141, 0x142),
    "exceptions": (0x1E, 0x3B, 0x7E, 0x8E),
    "frameworks": (0x7C, 0xFE, 0x10D, 0x144),
    "hardware": (0x2E, 0x2F, 0x55, 0x56, 0x80, 0x9C, 0xB9, 0xFB, 0x111, 0x124, 0x12B),
    "hypervisor": (0x20001,),
    "memory_access": (0xA, 0x50, 0xBE, 0xCE, 0xD1, 0xD5, 0xD6, 0xFC),
    "memory_management": (0x1A, 0x4E, 0x109),
    "pool": (0x19, 0xC1, 0xC2, 0xC5, 0x13A),
    "power": (0x9F,),
    "references": (0xC, 0x18, 0x20, 0x44, 0x76, 0xCA, 0xCB, 0xD8),
    "security_check": (0x139, 0xF7),
    "storage": (0x24, 0x77, 0x7A, 0x7B, 0x154, 0x1C7),
    "traps": (0x2B, 0x7F),
    "verifier": (0xC4, 0xC9, 0xE6, 0x1C4),
    "watchdog": (0x101, 0x133),
}
"""Each family's module in this room, and the bug checks it knows; `live_dump` and `general` take the others."""

_BY_CODE = {code: family for family, codes in FAMILIES.items() for code in codes}


def rule_for(entry: BugCheckEntry | None) -> Rule:
    """The rule for a bug check; the general one where the catalog does not know it."""
    family = "general"
    if entry is not None:
        family = _BY_CODE.get(entry.code, "live_dump" if entry.live_dump else "general")
    return cast("Rule", import_module(f"smalldump.analysis.rules.{family}").rule)
