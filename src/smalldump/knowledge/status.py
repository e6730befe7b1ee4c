"""Names of NTSTATUS values and exception codes."""

from __future__ import annotations

from functools import lru_cache

from smalldump.knowledge.table import lines_with_key, table_path

__all__ = ["exception_name", "status_name"]

_STATUS_TABLE = table_path("ntstatus.txt")

# Exception codes that language runtimes made up: 0xE0 and three letters, or a debugger convention.
_RUNTIME_EXCEPTIONS = {
    0x406D1388: "MS_VC_EXCEPTION",
    0xE0434352: "CLR_EXCEPTION",
    0xE0434F4D: "COMPLUS_EXCEPTION",
    0xE06D7363: "EH_EXCEPTION_NUMBER",
}


def status_name(value: int) -> str | None:
    """Name of an NTSTATUS, `STATUS_ACCESS_VIOLATION` for 0xC0000005; None where the value has no known name.

    Only the low 32 bits count: 64-bit dumps hold status codes sign-extended (0xFFFFFFFFC0000005).

    Source: names and values of mingw-w64 `ntstatus.h`, golang/sys and winapi-rs.
    """
    return _name(value & 0xFFFFFFFF)


def exception_name(value: int) -> str | None:
    """Name of an exception code: an NTSTATUS name, or that of a language runtime's own code.

    Only the low 32 bits count.
    """
    return _RUNTIME_EXCEPTIONS.get(value & 0xFFFFFFFF) or status_name(value)


@lru_cache(maxsize=256)
def _name(status: int) -> str | None:
    # Behind the name stand others of the same value, for whoever searches the table.
    lines = lines_with_key(_STATUS_TABLE, f"{status:08X}")
    return lines[0].split(" ")[1] if lines else None
