"""Pages: the reports of a run as one HTML file, written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from smalldump.cli.outcomes import Outcome
from smalldump.cli.overview import without_shared
from smalldump.errors import StoreError
from smalldump.report.document import Document

__all__ = ["page_path", "paged"]

_SUFFIXES = (".html", ".htm")


def page_path(ctx: click.Context, param: click.Parameter, path: str | None) -> str | None:
    """Take only names of pages: a file of any other kind, a dump, say, is never replaced."""
    if path is not None and Path(path).suffix.lower() not in _SUFFIXES:
        raise click.BadParameter("the name of a page ends in .html", ctx, param)
    return path


@contextmanager
def paged(outcomes: Iterator[Outcome], path: str | None) -> Iterator[Iterator[Outcome]]:
    """The same outcomes; their reports are written to `path` when all have passed.

    Raises:
        StoreError: The page cannot be written.
    """
    if path is None:
        yield outcomes
        return
    kept = list[tuple[str, Document]]()
    yield _kept(outcomes, kept)
    _write(path, kept)


def _kept(outcomes: Iterator[Outcome], kept: list[tuple[str, Document]]) -> Iterator[Outcome]:
    from smalldump.report.html import MOST_WHOLE, digest

    for outcome in outcomes:
        if outcome.report is not None:
            whole = len(kept) < MOST_WHOLE
            kept.append((outcome.name, outcome.report if whole else digest(outcome.report)))
        yield outcome


def _write(path: str, kept: list[tuple[str, Document]]) -> None:
    from smalldump.report.html import html_page

    names = without_shared([name for name, _ in kept]) if kept else []
    page = html_page([report for _, report in kept], names)
    try:
        _replace(Path(path), page.encode("utf-8"))
    except OSError as error:
        raise StoreError(path, f"the page could not be written: {error.strerror or error}") from error


def _replace(path: Path, page: bytes) -> None:
    """A page that is read while it is written is the old one or the new one."""
    handle, beside = tempfile.mkstemp(prefix=path.name, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(page)
        os.chmod(beside, _mode(path))
        os.replace(beside, path)
    except BaseException:  # whatever ends this, an interrupt too, leaves nothing beside the page
        with suppress(OSError):
            os.unlink(beside)
        raise


def _mode(path: Path) -> int:
    """What the file may have had before, or what any new file gets."""
    try:
        return path.stat().st_mode & 0o777
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
