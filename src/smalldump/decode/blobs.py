"""The decoder of each kind of blob, by tag."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from smalldump.decode.acpi import decode_acpi
from smalldump.decode.blackbox import (
    decode_boot_status,
    decode_code_integrity,
    decode_ntfs,
    decode_pnp,
    decode_process_path,
    decode_winlogon,
)
from smalldump.decode.cpu_registry import decode_cpu_registry
from smalldump.decode.cpuid import decode_cpuid
from smalldump.decode.logs import decode_component_log, decode_kmdf_drivers, decode_trace_header
from smalldump.decode.pci import decode_pci
from smalldump.decode.requests import decode_requests
from smalldump.decode.smbios import decode_smbios
from smalldump.decode.storage import decode_storage
from smalldump.decode.values import JsonObject
from smalldump.errors import SmallDumpError
from smalldump.layout.blobs import BlobTag
from smalldump.layout.record import Buffer

__all__ = ["DECODERS", "PER_TAG", "Decoder", "decode_blob", "decode_blobs"]

PER_TAG = 3
"""Most blobs of one tag that are decoded; real dumps hold up to 3."""

Decoder: TypeAlias = Callable[[Buffer, bool], JsonObject]
"""(data, private) -> value; raises only `SmallDumpError`."""

DECODERS: Mapping[str, Decoder] = MappingProxyType(
    {
        BlobTag.CPU_REGISTRY: decode_cpu_registry,
        BlobTag.SMBIOS: decode_smbios,
        BlobTag.CPUID: decode_cpuid,
        BlobTag.ACPI: decode_acpi,
        BlobTag.PCI: decode_pci,
        BlobTag.STORAGE: decode_storage,
        BlobTag.TRIAGEDUMP_DATA: decode_requests,
        BlobTag.BOOT_STATUS: decode_boot_status,
        BlobTag.NTFS: decode_ntfs,
        BlobTag.PNP: decode_pnp,
        BlobTag.WINLOGON: decode_winlogon,
        BlobTag.CODE_INTEGRITY: decode_code_integrity,
        BlobTag.PROCESS_PATH: decode_process_path,
        BlobTag.EVENT_TRACE: decode_trace_header,
        BlobTag.KMDF_DRIVERS: decode_kmdf_drivers,
        BlobTag.WIN32KFULL_LOG: decode_component_log,
        BlobTag.WIN32KBASE_LOG: decode_component_log,
        BlobTag.WDIWIFI_LOG: decode_component_log,
        BlobTag.AMDPPM_LOG: decode_component_log,
    }
)
"""Tag -> decoder; `?` stands for any digit, as in `KNOWN_BLOBS`."""


def decode_blobs(blobs: Iterable[tuple[str, Buffer]], private: bool = False) -> list[JsonObject | None]:
    """What each of these blobs (tag, data) says; see `decode_blob`. None for all but the first `PER_TAG` of a tag."""
    seen: Counter[str] = Counter()
    decoded = []
    for tag, data in blobs:
        seen[tag] += 1
        decoded.append(decode_blob(tag, data, private) if seen[tag] <= PER_TAG else None)
    return decoded


def decode_blob(tag: str, data: Buffer, private: bool = False) -> JsonObject | None:
    """What the blob with this tag says; None where it is empty or no decoder is known.

    Never raises on account of the bytes: a blob that contradicts its form gives `{"error": "…"}`. With `private`,
    serial numbers, UUIDs and user names are given out, too.
    """
    decoder = DECODERS.get(tag) or DECODERS.get(f"{tag[:12]}?{tag[13:]}")
    if decoder is None or not len(data):
        return None
    try:
        return decoder(data, private)
    except SmallDumpError as error:
        return {"error": str(error)}
