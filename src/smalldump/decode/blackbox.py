"""Black boxes: what parts of Windows wrote down about their state for the case of a crash.

None of their layouts is published. Decoded is what the bytes of real dumps bear out, each function says how; the
rest is left alone. Field names of the boot status data are those that `!blackboxbsd` prints.
"""

from __future__ import annotations

from smalldump.decode.values import JsonObject, filetime_utc, known, private_or, text16, without_user
from smalldump.errors import FormatError
from smalldump.layout.record import Buffer, Record, u8, u16, u32, u64

__all__ = [
    "decode_boot_status",
    "decode_code_integrity",
    "decode_ntfs",
    "decode_pnp",
    "decode_process_path",
    "decode_winlogon",
]

_RUNNING = 0x01


class BootStatusData(Record, size=0x40):
    """The first part of the boot status data (`bootstat.dat`), the same in builds 19041 and 22000."""

    version = u32(0x00, "bytes of the whole structure")
    product_type = u32(0x04, "1: workstation")
    auto_advanced_boot = u8(0x08)
    advanced_boot_menu_timeout = u8(0x09, "seconds")
    last_boot_succeeded = u8(0x0A)
    last_boot_shutdown = u8(0x0B)
    sleep_in_progress = u8(0x0C)
    power_flags = u8(0x18, "bit 0: system running")
    last_reference_time = u64(0x20, "FILETIME, not long before the crash")
    last_update_boot_id = u32(0x2C)
    boot_attempt_count = u8(0x30)
    last_boot_checkpoint = u8(0x31)
    last_boot_id = u32(0x34)
    last_successful_shutdown_boot_id = u32(0x38)
    last_reported_abnormal_shutdown_boot_id = u32(0x3C)


class WinlogonBox(Record, size=0x0C):
    """What precedes the state text."""

    version = u32(0x00, "1")
    size = u32(0x04, "bytes of the blob")


class ProcessPath(Record, size=0x08):
    """What precedes the path."""

    version = u32(0x00, "1")
    size = u32(0x04, "bytes of the blob")


class PnpBox(Record, size=0x2C):
    """What precedes the device instance path."""

    time = u64(0x10, "FILETIME")


class NtfsBox(Record, size=0x18):
    """The header of the NTFS black box."""

    size = u16(0x02, "bytes of the blob, 0x1000")
    time = u64(0x08, "FILETIME, 1.3 to 1.9 s after boot")


class CodeIntegrityBox(Record, size=0xD6):
    """What precedes the path of the file."""

    size = u16(0x00, "bytes of the blob")
    version = u16(0x02, "2")
    time = u64(0x18, "FILETIME")
    status = u32(0x38, "NTSTATUS")
    path_bytes = u16(0xD4, "0: nothing recorded")


def decode_boot_status(data: Buffer, _private: bool) -> JsonObject:
    """What the boot loader will find: boots counted, whether this one had succeeded, when Windows last noted it ran.

    Seen in 8 real dumps: version is the size, both boot ids agree, the time lies 0 to 20 minutes before the crash.

    Raises:
        Truncated: The blob is shorter than the part that is understood.
        FormatError: The version is not the size of the blob.
    """
    bsd = BootStatusData(data)
    _expect_size(bsd.version, data)
    return known(
        version=bsd.version,
        product_type=bsd.product_type,
        auto_advanced_boot=bool(bsd.auto_advanced_boot),
        advanced_boot_menu_timeout=bsd.advanced_boot_menu_timeout,
        last_boot_succeeded=bool(bsd.last_boot_succeeded),
        last_boot_shutdown=bool(bsd.last_boot_shutdown),
        sleep_in_progress=bool(bsd.sleep_in_progress),
        system_running=bool(bsd.power_flags & _RUNNING),
        last_reference_time_utc=filetime_utc(bsd.last_reference_time),
        last_update_boot_id=bsd.last_update_boot_id,
        boot_attempt_count=bsd.boot_attempt_count,
        last_boot_checkpoint=bool(bsd.last_boot_checkpoint),
        last_boot_id=bsd.last_boot_id,
        last_successful_shutdown_boot_id=bsd.last_successful_shutdown_boot_id,
        last_reported_abnormal_shutdown_boot_id=bsd.last_reported_abnormal_shutdown_boot_id,
    )


def decode_winlogon(data: Buffer, _private: bool) -> JsonObject:
    """The state of the logon, as winlogon words it. Seen in 7 real dumps.

    Raises:
        Truncated: There is nothing behind the header.
        FormatError: The size in the header is not that of the blob.
    """
    _expect_size(WinlogonBox(data).size, data)
    return {"state": text16(data[WinlogonBox.SIZE :])}


def decode_process_path(data: Buffer, private: bool) -> JsonObject:
    """Native path of an executable; which process it is, is not known. Seen in 4 real dumps.

    A path below a user's folder names the user: that part is `<user>` unless private values are wanted.

    Raises:
        Truncated: There is nothing behind the header.
        FormatError: The size in the header is not that of the blob.
    """
    _expect_size(ProcessPath(data).size, data)
    return {"path": without_user(text16(data[ProcessPath.SIZE :]), private)}


def decode_pnp(data: Buffer, private: bool) -> JsonObject:
    """A device instance path with a time before the crash. Seen in 5 real dumps, what happened then is not known.

    The last part of the path, the instance, can be a serial number: it is a private value.

    Raises:
        Truncated: There is nothing behind the header.
    """
    device, _, instance = text16(data[PnpBox.SIZE :]).rpartition("\\")
    return known(
        time_utc=filetime_utc(PnpBox(data).time),
        device=device or None,
        instance=private_or(instance or None, private),
    )


def decode_ntfs(data: Buffer, _private: bool) -> JsonObject:
    """When the box was set up, and whether anything is in it. All 9 that were seen are empty.

    Raises:
        Truncated: The header is cut.
        FormatError: The size in the header is not that of the blob.
    """
    box = NtfsBox(data)
    _expect_size(box.size, data)
    rest = bytes(data[NtfsBox.SIZE :])
    return known(time_utc=filetime_utc(box.time), empty=not rest.strip(b"\0"))


def decode_code_integrity(data: Buffer, private: bool) -> JsonObject:
    """The file that code integrity last objected to: path, NTSTATUS, time; `file` is null where there is none.

    Seen in 9 real dumps, 3 of them with a file (twice with STATUS_INVALID_IMAGE_HASH).

    Raises:
        Truncated: The part before the path is cut.
        FormatError: The size in the header is not that of the blob.
    """
    box = CodeIntegrityBox(data)
    _expect_size(box.size, data)
    if not box.path_bytes:
        return {"file": None}
    path = text16(data[CodeIntegrityBox.SIZE : CodeIntegrityBox.SIZE + box.path_bytes])
    return {
        "file": known(
            path=without_user(path, private),
            status=f"0x{box.status:08x}",
            time_utc=filetime_utc(box.time),
        )
    }


def _expect_size(stored: int, data: Buffer) -> None:
    if stored != len(data):
        raise FormatError("black box of another size", expected=f"{len(data):#x} bytes", found=f"{stored:#x}")
