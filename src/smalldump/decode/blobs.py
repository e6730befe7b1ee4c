"""The decoder of each kind of blob, by tag."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
from smalldump.layout.record import Buffer

__all__ = ["DECODERS", "Decoder", "decode_blob"]

Decoder: TypeAlias = Callable[[Buffer, bool], JsonObject]
"""(data, private) -> value; raises only `SmallDumpError`."""

DECODERS: Mapping[str, Decoder] = MappingProxyType(
    {
        "6c7ac389-4313-47dc-9f34-a8800a0fb56c": decode_cpu_registry,
        "bc5c008f-1e3a-44d7-988d-86f6884c6758": decode_smbios,
        "d03dc06f-d88e-44c5-ba2a-fae035172d19": decode_cpuid,
        "e83b40d2-b0a0-4842-abea-71c9e3463dd1": decode_acpi,
        "9276c055-eb87-425c-b8b5-04e4d247f6cd": decode_pci,
        "da82441d-7142-4bc1-b844-0807c5a4b67f": decode_storage,
        "2b4ae195-a64d-4f04-8ede-7e4f981bd42a": decode_requests,
        "f57308df-cc45-4e01-ad76-29a4ebb010ec": decode_boot_status,
        "00afe9c4-940d-4213-8016-cd3719b5bc20": decode_ntfs,
        "b7631941-532a-4cd6-b1b1-edb5917d4557": decode_pnp,
        "80cc79cf-a719-4af1-bf97-fe29ff76ebc1": decode_winlogon,
        "4ee76bd8-3cf4-44a0-a0ac-3937643e37a3": decode_code_integrity,
        "be84d651-a550-4367-8e63-ab792b631f94": decode_process_path,
        "2b88b710-1c93-4f7c-b06c-655ecc50decc": decode_trace_header,
        "f87e4a4c-c5a1-4d2f-bff0-d5de63a5e4c3": decode_kmdf_drivers,
        "335d5e04-563?-4e58-aa36-7ed1cfe76fd6": decode_component_log,
        "0f81ec00-9e5?-48e6-b899-eb3bbeede741": decode_component_log,
        "21ba7b61-05f?-41f1-9048-c09493dcfe38": decode_component_log,
        "67fc721a-285?-4f62-a3b1-2afc53953777": decode_component_log,
    }
)
"""Tag -> decoder; `?` stands for any digit, as in `KNOWN_BLOBS`."""


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
