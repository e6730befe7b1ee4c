"""Names as debuggers show them, from names as compilers and linkers decorate them."""

from __future__ import annotations

from smalldump.symbols.undecorate.decorated import undecorated

__all__ = ["undecorated"]
