"""Small memory dumps of virtual machines, at the moment at which they stop: QEMU, by its monitor (QMP).

address ─► Monitor ─► GuestMemory ─► machine ─► sealed dump ─► guest goes on ─► file ─► hook
"""

from __future__ import annotations
