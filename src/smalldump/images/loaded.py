"""Images as they lie in a machine's memory, whole or in pieces."""

from __future__ import annotations

from smalldump.errors import FormatError, MemoryUnavailable
from smalldump.images.pe import PeImage
from smalldump.memory import AddressSpace

__all__ = ["loaded_image"]


def loaded_image(memory: AddressSpace, base: int, size: int, timestamp: int | None) -> PeImage | None:
    """The image that is loaded at `base`, if its headers are there and it looks like the one that is meant.

    Args:
        memory: Of the machine.
        base: Where the list of modules says that it is.
        size: Its SizeOfImage, bytes.
        timestamp: Its TimeDateStamp; None where it is not known.
    """
    try:
        image = PeImage.in_memory(memory, base)
    except (FormatError, MemoryUnavailable):
        return None
    return image if image.size_of_image == size and timestamp in (None, image.timestamp) else None
