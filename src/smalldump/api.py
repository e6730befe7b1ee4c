"""The public verbs: open, analyze, check, write."""

from __future__ import annotations

import os
from contextlib import nullcontext
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager
    from datetime import tzinfo

    from smalldump.analysis.plugins import AnalysisPlugin
    from smalldump.analysis.remarks import Failure
    from smalldump.checking import CheckResult
    from smalldump.intake import ByteSource
    from smalldump.model import Snapshot
    from smalldump.model.requests import DumpContributor, RangeRequest
    from smalldump.report import Report
    from smalldump.symbols.sources import SymbolSources
    from smalldump.unwind import CodeLookup
    from smalldump.writer.scrub import ScrubLevel
    from smalldump.writing import Written

__all__ = ["analyze", "analyze_source", "check", "lookup_for", "open_dump", "plugins_for", "symbol_files", "write"]


def open_dump(path: str | os.PathLike[str]) -> Snapshot:
    """Open a memory dump, whatever its kind; the result is a context manager.

    Args:
        path: A dump, or an archive that holds exactly one.

    Raises:
        SourceUnreadable: The file cannot be read.
        FormatError: The file is no kernel dump, or one of a kind that is not read.
    """
    from smalldump.intake import open_single
    from smalldump.sources.detect import open_snapshot

    source = open_single(path)
    try:
        return open_snapshot(source.data, source.name, source.close, beside=source.beside)
    except BaseException:  # whatever ends this, an interrupt too, nobody else knows the open file; it goes on up
        source.close()
        raise


def analyze(
    path: str | os.PathLike[str],
    *,
    private: bool = False,
    detailed: bool = False,
    symbols: str = "",
    images: Iterable[str | os.PathLike[str]] = (),
    known_issues: Iterable[str | os.PathLike[str]] = (),
    plugins: Iterable[AnalysisPlugin] | None = None,
) -> Report:
    """Analyse a memory dump.

    A damaged dump gives a report on what is still readable; a file that is no dump gives one that says so.

    Args:
        path: A dump, or an archive that holds exactly one.
        private: Whether serial numbers and unique identifiers may be in the report.
        detailed: Whether the report lists every data block, processor and thread.
        symbols: A symbol path, in the form of Windows' debuggers. Nothing is fetched unless it names a server.
        images: Folders with images.
        known_issues: Lists of known issues, as TOML files.
        plugins: Rules of others that take part; by default those that are installed (`smalldump.analysis_plugins`).

    Raises:
        SourceUnreadable: The file cannot be read.
        KnownIssuesError: A list of known issues is malformed.
        ValueError: The symbol path is malformed.
    """
    from smalldump.intake import open_single

    rules = plugins_for(known_issues, plugins)
    with open_single(path) as source, symbol_files(symbols, images) as files:
        return analyze_source(source, private=private, detailed=detailed, files=files, plugins=rules)


def plugins_for(
    known_issues: Iterable[str | os.PathLike[str]], plugins: Iterable[AnalysisPlugin] | None = None
) -> tuple[AnalysisPlugin | Failure, ...]:
    """The plug-ins at work: `plugins`, or else the installed ones, and one for each list of known issues.

    Raises:
        KnownIssuesError: A list of known issues is malformed.
    """
    lists = list(known_issues)
    rules = _installed() if plugins is None else tuple(plugins)
    if not lists:
        return rules
    from smalldump.analysis.known_issues import KnownIssues

    return (*rules, *map(KnownIssues.read, lists))


@cache
def _installed() -> tuple[AnalysisPlugin | Failure, ...]:
    from smalldump.analysis.plugins import installed_plugins

    return tuple(installed_plugins())


def symbol_files(
    symbols: str, images: Iterable[str | os.PathLike[str]]
) -> AbstractContextManager[SymbolSources | None]:
    """Symbol sources for a symbol path and folders with images; None where neither is named.

    Raises:
        ValueError: The symbol path is malformed.
    """
    folders = [os.fspath(folder) for folder in images]
    if not symbols and not folders:
        return nullcontext()
    from smalldump.symbols.sources import SymbolSources

    return SymbolSources(symbols, folders)


def analyze_source(
    source: ByteSource,
    *,
    private: bool = False,
    detailed: bool = False,
    files: SymbolSources | None = None,
    plugins: Iterable[AnalysisPlugin | Failure] = (),
) -> Report:
    """Analyse the bytes of an open source; see `analyze`. Never raises for what the bytes are."""
    from smalldump.analysis import analyse
    from smalldump.checking import check as check_bytes
    from smalldump.report.build import build_report, failure_report

    checked = check_bytes(source.data, source.file_name, source.beside)
    if checked.dump is None:
        return failure_report(checked, source.data)
    with checked.dump as dump:
        code = lookup_for(dump, files)
        analysis = analyse(dump, code, plugins)
        return build_report(dump, analysis, checked, source.data, private=private, detailed=detailed, lookup=code)


def lookup_for(machine: Snapshot, files: SymbolSources | None) -> CodeLookup:
    """Images and symbols of a machine's modules: out of symbol sources, if there are any, and its own memory."""
    from smalldump.unwind import NO_CODE, walk

    if not files:
        if not _holds_images(machine):
            return NO_CODE
        from smalldump.unwind.loaded import LoadedImages

        return LoadedImages(machine.memory)
    from smalldump.symbols.resolve import Resolver

    resolver = Resolver(files, machine.memory)
    resolver.prefetch(walk(machine).modules)
    return resolver


def _holds_images(machine: Snapshot) -> bool:
    # Most small dumps hold no image's beginning; to unwind by images takes long to import.
    return any(machine.memory.read_some(module.base, 2) == b"MZ" for module in machine.modules)


def check(path: str | os.PathLike[str]) -> CheckResult:
    """Say whether a file is a whole dump, a damaged one, or none, with findings.

    Raises:
        SourceUnreadable: The file cannot be read.
    """
    from smalldump.checking import check as check_bytes
    from smalldump.intake import open_single

    with open_single(path) as source:
        result = check_bytes(source.data, source.name, source.beside)
        if result.dump is not None:
            result.dump.close()
        return result


def write(
    source: str | os.PathLike[str] | Snapshot,
    *,
    into: str | os.PathLike[str] | None = None,
    to: str | os.PathLike[str] | None = None,
    reserve: str | os.PathLike[str] | None = None,
    profile: str | None = None,
    size: int | None = None,
    pages: Iterable[int | RangeRequest] = (),
    scrub: ScrubLevel | str | None = None,
    timezone: tzinfo | str | None = None,
    contributors: Iterable[DumpContributor] | None = None,
) -> Written:
    """Write a small memory dump of a stopped machine; the same machine gives the same bytes each time.

    It is written whole or not at all, and never replaces a file.

    Args:
        source: A dump of any kind that can be opened, or an open Snapshot, which stays open.
        into: A Minidump directory, which must be there: the dump gets the name that Windows would give it.
        to: A new file.
        reserve: A directory with a reserve: the dump goes into an empty slot and needs no free space.
        profile: `classic` (exactly 64 KiB, at most 16 KiB of stack) or `modern` (as large as its content, 32 KiB of
            stack on x64); by default classic for 32-bit machines, modern for 64-bit ones.
        size: Bytes of the file, exactly, at most 64 MiB; by default the profile decides.
        pages: Memory to include: an address stands for the 4 KiB page that holds it.
        scrub: What may be in a dump that is given away, all else is left out or zero: `facts` (what a report states) or
            `stack` (also what somebody needs who looks at the stack himself); by default nothing is left out.
        timezone: Time zone of the date in the name, where the machine's memory does not tell it: a `tzinfo`, or text
            such as `Europe/Berlin` or `+01:00`. UTC by default.
        contributors: Components that may add something; by default the installed ones (entry points of the group
            `smalldump.dump_contributors`), none for an empty tuple.

    Raises:
        ValueError: Not exactly one of `into`, `to` and `reserve`, an unknown profile, level or time zone, or an
            impossible size.
        SourceUnreadable: The source cannot be read.
        FormatError: The source is no kernel dump, or the dumps of its machine cannot be written.
        BudgetTooSmall: What must be in the dump does not fit into `size`; `.needed` would do.
        StoreError: The dump cannot be saved there; nothing has changed.
    """
    from smalldump.collect import installed_contributors
    from smalldump.compose import compose
    from smalldump.minidumps import parse_zone
    from smalldump.writing import (
        checked_size,
        place_of,
        profile_of,
        requested,
        scrub_level_of,
        write_composed,
    )

    place = place_of(into, to, reserve)
    zone = parse_zone(timezone) if isinstance(timezone, str) else timezone
    with _machine(source) as machine:
        wanted = [requested(page, machine.machine) for page in pages]
        composed = compose(
            machine,
            profile=profile_of(profile),
            size=checked_size(size),
            pages=wanted,
            contributors=installed_contributors() if contributors is None else contributors,
            scrub_level=scrub_level_of(scrub),
        )
        return write_composed(machine, composed, place, wanted, zone)


def _machine(source: str | os.PathLike[str] | Snapshot) -> AbstractContextManager[Snapshot]:
    return open_dump(source) if isinstance(source, str | os.PathLike) else nullcontext(source)
