"""`smalldump symbols`: which images and PDBs are wanted, where they were looked for, and how to carry them."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import click

from smalldump.cli.console import complain, internal_error, say
from smalldump.cli.downloads import downloads
from smalldump.cli.exits import ExitCode
from smalldump.cli.needs import Need, Needs, needs_of
from smalldump.cli.opening import opened
from smalldump.cli.options import images_option, no_terminal, symbol_sources, symbols_option
from smalldump.errors import FormatError, SmallDumpError, SourceUnreadable, StoreError
from smalldump.escape import escape
from smalldump.intake import expand, open_origin
from smalldump.report.values import JsonObject
from smalldump.symbols.attempts import Attempt, Found, Outcome
from smalldump.symbols.keeping import keep_copy, place_in
from smalldump.symbols.manifest import manifest_lines, read_manifest
from smalldump.symbols.path import Element, is_url
from smalldump.symbols.sources import SymbolSources
from smalldump.symbols.wanted import Wanted, WantedImage, WantedPdb

__all__ = ["symbols"]

_EPILOG = """
\b
Examples:
  smalldump symbols why 112226-8765-01.dmp --symbols srv*cache*https://msdl.microsoft.com/download/symbols
  smalldump symbols keys Minidump -o wanted.jsonl
  smalldump symbols fetch wanted.jsonl -o carried --symbols srv*
  smalldump symbols why 112226-8765-01.dmp --symbols carried
"""

_NO_IMAGE = "not known before the image is at hand"
_NO_STAMP = "the dump does not tell the image's time stamp"
_LARGEST_MANIFEST = 1 << 26


@click.group(epilog=_EPILOG, invoke_without_command=True)
@click.pass_context
def symbols(ctx: click.Context) -> int:
    """Tell which images and PDBs are wanted, where they were looked for, and fetch them for another machine.

    Nothing is asked of the network unless a symbol path names a server.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        return ExitCode.USAGE
    return ExitCode.OK


class _Answer(NamedTuple):
    """What became of one module's needs."""

    need: Need
    image: Found
    pdb_wanted: WantedPdb | None
    pdb: Found


@symbols.command(short_help="Where images and PDBs were looked for, and what came of it.")
@click.argument("path", type=click.Path(), callback=no_terminal)
@click.option("--all", "every", is_flag=True, help="All modules, not only those on the stack.")
@images_option
@symbols_option
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def why(*, path: str, every: bool, images: tuple[str, ...], symbols: tuple[str, ...], form: str) -> int:
    """Say where the images and PDBs of a dump's modules were looked for, and what came of each attempt.

    PATH is a dump, an archive with one dump in it, or - for standard input. Outcomes that servers gave a short while
    ago are remembered and said to be so.
    """
    with opened(path) as source:
        needs = needs_of(source, every)
    with downloads() as shown, symbol_sources(symbols, images, shown) as sources:
        if not sources:
            complain("nowhere to look: name folders with --images, or a symbol path with --symbols")
        answers = _answers(sources, needs.modules, shown.count)
    if form == "json":
        say(json.dumps([_answer_json(answer) for answer in answers], indent=2))
    else:
        say("\n\n".join(_answer_text(answer) for answer in answers) or "no modules on the stack")
    return needs.code


def _answers(sources: SymbolSources, needs: Iterable[Need], count: Callable[[int, int], None]) -> list[_Answer]:
    needs = list(needs)
    wanted = list(dict.fromkeys(each for need in needs for each in (need.image, need.pdb) if each is not None))
    for done, _ in enumerate(sources.prefetch(wanted), 1):
        count(done, max(done, len(wanted)))
    return [_answer(sources, need) for need in needs]


def _answer(sources: SymbolSources, need: Need) -> _Answer:
    image = Found(None) if need.image is None else sources.find(need.image)
    pdb = need.pdb or sources.pdb_of(image)
    return _Answer(need, image, pdb, Found(None) if pdb is None else sources.find(pdb))


def _answer_text(answer: _Answer) -> str:
    lines = [click.style(escape(answer.need.module), bold=True)]
    lines += _wanted_text("image", answer.need.image, answer.image, _NO_STAMP)
    lines += _wanted_text("PDB", answer.pdb_wanted, answer.pdb, _NO_IMAGE if not answer.image.path else "none is named")
    return "\n".join(lines)


def _wanted_text(what: str, wanted: Wanted | None, found: Found, unknown: str) -> Iterator[str]:
    yield f"  {what:5}  {unknown if wanted is None else escape(wanted.key)}"
    for attempt in found.attempts:
        detail = f" ({attempt.detail})" if attempt.detail else ""
        yield f"    {attempt.outcome.value:11}  {_place_text(attempt)}{detail}"
    if found.path is not None:
        yield f"    = {escape(str(found.path))}"


def _place_text(attempt: Attempt) -> str:
    separator = "/" if attempt.store.startswith("http") else ": "
    return f"{escape(attempt.store)}{separator}{attempt.key}"


def _answer_json(answer: _Answer) -> JsonObject:
    return {
        "module": answer.need.module,
        "image": _wanted_json(answer.need.image, answer.image),
        "pdb": _wanted_json(answer.pdb_wanted, answer.pdb),
    }


def _wanted_json(wanted: Wanted | None, found: Found) -> JsonObject | None:
    if wanted is None:
        return None
    attempts = [attempt._asdict() | {"outcome": attempt.outcome.value} for attempt in found.attempts]
    path = None if found.path is None else str(found.path)
    return {"name": wanted.file or wanted.name, "key": wanted.key, "path": path, "attempts": attempts}


@symbols.command(short_help="A manifest of the images and PDBs that dumps want.")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(), callback=no_terminal)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="MANIFEST", help="A new file for the manifest."
)
@click.option("--all", "every", is_flag=True, help="All modules, not only those on the stacks.")
@images_option
@symbols_option
def keys(
    *, paths: tuple[str, ...], output: Path | None, every: bool, images: tuple[str, ...], symbols: tuple[str, ...]
) -> int:
    """Print a manifest of the images and PDBs that dumps want, with their keys in symbol stores: a JSON object a line.

    A PDB's key is known only where its image is at hand: in the dump, in a folder of --images or --symbols. The others
    become known when `smalldump symbols fetch` has got the image. No server is asked here.
    """
    wanted, unknown, code = list[Wanted](), set[object](), ExitCode.OK
    with (
        symbol_sources(symbols, images) as configured,
        SymbolSources([*_folders_only(configured.elements)], configured.images.folders) as sources,
    ):
        for needs in _needs_of_all(paths, every):
            code = max(code, needs.code)
            for need in needs.modules:
                pdb = need.pdb or (need.image and sources.pdb_of(sources.find(need.image)))
                wanted += [each for each in (need.image, pdb) if each is not None and each.parts is not None]
                if pdb is None:
                    unknown.add(need.image or need.module)
    lines = list(manifest_lines(wanted))
    if output is None:
        say("\n".join(lines))
    else:
        _save_new(output, lines)
        say(f"{escape(str(output))}: {_count(len(lines) - 1, 'file')} wanted")
    if unknown:
        complain(f"the PDBs of {_count(len(unknown), 'module')} will be known when their images are at hand")
    return code


def _folders_only(elements: Iterable[Element]) -> Iterator[Element]:
    for element in elements:
        stores = tuple(store for store in element.stores if not is_url(store))
        if stores:
            yield Element(stores, element.plain)


def _needs_of_all(paths: Iterable[str], every: bool) -> Iterator[Needs]:
    """What each dump needs; what cannot be read is told and keeps nothing from the rest."""
    for origin in expand(paths):
        try:
            with open_origin(origin) as source:
                yield needs_of(source, every)
        except SourceUnreadable as error:
            complain(f"{error.path}: {error.why}")
            yield Needs(ExitCode.UNREADABLE, ())
        except SmallDumpError as error:
            complain(f"{origin.name}: {error}")
            yield Needs(ExitCode.UNREADABLE, ())
        except Exception as error:  # noqa: BLE001  a mistake of ours, and no reason to keep the other dumps from anyone
            complain(f"{origin.name}: {internal_error(error)}")
            yield Needs(ExitCode.UNREADABLE, ())


def _save_new(path: Path, lines: Iterable[str]) -> None:
    try:
        with path.open("x", encoding="ascii", newline="\n") as file:
            file.writelines(f"{line}\n" for line in lines)
    except OSError as error:
        raise StoreError(str(path), f"the manifest cannot be written: {error.strerror or error}") from error


@symbols.command(short_help="Fill a folder with what a manifest wants.")
@click.argument("manifest", type=click.Path(), callback=no_terminal)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    required=True,
    help="The folder to fill; a symbol store.",
)
@images_option
@symbols_option
@click.option("--fail-on", type=click.Choice(["missing"]), help="Exit with 1 where a file of the manifest is missing.")
def fetch(
    *, manifest: str, output: Path, images: tuple[str, ...], symbols: tuple[str, ...], fail_on: str | None
) -> int:
    """Fill a folder with the images and PDBs of a manifest, to be carried to a machine that has no network.

    MANIFEST is what `smalldump symbols keys` wrote, or - for standard input. The PDB of each image that is found is
    fetched, too. The folder is a symbol store: there, name it with --symbols.
    """
    wanted = _manifest(manifest)
    _ready_folder(output)
    with downloads() as shown, symbol_sources(symbols, images, shown) as configured:
        if not configured:
            raise click.UsageError("say where from: --symbols srv*CACHE*https://SERVER, or --images DIR")
        elements = [Element((str(output), *element.stores), element.plain) for element in configured.elements]
        with SymbolSources(elements, configured.images.folders, progress=shown) as sources:
            found = _fetched(sources, wanted, output, shown.count)
    return _told(found, fail_on)


def _manifest(path: str) -> list[Wanted]:
    try:
        return read_manifest(_manifest_bytes(path))
    except (OSError, FormatError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise SourceUnreadable(escape(path), why) from error


def _manifest_bytes(path: str) -> bytes:
    if path == "-":
        return sys.stdin.buffer.read(_LARGEST_MANIFEST)
    with open(path, "rb") as file:
        return file.read(_LARGEST_MANIFEST)


def _ready_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError as error:
        raise StoreError(str(folder), error.strerror or str(error)) from error
    if not writable:
        raise StoreError(str(folder), "the folder cannot be written")


def _fetched(
    sources: SymbolSources, wanted: list[Wanted], folder: Path, count: Callable[[int, int], None]
) -> dict[Wanted, Found]:
    fetched: dict[Wanted, Found] = {}
    for each, found in sources.prefetch(wanted):
        fetched[each] = found
        count(len(fetched), max(len(fetched), len(wanted)))
        if found.path is None:
            continue
        place = place_in(folder, each)
        if keep_copy(found.path, each, [folder]) != place:
            raise StoreError(str(place), "cannot be written")
    return fetched


def _told(found: dict[Wanted, Found], fail_on: str | None) -> ExitCode:
    missing = [each for each, its in found.items() if its.path is None]
    for each in sorted(missing, key=lambda each: each.key):
        say(f"missing  {escape(each.key)}  {_reason(found[each])}".rstrip())
    images = sum(isinstance(each, WantedImage) for each in found) - sum(isinstance(m, WantedImage) for m in missing)
    rest = len(found) - len(missing) - images
    say(f"{_count(images, 'image')} and {_count(rest, 'PDB')} are there, {len(missing)} missing")
    return ExitCode.FINDINGS if missing and fail_on else ExitCode.OK


def _reason(found: Found) -> str:
    """The attempt that says most: a file that was not the right one, a refusal, a server that does not answer."""
    telling = [attempt for attempt in found.attempts if attempt.outcome is not Outcome.ABSENT]
    return f"{telling[-1].outcome.value}: {telling[-1].store} {telling[-1].detail}".rstrip() if telling else ""


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
