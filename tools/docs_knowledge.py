"""The reference pages of what smalldump knows: blobs, bug checks, drivers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from smalldump.decode.blobs import DECODERS, Decoder
from smalldump.knowledge.catalog import BugCheckEntry, all_bug_check_codes, listed_entry
from smalldump.knowledge.drivers import DriverEntry, Role, Skip, all_drivers
from smalldump.layout.blobs import KNOWN_BLOBS
from tools.docs_markdown import code, heading, page, paragraphs, table
from tools.docs_outputs import ROOT

__all__ = ["blobs_page", "bug_checks_page", "decoder_name", "drivers_page"]

_ABOUT_BLOBS = """
Behind the primary dump a small memory dump may hold secondary data: blobs that Windows components and drivers leave
under a GUID of their own. `smalldump show FILE blobs` lists those of a dump. A `?` in a tag stands for any digit. What
a blob may tell of a person or machine is left out of reports unless `--private` asks for it.
"""
_ABOUT_BUG_CHECKS = """
The catalog behind the words for a bug check, its parameters and sub-codes. Its source is
[knowledge-sources/bug-checks](../../knowledge-sources/README.md); facts come from Microsoft's Windows driver
documentation and public headers, the wording is smalldump's own.
"""
_ABOUT_DRIVERS = """
What is known about kernel-mode modules by name. It decides how readily a search for the culprit goes past a module, and
names makers and products. Its source is `src/smalldump/knowledge/drivers.toml`.
"""
_SOURCES = {
    "docs": "described in full by Microsoft's documentation",
    "docs-no-parameters": "documented without parameters",
    "header-only": "only the name is public",
}
_MOST = 15


def blobs_page() -> str:
    """The page of known blobs."""
    named = sorted(KNOWN_BLOBS.items(), key=lambda item: (item[1].owner or "~", item[1].name, item[0]))
    rows = [
        (code(tag), kind.name, kind.owner or "unknown", decoder_name(DECODERS.get(tag)), kind.evidence, kind.personal)
        for tag, kind in named
    ]
    headers = ["Tag", "Content", "Owner", "Decoder", "How that is known", "May identify"]
    counts = f"{len(KNOWN_BLOBS)} tags are known, {len(DECODERS)} of them are decoded; the others are shown as bytes."
    return page("Secondary data", "`smalldump.layout.blobs`", [paragraphs(_ABOUT_BLOBS), counts, table(headers, rows)])


def decoder_name(decoder: Decoder | None) -> str:
    """A decoder as people find it: `smbios.decode_smbios`."""
    if decoder is None:
        return ""
    return code(f"{decoder.__module__.rpartition('.')[2]}.{decoder.__name__}")


def bug_checks_page() -> str:
    """The page that counts the bug checks of the catalog."""
    entries = [entry for entry in map(listed_entry, all_bug_check_codes()) if entry is not None]
    parts = [
        paragraphs(_ABOUT_BUG_CHECKS),
        table(["What", "Number"], _counts(entries), right=(1,)),
        heading(2, "Most likely cause"),
        "The first cause that the catalog gives; variants and message identifiers are not counted.",
        table(["Cause", "Bug checks"], _causes(entries), right=(1,)),
        heading(2, "Bug checks with most sub-codes"),
        table(["Code", "Name", "Sub-codes"], _richest(entries), right=(2,)),
    ]
    return page("Bug checks", "`knowledge-sources/bug-checks`", parts)


def _counts(entries: list[BugCheckEntry]) -> list[tuple[str, int]]:
    by_source = Counter(entry.source for entry in entries)
    hints = [entry for entry in entries if entry.culprit or any(each.culprit for each in entry.subcodes)]
    return [
        ("codes in the catalog", len(entries)),
        *((f"of them {words}", by_source[source]) for source, words in _SOURCES.items()),
        ("forms of another code (0x1000007E is what small dumps carry for 0x7E)", _those(entries, "variant_of")),
        ("codes of live dumps, with which no machine stops", _those(entries, "live_dump")),
        ("identifiers of message texts", _those(entries, "message_only")),
        ("sub-codes, which refine a bug check by its parameters", sum(len(entry.subcodes) for entry in entries)),
        ("bug checks with a parameter that leads to the culprit", len(hints)),
    ]


def _those(entries: Iterable[BugCheckEntry], name: str) -> int:
    return sum(getattr(entry, name) not in (None, False) for entry in entries)


def _causes(entries: list[BugCheckEntry]) -> list[tuple[str, int]]:
    stops = [entry for entry in entries if entry.variant_of is None and not entry.message_only]
    counted = Counter(entry.causes[0] if entry.causes else "none given" for entry in stops)
    return sorted(counted.items(), key=lambda item: (-item[1], item[0]))


def _richest(entries: list[BugCheckEntry]) -> list[tuple[str, str, int]]:
    ranked = sorted(entries, key=lambda entry: (-len(entry.subcodes), entry.code))[:_MOST]
    return [(code(f"0x{entry.code:X}"), code(entry.name), len(entry.subcodes)) for entry in ranked]


def drivers_page() -> str:
    """The page that counts the known drivers by role."""
    known = all_drivers()
    families = sum(entry.name.endswith("*") for entry in known)
    counts = (
        f"{len(known)} entries, {families} of them families of names; "
        f"{sum(_is_extra(entry) for entry in known)} do not come with Windows. "
        f"They have {len({entry.vendor for entry in known})} makers."
    )
    headers = ["Role", "Meaning", "Entries", "Not of Windows", *(f"Skipped {skip}" for skip in Skip)]
    words = _role_words()
    rows = [_role_row(role, words[role], [entry for entry in known if entry.role is role]) for role in Role]
    parts = [
        paragraphs(_ABOUT_DRIVERS),
        paragraphs(counts),
        heading(2, "How readily blame passes a module"),
        table(["Skip", "Meaning"], ((code(name), text) for name, text in _head("skip").items())),
        heading(2, "Roles"),
        table(headers, rows, right=range(2, len(headers))),
    ]
    return page("Drivers", "`src/smalldump/knowledge/drivers.toml`", parts)


def _is_extra(entry: DriverEntry) -> bool:
    return entry.vendor != "Microsoft" or bool(entry.product)


def _role_row(role: Role, words: str, entries: list[DriverEntry]) -> list[object]:
    skips = Counter(entry.skip for entry in entries)
    others = sum(_is_extra(entry) for entry in entries)
    return [code(role), words, len(entries), others, *(skips[skip] for skip in Skip)]


def _role_words() -> dict[str, str]:
    return _head("role")


def _head(name: str) -> dict[str, str]:
    # The head of drivers.toml explains each word in a comment: `#   kernel   the kernel and its own parts`.
    lines = (ROOT / "src" / "smalldump" / "knowledge" / "drivers.toml").read_text(encoding="utf-8").splitlines()
    at = lines.index(f"# {name}:") + 1
    found: dict[str, str] = {}
    for line in lines[at:]:
        entry = re.fullmatch(r"#   (\w+) +(.+)", line)
        if entry is None:
            break
        found[entry[1]] = entry[2]
    return found
