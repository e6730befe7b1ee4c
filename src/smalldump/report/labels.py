"""Labels: how the fields of a report are called where people read them, and how their values look there."""

from __future__ import annotations

import re

from smalldump.report.shown import address, is_absent, moment, text
from smalldump.report.values import Json, JsonObject

__all__ = ["code_place", "label", "microsoft_name", "value_words"]

# Fields of structures go by Microsoft's names.
_FIELDS = frozenset(
    {
        "directory_table_base",
        "kd_debugger_data_block",
        "mini_dump_fields",
        "pfn_data_base",
        "ps_active_process_head",
        "ps_loaded_module_list",
        "required_dump_space",
        "secondary_data_state",
        "writer_status",
    }
)
_LABELS = {
    "build_lab": "build string",
    "create_time_utc": "created",
    "owner": "owner's address",
    "start": "started at",
    "suites": "suite bits",
    "teb": "TEB",
    "win32_start": "Win32 start at",
    "windows": "Windows",
}
_SPELLINGS = {
    "acpi": "ACPI",
    "apic": "APIC",
    "bios": "BIOS",
    "cpu": "CPU",
    "dpc": "DPC",
    "guid": "GUID",
    "id": "ID",
    "isr": "ISR",
    "mhz": "MHz",
    "mib": "(MiB)",
    "mts": "(MT/s)",
    "oem": "OEM",
    "pae": "PAE",
    "pci": "PCI",
    "pid": "pid",
    "prcb": "PRCB",
    "sku": "SKU",
    "utc": "(UTC)",
    "uuid": "UUID",
}
_MICROSOFT = {"kthread": "KThread", "ethread": "EThread", "csd": "CSD"}
_CODES = frozenset({"code", "flags", "mini_dump_fields", "secondary_data_state"})
_HEX = re.compile(r"0x[0-9a-f]+", re.ASCII)
_AMOUNTS = frozenset({"memory_mib", "pages", "required_dump_space", "size", "size_mib"})
_SMALL = 0x10000  # below lie offsets, sizes and selectors, no addresses


def label(name: str) -> str:
    """The field's name in words: `parent_pid` is `parent pid`. What is no name of ours stays as it is, escaped."""
    if name in _FIELDS:
        return microsoft_name(name)
    if not (name.isascii() and name.isidentifier() and name.islower()):
        return text(name)
    return _LABELS.get(name) or " ".join(_SPELLINGS.get(word, word) for word in name.split("_"))


def microsoft_name(name: str) -> str:
    """The field's name in Microsoft's spelling: `ps_loaded_module_list` is `PsLoadedModuleList`."""
    return "".join(_MICROSOFT.get(word) or word[:1].upper() + word[1:] for word in name.split("_"))


def value_words(name: str, value: Json, bits: int) -> str:
    """The value of a field: addresses and times as everywhere, lists and nested fields in one line."""
    if isinstance(value, dict) and not is_absent(value):
        if "address" in value and "module" in value:
            return code_place(value, bits)
        return ", ".join(f"{label(inner)} {value_words(inner, each, bits)}" for inner, each in value.items())
    if isinstance(value, list):
        return ", ".join(_item(name, each, bits) for each in value) or "none"
    if name.endswith("_utc"):
        return moment(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}" if name in _AMOUNTS else str(value)
    return _word(name, value, bits)


def _item(name: str, value: Json, bits: int) -> str:
    words = value_words(name, value, bits)
    return f"[{words}]" if isinstance(value, dict) else words


def _word(name: str, value: Json, bits: int) -> str:
    number = isinstance(value, str) and name not in _CODES and _HEX.fullmatch(value)
    return address(value, bits) if number and int(value, 16) >= _SMALL else text(value)


def code_place(place: JsonObject, bits: int) -> str:
    """A place in code: `nt+0x225870`, `<Unloaded_x>+0x10`, or the address."""
    if place.get("module"):
        return f"{text(place['module'])}+{text(place.get('offset'))}"
    if place.get("unloaded_module"):
        return f"<Unloaded_{text(place['unloaded_module'])}>+{text(place.get('offset'))}"
    return address(place.get("address") or place.get("pc"), bits)
