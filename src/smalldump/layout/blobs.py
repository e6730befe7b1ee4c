"""Secondary data behind the primary dump: the chain of tagged blobs, and who writes which tag.

    DUMP_BLOB_FILE_HEADER   `DumpBlob`, its own size, build                   (0x10 bytes, at SizeOfDump)
    DUMP_BLOB_HEADER        size, tag, data size, pads                        (0x20 bytes)
    pre-pad, data, post-pad
    DUMP_BLOB_HEADER …      no count: the chain ends where no header follows

Source: format reference §5, seen in 59 real dumps. What is called "measured" below was found in 21 real dumps.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from smalldump.layout.record import Buffer, Record, guid, raw, u32

__all__ = [
    "BLOB_LIMIT",
    "KMDF_LOG",
    "KNOWN_BLOBS",
    "NULL_GUID",
    "SIGNATURE",
    "BlobChain",
    "BlobKind",
    "BlobSpan",
    "BlobTag",
    "ChainEnd",
    "DumpBlobFileHeader",
    "DumpBlobHeader",
    "blob_kind",
    "walk_blobs",
]

SIGNATURE = b"DumpBlob"
"""The first eight bytes of secondary data."""
NULL_GUID = "00000000-0000-0000-0000-000000000000"
"""Tag of an empty filler, which 14 of 21 real dumps hold; it does not end the chain."""
BLOB_LIMIT = 4096
"""Most headers that are walked; real dumps hold up to 45."""


class DumpBlobFileHeader(Record, size=0x10):
    """`DUMP_BLOB_FILE_HEADER`, where secondary data starts."""

    signature = raw(0x00, 8, "`DumpBlob`")
    header_size = u32(0x08, "bytes of this header, 0x10")
    build_number = u32(0x0C, "0xF0000000 | build, free build")


class DumpBlobHeader(Record, size=0x20):
    """`DUMP_BLOB_HEADER`, before each blob."""

    header_size = u32(0x00, "bytes of this header, 0x20")
    tag = guid(0x04, "who wrote the blob")
    data_size = u32(0x14, "bytes; 0 occurs")
    pre_pad = u32(0x18, "bytes between header and data; 0 in all real dumps")
    post_pad = u32(0x1C, "bytes behind the data; dbgeng aligns to 8 from the start of the secondary data")


class BlobSpan(NamedTuple):
    """Where one blob lies. Offsets are file offsets, sizes are bytes."""

    tag: str
    header_offset: int
    offset: int
    size: int
    pre_pad: int
    post_pad: int


class ChainEnd(StrEnum):
    """Why a chain of blobs ended."""

    NO_SIGNATURE = "no_signature"
    """There is no `DumpBlob` header: the dump holds no secondary data."""
    END_OF_FILE = "end_of_file"
    """The last blob ends where the file ends, or too little is left for a header."""
    NO_HEADER = "no_header"
    """What follows is no header (its size is too small): the way that kernel-written dumps end the chain."""
    OVERRUN = "overrun"
    """The header at the end offset promises data beyond the end of the file."""
    LIMIT = "limit"
    """More than `BLOB_LIMIT` headers."""


class BlobChain(NamedTuple):
    """The blobs in file order; where the chain ended (file offset of the first byte not walked), and why."""

    blobs: tuple[BlobSpan, ...]
    end: int
    reason: ChainEnd


def walk_blobs(data: Buffer, start: int) -> BlobChain:
    """Walk the secondary data that starts at file offset `start` (`SizeOfDump`) of the whole file `data`.

    Empty blobs with the null GUID are passed over. In kernel-written dumps zeros and old page-file content follow
    the end of the chain: they are not part of the dump. Never raises; each step advances by 0x20 bytes or more.
    """
    view = memoryview(data)
    if not 0 <= start <= len(view) - DumpBlobFileHeader.SIZE or view[start : start + 8] != SIGNATURE:
        return BlobChain((), start, ChainEnd.NO_SIGNATURE)
    first = DumpBlobFileHeader(view, start).header_size
    if first < DumpBlobFileHeader.SIZE or start + first > len(view):
        return BlobChain((), start, ChainEnd.NO_SIGNATURE)
    return _walk_from(view, start + first)


_HEADER = DumpBlobHeader.unpacker("header_size", "tag", "data_size", "pre_pad", "post_pad")
_TAG = DumpBlobHeader.tag


def _walk_from(view: memoryview, position: int) -> BlobChain:
    blobs: list[BlobSpan] = []
    for _ in range(BLOB_LIMIT):
        if len(view) - position < DumpBlobHeader.SIZE:
            return BlobChain(tuple(blobs), position, ChainEnd.END_OF_FILE)
        header_size, raw_tag, size, pre_pad, post_pad = _HEADER.unpack_from(view, position)
        if header_size < DumpBlobHeader.SIZE:
            return BlobChain(tuple(blobs), position, ChainEnd.NO_HEADER)
        offset = position + header_size + pre_pad
        if offset + size > len(view):
            return BlobChain(tuple(blobs), position, ChainEnd.OVERRUN)
        if size or any(raw_tag):
            blobs.append(BlobSpan(_TAG.decode((raw_tag,)), position, offset, size, pre_pad, post_pad))
        position = min(offset + size + post_pad, len(view))
    return BlobChain(tuple(blobs), position, ChainEnd.LIMIT)


class BlobKind(NamedTuple):
    """What a tag stands for.

    Attributes:
        name: What the blob holds, in plain words.
        owner: The component that writes it, or None where it is unknown.
        evidence: How that is known.
        personal: What in it can tell a person or a machine from others; empty: nothing known.
    """

    name: str
    owner: str | None
    evidence: str
    personal: str = ""


def blob_kind(tag: str) -> BlobKind | None:
    """What is known of a tag (36 lower-case characters), or None.

    Some owners vary the last digit of the tag's second group; `KNOWN_BLOBS` has `?` there.
    """
    return KNOWN_BLOBS.get(tag) or KNOWN_BLOBS.get(f"{tag[:12]}?{tag[13:]}")


KMDF_LOG = "54c84888-01d1-4c1e-bed6-282c98241303"
"""Tag of the framework's own log, whose form is not published."""


class BlobTag(StrEnum):
    """Tags of the blobs that are decoded; `?` stands for any digit, which some owners vary."""

    CPU_REGISTRY = "6c7ac389-4313-47dc-9f34-a8800a0fb56c"
    SMBIOS = "bc5c008f-1e3a-44d7-988d-86f6884c6758"
    CPUID = "d03dc06f-d88e-44c5-ba2a-fae035172d19"
    ACPI = "e83b40d2-b0a0-4842-abea-71c9e3463dd1"
    PCI = "9276c055-eb87-425c-b8b5-04e4d247f6cd"
    BOOT_STATUS = "f57308df-cc45-4e01-ad76-29a4ebb010ec"
    NTFS = "00afe9c4-940d-4213-8016-cd3719b5bc20"
    PNP = "b7631941-532a-4cd6-b1b1-edb5917d4557"
    WINLOGON = "80cc79cf-a719-4af1-bf97-fe29ff76ebc1"
    CODE_INTEGRITY = "4ee76bd8-3cf4-44a0-a0ac-3937643e37a3"
    PROCESS_PATH = "be84d651-a550-4367-8e63-ab792b631f94"
    TRIAGEDUMP_DATA = "2b4ae195-a64d-4f04-8ede-7e4f981bd42a"
    EVENT_TRACE = "2b88b710-1c93-4f7c-b06c-655ecc50decc"
    WIN32KFULL_LOG = "335d5e04-563?-4e58-aa36-7ed1cfe76fd6"
    WIN32KBASE_LOG = "0f81ec00-9e5?-48e6-b899-eb3bbeede741"
    KMDF_DRIVERS = "f87e4a4c-c5a1-4d2f-bff0-d5de63a5e4c3"
    STORAGE = "da82441d-7142-4bc1-b844-0807c5a4b67f"
    WDIWIFI_LOG = "21ba7b61-05f?-41f1-9048-c09493dcfe38"
    AMDPPM_LOG = "67fc721a-285?-4f62-a3b1-2afc53953777"


_SYMBOL = "published table of tag symbols"
_DOCUMENTED = "Microsoft's documentation of bug check 0x117"
_SEEN = "seen; the owner is unknown"

KNOWN_BLOBS: Mapping[str, BlobKind] = MappingProxyType(
    {
        # Firmware and processor
        BlobTag.CPU_REGISTRY: BlobKind("CPU registry values", "mssmbios", _SYMBOL),
        BlobTag.SMBIOS: BlobKind(
            "SMBIOS tables", "mssmbios", _SYMBOL, "serial numbers, asset tags and the UUID of the machine"
        ),
        BlobTag.CPUID: BlobKind("Processor registers (CPUID, MSR)", "mssmbios", _SYMBOL),
        BlobTag.ACPI: BlobKind(
            "ACPI tables (cut short)", "mssmbios", _SYMBOL, "the MSDM table can hold the Windows product key"
        ),
        BlobTag.PCI: BlobKind("PCI configuration space", "pci", _SYMBOL),
        # Windows
        BlobTag.BOOT_STATUS: BlobKind("Boot status data (!blackboxbsd)", "nt", _SYMBOL),
        BlobTag.NTFS: BlobKind("NTFS black box (!blackboxntfs)", "ntfs", _SYMBOL),
        BlobTag.PNP: BlobKind(
            "PnP black box (!blackboxpnp)", "nt", _SYMBOL, "device instance ids can hold serial numbers"
        ),
        BlobTag.WINLOGON: BlobKind("Winlogon black box", "winlogon", _SYMBOL),
        BlobTag.CODE_INTEGRITY: BlobKind("Code integrity black box", "ci", _SYMBOL, "the path of a file"),
        BlobTag.PROCESS_PATH: BlobKind(
            "Path of a process", None, "the bytes: UTF-16 path of an executable", "the path can name a user"
        ),
        BlobTag.TRIAGEDUMP_DATA: BlobKind("Requests for data blocks", "nt", _SYMBOL),
        BlobTag.EVENT_TRACE: BlobKind(
            "Event trace buffers", "nt", _SYMBOL, "events of all kinds: paths, names, addresses"
        ),
        "d6d379dc-c699-43e9-8c5e-f5fd8dd65780": BlobKind(
            "Corrupt page of the memory store", "nt", "the bytes: 4 KiB page of a 0x1C7", "memory of a process"
        ),
        "65755a40-f146-43ea-8c91-36b85728fd35": BlobKind("Crash dump driver", "crashdmp", _SYMBOL),
        "b0692a5e-6b7b-4073-8a7c-604e35032970": BlobKind("Secure kernel log", "securekernel", _SYMBOL),
        "9282756a-ab95-4d24-a137-ecddc5de53f5": BlobKind("Secure kernel data (VSM)", "securekernel", _SYMBOL),
        "00dae7ca-6833-45c5-b147-bdaed7b61fd6": BlobKind("Hyper-V boot log", "hvservice", _SYMBOL),
        "5bc8704a-6cb7-4378-ac72-ad06e2416e4a": BlobKind("Hyper-V CAR", "hvservice", _SYMBOL),
        "0f1f53f3-561f-42e7-bdb4-ba8e66b726d5": BlobKind("Hyper-V feature configuration", "hvservice", _SYMBOL),
        BlobTag.WIN32KFULL_LOG: BlobKind("Window manager log (WPP)", "win32kfull", "the bytes: component name"),
        BlobTag.WIN32KBASE_LOG: BlobKind("Window manager log (WPP)", "win32kbase", "the bytes: component name"),
        # Driver frameworks and port drivers
        KMDF_LOG: BlobKind("KMDF log", "wdf01000", _SYMBOL),
        BlobTag.KMDF_DRIVERS: BlobKind("KMDF drivers", "wdf01000", _SYMBOL),
        BlobTag.STORAGE: BlobKind("Last storage requests", "storport", _SYMBOL),
        "c939c73b-17dc-4a44-904c-e2d987f52649": BlobKind("Paging device", "storport", _SYMBOL),
        "270a33fd-3da6-460d-ba89-3c1bae21e39b": BlobKind("Display state (TDR)", "watchdog", _DOCUMENTED),
        BlobTag.WDIWIFI_LOG: BlobKind("Wi-Fi class driver log (WPP)", "wdiwifi", "the bytes: component name"),
        BlobTag.AMDPPM_LOG: BlobKind("AMD processor driver log (WPP)", "amdppm", "the bytes: component name"),
        # Drivers of other makers: owners are inferred
        "bf2297dc-34ba-11dc-868a-e19155d89593": BlobKind(
            "NVIDIA display driver data", "nvlddmkm", "the bytes begin `NVCD`; measured: with nvlddmkm only"
        ),
        "d00ce1f5-d60c-41c2-af75-a4370c9976a3": BlobKind(
            "Intel display driver data", "igdkmd", "measured: in the 14 dumps with igdkmd*, in no other"
        ),
        "a5d4cd4e-c8ea-4f88-9e21-a73170a76a06": BlobKind(
            "AMD display driver version", "amdkmdag", "measured: with amdkmdag only; holds its version text"
        ),
        "41c9ed64-e466-41c3-9726-b1a68f6ebb1c": BlobKind(
            "Intel Wi-Fi driver data",
            "netwtw",
            "measured: in 12 of 15 dumps with Netw*, in no other",
            "names of wireless networks, hardware addresses",
        ),
        "6752c89d-f789-48b8-a354-b868a3e6f989": BlobKind(
            "Intel Bluetooth driver data", "ibtusb", "measured: in the 4 dumps with ibtusb, in no other"
        ),
        "10ec8168-313c-488c-afea-272cd2094616": BlobKind(
            "Realtek LAN driver data", "rt640x64", "the tag begins with the PCI id 10EC:8168; measured: 3 dumps"
        ),
        "019c061a-6b6a-4dd6-ba34-b4738d85fca1": BlobKind(
            "Symantec Auto-Protect data", "srtsp64", "measured: in the 5 dumps with srtsp64, in no other"
        ),
        "fc4259b6-cb0a-41eb-96a0-89a3100e7c19": BlobKind(
            "Kaspersky log (MARK)", "klupd_klif_mark", "measured: one dump, text scrambled by XOR 0xCC and ROT13"
        ),
        "bc0c3375-23b5-4f82-ac24-318a7375031a": BlobKind(
            "Kaspersky log (KLARK)", "klupd_klif_klark", "measured: one dump, text scrambled by XOR 0xCC and ROT13"
        ),
        "f38797ff-e1b7-4152-bf1a-8810540e55f6": BlobKind(
            "Kaspersky log (KLBG)", "klupd_klif_klbg", "measured: one dump, text scrambled by XOR 0xCC and ROT13"
        ),
        "d7266ca5-e230-4e0a-b9b9-0f5ff43bbc8b": BlobKind(
            "Kaspersky log (ARKMON)",
            "klupd_klif_arkmon",
            "measured: one dump, text scrambled by XOR 0xCC and ROT13",
        ),
        # Owner unknown
        "35c39fc3-116d-4fb1-9bd1-d9988b4c3adf": BlobKind("Unknown (8 bytes)", None, _SEEN),
        "5545f79e-5326-4467-ae69-81633ae33155": BlobKind("Unknown (begins `POWD` at 0x10)", None, _SEEN),
        "6de4c85a-57f3-4cda-82fe-c8855a58f8e4": BlobKind("Unknown (8 bytes)", None, _SEEN),
    }
)
"""Tag -> what is known of it; `?` stands for any digit. Ask with `blob_kind`."""
