"""Objects of the executive that a bug check names.

Source: Microsoft's wdm.h, as published since Windows 7.
"""

from __future__ import annotations

from smalldump.layout.record import Record, u8, u16, u32, u64

__all__ = ["Eresource32", "Eresource64", "ObjectHeader32", "ObjectHeader64"]


class ObjectHeader64(Record, size=0x30):
    """`OBJECT_HEADER` of 64 bits since Windows 7, right before the object that it is the header of.

    Source: public symbols.
    """

    pointer_count = u64(0x00, "references, signed; on Windows 10 most of them are prepaid by handles")
    handle_count = u64(0x08, "handles, signed")
    type_index = u8(0x18, "of its type; since Windows 10 mixed with its address and a secret")
    info_mask = u8(0x1A, "which optional headers lie before it")
    flags = u8(0x1B)


class ObjectHeader32(Record, size=0x18):
    """`OBJECT_HEADER` of 32 bits since Windows 7. Source: public symbols."""

    pointer_count = u32(0x00, "references, signed")
    handle_count = u32(0x04, "handles, signed")
    type_index = u8(0x0C, "of its type; since Windows 10 mixed with its address and a secret")
    info_mask = u8(0x0E, "which optional headers lie before it")
    flags = u8(0x0F)


class Eresource64(Record, size=0x68):
    """`ERESOURCE` of 64 bits since Windows 7, a lock for one writer or several readers."""

    owner_table = u64(0x10, "address of the table of owners, if there are several")
    active_count = u16(0x18, "owners")
    flag = u16(0x1A, "ResourceOwnedExclusive is 0x80")
    owner_thread = u64(0x30, "address of the owner's ETHREAD; not a thread where one of the two lowest bits is set")
    contention_count = u32(0x44)
    shared_waiters = u32(0x48)
    exclusive_waiters = u32(0x4C)


class Eresource32(Record, size=0x38):
    """`ERESOURCE` of 32 bits since Windows 7."""

    owner_table = u32(0x08, "address of the table of owners, if there are several")
    active_count = u16(0x0C, "owners")
    flag = u16(0x0E, "ResourceOwnedExclusive is 0x80")
    owner_thread = u32(0x18, "address of the owner's ETHREAD; not a thread where one of the two lowest bits is set")
    contention_count = u32(0x24)
    shared_waiters = u32(0x28)
    exclusive_waiters = u32(0x2C)
