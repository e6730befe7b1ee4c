"""What names an image beyond doubt: its store key."""

from __future__ import annotations

__all__ = ["image_key"]


def image_key(file: str, timestamp: int, size: int) -> str:
    """Where a symbol store keeps an image: `ntoskrnl.exe/FC9570F01046000/ntoskrnl.exe`.

    Args:
        file: File name of the image.
        timestamp: TimeDateStamp of its PE header.
        size: SizeOfImage, bytes.

    Source: Microsoft's documentation of symbol servers; eight upper-case digits, then the size without padding.
    """
    return f"{file}/{timestamp:08X}{size:x}/{file}"
