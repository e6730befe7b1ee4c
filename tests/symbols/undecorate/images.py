"""Decorated names of real images, those that the recorded stacks of `tests.truth.oracle_cases` are from."""

from __future__ import annotations

from functools import cache

from smalldump.images.pe import PeImage
from tests.truth.oracle_cases import image_folder, required_image

__all__ = ["exported_names", "undecorating_library"]

_SHA256 = "d5e4d9a3e835fa679450145d6a7d94e36573a509317111904d9b3712c30d9066"


def undecorating_library() -> bytes:
    """Visual C++'s run-time library, which exports Microsoft's undecorator; skips or fails where it cannot be had."""
    return required_image("x64", "vcruntime140.dll", _SHA256)


@cache
def exported_names() -> list[str]:
    """All names of C++ that the images export."""
    undecorating_library()
    images = [PeImage.from_file(memoryview(path.read_bytes())) for path in image_folder().iterdir() if path.is_file()]
    return sorted({each.name for image in images for each in image.exports if each.name.startswith("?")})
