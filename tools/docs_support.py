"""The support matrix: what is read, on what evidence, and which test shows it."""

from __future__ import annotations

from collections.abc import Iterator

from smalldump.decode.blobs import DECODERS
from smalldump.layout.blobs import KNOWN_BLOBS
from smalldump.layout.support import STRUCTURES, WINDOWS, WindowsSupport
from tools.docs_knowledge import decoder_name
from tools.docs_markdown import code, heading, page, paragraphs, table

__all__ = ["blob_test", "support_page"]

_ABOUT = """
What smalldump reads, how that is known, and the test that shows it. Four kinds of evidence count: real small memory
dumps (59, which stay outside the repository), small memory dumps that Microsoft's debugger engine wrote of synthetic
machines, Microsoft's public symbols of 51 kernels, and published headers. **Unverified** means that none of them covers
it: it is read by the nearest known form, and may be wrong.
"""
_ABOUT_WINDOWS = """
"Real" and "engine" count dumps; "symbols" counts kernels whose structure offsets were compared. A row without real or
engine-written dumps rests on its neighbours for the file format, and on symbols for kernel structures. "Everything" is
all that such a dump holds; its writer decides how much that is.
"""
_ABOUT_TESTS = """
Tests under `tests/truth` compare every fact with what Microsoft's engine prints; they need the sample dumps
(`SMALLDUMP_SAMPLES`) and are skipped without them. All others run on synthetic dumps anywhere.
"""
_WITHOUT_DECODER = "tests/layout/test_blobs.py"


def support_page() -> str:
    """The page."""
    parts = [
        paragraphs(_ABOUT),
        heading(2, "Windows versions"),
        paragraphs(_ABOUT_WINDOWS),
        table(
            ["Windows", "Server", "Builds", "Machine", "Real", "Engine", "Symbols", "Evidence", "What is read", "Test"],
            map(_windows_row, WINDOWS),
            right=(4, 5, 6),
        ),
        heading(2, "Structures"),
        table(
            ["Structure", "Machines", "Evidence", "Test"],
            ((each.name, each.machines, each.evidence, code(each.test)) for each in STRUCTURES),
        ),
        heading(2, "Blobs of secondary data"),
        table(["Content", "Tag", "Owner", "Evidence", "Decoder", "Test"], _blob_rows()),
        heading(2, "The tests"),
        paragraphs(_ABOUT_TESTS),
    ]
    return page("Support matrix", "`smalldump.layout.support` and `smalldump.layout.blobs`", parts)


def _windows_row(each: WindowsSupport) -> tuple[object, ...]:
    return (
        each.client or "-",
        each.server or "-",
        each.builds,
        each.machine_name,
        each.real or "-",
        each.engine or "-",
        each.symbols or "-",
        each.evidence,
        each.read,
        code(each.test),
    )


def _blob_rows() -> Iterator[tuple[str, ...]]:
    for tag, kind in KNOWN_BLOBS.items():
        yield (
            kind.name,
            code(tag),
            kind.owner or "unknown",
            kind.evidence,
            decoder_name(DECODERS.get(tag)) or "-",
            code(blob_test(tag)),
        )


def blob_test(tag: str) -> str:
    """Path of the tests of what is known about a tag: those of its decoder, else those of the chain of blobs."""
    decoder = DECODERS.get(tag)
    return f"tests/decode/test_{decoder.__module__.rpartition('.')[2]}.py" if decoder else _WITHOUT_DECODER
