"""The writer: from a Snapshot and ranked requests to the bytes of a small memory dump, within a budget.

Contents say what is to be written; the budget gives up what does not fit; the plan places the rest, as data; emit
only copies.
"""

from __future__ import annotations

from smalldump.writer.budget import Dropped, fit
from smalldump.writer.contents import Contents, contents_of
from smalldump.writer.emit import emit
from smalldump.writer.plan import Placed, Plan, place
from smalldump.writer.profile import CLASSIC, MODERN, Profile, default_profile

__all__ = [
    "CLASSIC",
    "MODERN",
    "Contents",
    "Dropped",
    "Placed",
    "Plan",
    "Profile",
    "contents_of",
    "default_profile",
    "emit",
    "fit",
    "place",
]
