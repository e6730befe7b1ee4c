"""Bytes to meaning: pure functions from the bytes of a record to a JSON-able value.

No I/O, no state. Every byte is untrusted: a decoder checks each bound itself, caps what it gives out, and raises
nothing but a `SmallDumpError`. Serial numbers, UUIDs and the like are given out only when `private` is true;
otherwise their place holds `{"absent": "private"}`.
"""

from __future__ import annotations
