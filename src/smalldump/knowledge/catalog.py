"""The catalog of bug checks: what a stop code and its four parameters mean, and which of them shows the culprit.

One entry costs one look into a sorted table; its sub-codes are decoded only when they are looked at.
A dump's header holds the *stored* code. The code that people talk about differs where the kernel set bit 28 to say
that it wrote a small dump (0x1000007E for 0x7E): `canonical_code` gives it.

Source: Microsoft's Windows driver documentation (CC BY 4.0, changed: all wording is new), names and values from
mingw-w64 `bugcodes.h` and the SDK enumeration; `causes` and `note` are judgement.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, overload

from smalldump.knowledge.conditions import Condition, ParameterFacts
from smalldump.knowledge.status import exception_name, status_name
from smalldump.knowledge.table import lines_with_key, table_path

__all__ = [
    "BugCheckEntry",
    "CulpritHint",
    "ParameterEntry",
    "SubCode",
    "SubCodes",
    "all_bug_check_codes",
    "bug_check",
    "canonical_code",
    "culprit_hint",
    "exception_name",
    "is_driver_defined",
    "listed_entry",
    "status_name",
]

_BUG_CHECKS = table_path("bug_checks.txt")
_SUBCODES = table_path("subcodes.txt")
_SMALL_DUMP_FORM = 0x10000000
_CUSTOMER_BIT = 0x20000000
_STATUS_KINDS = frozenset({"exception-code", "ntstatus"})
_PAGES = "https://learn.microsoft.com/windows-hardware/drivers/debugger/"


class ParameterEntry(NamedTuple):
    """One of the four bug check parameters.

    Attributes:
        meaning: In words, at most 160 characters.
        kind: How to decode it: `address-code`, `address-data`, `irql`, `access-type`, `ntstatus`,
            `exception-code`, `process-id`, `integer`, `flags`, `reserved`, `unknown` or `pointer:<structure>`.
    """

    meaning: str
    kind: str


class CulpritHint(NamedTuple):
    """Which parameter leads to the driver at fault. A place, not guilt: in the kernel, walk on from there.

    Attributes:
        param: Number of the parameter, 1 to 4.
        kind: How to follow it, as in `ParameterEntry.kind`.
        how: In words, what stands there.
        causes: Usual causes, the likeliest first: `driver`, `hardware`, `memory`, `storage`, `gpu`, `power`,
            `firmware`, `os`, `corruption`, `user-initiated`, `security`.
        note: Advice on reading this bug check, or None.
    """

    param: int
    kind: str
    how: str
    causes: tuple[str, ...]
    note: str | None


class SubCode(NamedTuple):
    """What a bug check means when its parameters have certain values.

    Attributes:
        when: The conditions on single parameters; all must hold.
        meaning: In words.
        parameters: All four, those of the bug check where the sub-code has none of its own.
        culprit: This sub-code's own hint, or None.
    """

    when: tuple[Condition, ...]
    meaning: str
    parameters: tuple[ParameterEntry, ...]
    culprit: CulpritHint | None


class SubCodes(Sequence[SubCode]):
    """The sub-codes of one bug check, read when they are looked at: 0xC4 has 243 of them."""

    __slots__ = ("_base", "_causes", "_code", "_count", "_note")

    def __init__(
        self, code: int, count: int, base: tuple[ParameterEntry, ...], causes: tuple[str, ...], note: str | None
    ) -> None:
        self._code, self._count, self._base, self._causes, self._note = code, count, base, causes, note

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> SubCode: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[SubCode, ...]: ...
    def __getitem__(self, index: int | slice) -> SubCode | tuple[SubCode, ...]:
        if isinstance(index, slice):
            return tuple(map(self._decoded, self._lines()[index]))
        return self._decoded(self._lines()[index])

    def __repr__(self) -> str:
        return f"<{len(self)} sub-codes of {self._code:#x}>"

    def match(self, parameters: Sequence[int]) -> SubCode | None:
        """The sub-code with most conditions among those that hold, the first of equals; None where none holds."""
        facts = ParameterFacts(parameters, [entry.kind in _STATUS_KINDS for entry in self._base])
        best, most = None, 0
        for line in self._lines():
            clauses = line.split("\t", 2)[1].split(" ")
            if len(clauses) > most and all(map(facts.satisfy, clauses)):
                best, most = line, len(clauses)
        return None if best is None else self._decoded(best)

    def _lines(self) -> list[str]:
        return _subcode_lines(self._code) if self._count else []

    def _decoded(self, line: str) -> SubCode:
        _, when, meaning, culprit, *parameters = line.split("\t")
        return SubCode(
            when=tuple(map(Condition.parse, when.split(" "))),
            meaning=meaning,
            parameters=_parameters(parameters) if parameters else self._base,
            culprit=_hint(culprit, self._causes, self._note),
        )


class BugCheckEntry(NamedTuple):
    """One bug check as the catalog lists it.

    Attributes:
        code: The stop code.
        name: Microsoft's name, without prefix.
        summary: What happened, in one sentence.
        parameters: Meaning and kind of parameters 1 to 4; sub-codes may refine them, see `match`.
        subcodes: In the order of Microsoft's pages.
        causes: Usual causes, as in `CulpritHint.causes`.
        culprit: Which parameter leads to the culprit whatever the sub-code, or None.
        note: Advice on reading this bug check, or None.
        live_dump: The code labels a live dump: the machine did not stop.
        message_only: The number identifies a message text; no machine stops with it.
        variant_of: The code that this one is a form of, or None.
        aliases: Other names of the same code.
        source: `docs`, `docs-no-parameters` (the page gives none) or `header-only` (only the name is public, the
            summary is inferred from it).
        doc: Name of Microsoft's page, or None.
    """

    code: int
    name: str
    summary: str
    parameters: tuple[ParameterEntry, ...]
    subcodes: SubCodes
    causes: tuple[str, ...]
    culprit: CulpritHint | None
    note: str | None
    live_dump: bool
    message_only: bool
    variant_of: int | None
    aliases: tuple[str, ...]
    source: str
    doc: str | None

    @property
    def url(self) -> str | None:
        """Address of Microsoft's page on this bug check, or None."""
        return self.doc and _PAGES + self.doc

    def match(self, parameters: Sequence[int]) -> SubCode | None:
        """The most specific sub-code that these four parameters select, or None.

        Parameters that are exception or status codes count with their low 32 bits.
        """
        return self.subcodes.match(parameters)


def canonical_code(stored_code: int) -> int:
    """The code to report for a header's code: 0x7E for 0x1000007E. An unknown code is its own.

    Listed forms name the code that they vary; any other code is tried with bit 28 cleared.
    """
    entry = listed_entry(stored_code)
    if entry is not None:
        return entry.code if entry.variant_of is None else entry.variant_of
    plain = stored_code & ~_SMALL_DUMP_FORM
    return stored_code if plain == stored_code or listed_entry(plain) is None else plain


def bug_check(stored_code: int) -> BugCheckEntry | None:
    """The entry of a header's code, under its canonical code; None where the catalog does not know it."""
    return listed_entry(canonical_code(stored_code))


def is_driver_defined(stored_code: int) -> bool:
    """Whether the code is not Windows' own: unlisted, with the customer bit (29) of a status code set.

    Source: 0xA0000001 seen in 7 of 21 real dumps; the meaning of the bit is that of NTSTATUS.
    """
    return bool(stored_code & _CUSTOMER_BIT) and bug_check(stored_code) is None


def culprit_hint(stored_code: int, parameters: Sequence[int]) -> CulpritHint | None:
    """Which of the parameters leads to the culprit: the sub-code's own hint first, then the bug check's.

    None where no parameter does, or the code is unknown.
    """
    entry = bug_check(stored_code)
    if entry is None:
        return None
    subcode = entry.match(parameters)
    return subcode.culprit if subcode and subcode.culprit else entry.culprit


def all_bug_check_codes() -> tuple[int, ...]:
    """Every listed code in ascending order, variants and message identifiers included."""
    with _BUG_CHECKS.open(encoding="ascii") as table:
        return tuple(int(line[:8], 16) for line in table if not line.startswith("#"))


@lru_cache(maxsize=64)
def listed_entry(code: int) -> BugCheckEntry | None:
    """The entry listed under exactly this code, a variant under its own name; None where there is none."""
    for line in lines_with_key(_BUG_CHECKS, f"{code:08X}"):
        return _entry(line)
    return None


@lru_cache(maxsize=64)
def _subcode_lines(code: int) -> list[str]:
    return lines_with_key(_SUBCODES, f"{code:08X}")


def _entry(line: str) -> BugCheckEntry:
    number, name, source, marks, variant, aliases, doc, causes, summary, culprit, note, count, *parameters = line.split(
        "\t"
    )
    code, base, reasons, advice = int(number, 16), _parameters(parameters), tuple(causes.split()), note or None
    return BugCheckEntry(
        code=code,
        name=name,
        summary=summary,
        parameters=base,
        subcodes=SubCodes(code, int(count), base, reasons, advice),
        causes=reasons,
        culprit=_hint(culprit, reasons, advice),
        note=advice,
        live_dump="live_dump" in marks,
        message_only="message_only" in marks,
        variant_of=int(variant, 16) if variant else None,
        aliases=tuple(aliases.split()),
        source=source,
        doc=doc or None,
    )


def _parameters(fields: list[str]) -> tuple[ParameterEntry, ...]:
    pairs = (field.split(" ", 1) for field in fields)
    return tuple(ParameterEntry(meaning, kind) for kind, meaning in pairs)


def _hint(field: str, causes: tuple[str, ...], note: str | None) -> CulpritHint | None:
    if not field:
        return None
    param, kind, how = field.split(" ", 2)
    return CulpritHint(int(param), kind, how, causes, note)
