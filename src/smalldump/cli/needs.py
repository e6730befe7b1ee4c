"""Needs: the images that the modules of a dump were loaded from, and the PDBs that are known for them."""

from __future__ import annotations

from typing import NamedTuple

from smalldump.api import analyze_source
from smalldump.cli.exits import ExitCode, of_report
from smalldump.errors import FormatError, MemoryUnavailable, SourceUnreadable
from smalldump.images.pe import PeImage
from smalldump.intake import ByteSource
from smalldump.model import Absent, Module, Snapshot
from smalldump.report import Report
from smalldump.sources.detect import open_snapshot
from smalldump.symbols.wanted import WantedImage, WantedPdb

__all__ = ["Need", "Needs", "needs_of"]


class Need(NamedTuple):
    """What is needed for one module.

    Attributes:
        module: Its name.
        image: Its image, or None where the dump does not tell the time stamp.
        pdb: The image's PDB, where the dump holds that part of the image.
    """

    module: str
    image: WantedImage | None
    pdb: WantedPdb | None


class Needs(NamedTuple):
    """What is needed for one dump, and what its state earns the program."""

    code: ExitCode
    modules: tuple[Need, ...]


def needs_of(source: ByteSource, every: bool) -> Needs:
    """What the modules on a dump's stack need, or those of all modules.

    Raises:
        SourceUnreadable: It is no dump.
    """
    report = analyze_source(source)
    code = of_report(report)
    if code is ExitCode.UNREADABLE:
        raise SourceUnreadable(source.name, "; ".join(finding["message"] for finding in report["findings"]))
    names = _on_stack(report)
    with open_snapshot(source.data, source.name, beside=source.beside) as machine:
        modules = [module for module in machine.modules if every or module.name in names]
        return Needs(code, tuple(_need(machine, module) for module in modules))


def _on_stack(report: Report) -> set[str]:
    lists = (report["stack"], report["dispatch"])
    return {frame["module"] for frames in lists if isinstance(frames, list) for frame in frames if frame["module"]}


def _need(machine: Snapshot, module: Module) -> Need:
    stamp = module.timestamp
    image = None if isinstance(stamp, Absent) else WantedImage(module.file, stamp, module.size)
    return Need(module.name, image, _pdb_in_dump(machine, module))


def _pdb_in_dump(machine: Snapshot, module: Module) -> WantedPdb | None:
    try:
        found = PeImage.in_memory(machine.memory, module.base).codeview
    except (FormatError, MemoryUnavailable):
        return None
    return None if found is None else WantedPdb(found.name, found.guid, found.age)
