"""Blocks of the pools that parameters point to: header, tag and its owner, and the neighbours."""

from __future__ import annotations

from collections.abc import Mapping

from smalldump.analysis.stop_object import Fact, Reader, Scene, StopObject, lacking
from smalldump.decode.pool import PoolBlock, pool_block
from smalldump.knowledge.pool_tags import tag_owner
from smalldump.layout.pool import SEGMENT_HEAP_SINCE, PoolHeader32, PoolHeader64

__all__ = ["READERS", "read_pool_block", "read_pool_header"]

_PAGE = 0x1000


def read_pool_block(scene: Scene, address: int) -> StopObject:
    """The header before a block, by the address that its owner has."""
    return read_pool_header(scene, address - _header_size(scene))


def read_pool_header(scene: Scene, address: int) -> StopObject:
    """A pool header with, where sizes lead to them, the headers before and behind it."""
    block = _block(scene, address)
    if block is None:
        return lacking("pool_header", address, "POOL_HEADER")
    found = _described(address, block)
    if scene.build is None or scene.build >= SEGMENT_HEAP_SINCE:
        return found
    return found._replace(
        facts=(*found.facts, *_contradictions(scene, address, block)),
        children=tuple(_neighbours(scene, address, block)),
    )


def _header_size(scene: Scene) -> int:
    return PoolHeader64.SIZE if scene.machine.machine.bits == 64 else PoolHeader32.SIZE


def _block(scene: Scene, address: int) -> PoolBlock | None:
    header = scene.record(address, PoolHeader32, PoolHeader64)
    return None if header is None else pool_block(header)


def _described(address: int, block: PoolBlock) -> StopObject:
    owner = tag_owner(block.tag) if block.printable else None
    damaged = None if block.printable else "The tag has characters that no tag has: the header is overwritten."
    facts = (
        Fact("tag", block.tag),
        *([Fact("tag is used by", f"{owner.binary} ({owner.component})")] if owner else ()),
        Fact("size", f"{block.size:#x} bytes"),
        Fact("size of the block before", f"{block.previous:#x} bytes"),
        Fact("pool type", f"{block.pool_type:#x}"),
    )
    driver = owner.binary if owner and owner.binary.endswith(".sys") else None
    return StopObject("pool_header", address, None, facts, missing=damaged, driver=driver)


def _contradictions(scene: Scene, address: int, block: PoolBlock) -> list[Fact]:
    after = _block(scene, address + block.size) if _has_next(address, block) else None
    if after is None or after.previous == block.size:
        return []
    return [Fact("contradiction", f"the block behind it gives {after.previous:#x} bytes as its size")]


def _has_next(address: int, block: PoolBlock) -> bool:
    return bool(block.size) and address % _PAGE + block.size < _PAGE


def _neighbours(scene: Scene, address: int, block: PoolBlock) -> list[StopObject]:
    places = []
    if 0 < block.previous <= address % _PAGE:
        places.append(("before", address - block.previous))
    if _has_next(address, block):
        places.append(("behind", address + block.size))
    found = []
    for side, at in places:
        near = _block(scene, at)
        each = lacking("pool_header", at, "POOL_HEADER") if near is None else _described(at, near)
        found.append(each._replace(facts=(Fact("neighbour", side), *each.facts)))
    return found


READERS: Mapping[str, Reader] = {
    "pool_block": read_pool_block,
    "pool_header": read_pool_header,
}
"""By the kind of the object, as `objects.FAMILIES` has it."""
