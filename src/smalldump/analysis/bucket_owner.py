"""The second half of a bucket: the driver it blames, with its function where symbols tell, by Microsoft's rules.

As `!analyze` does, a driver whose guilt is plain comes before one that may be at fault, wherever the two stand on the
stack, and the kernel last; which modules those are is the knowledge room's judgement, not Microsoft's. Source:
Microsoft's pages on `!analyze` and on owners of modules and functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import NamedTuple

from smalldump.analysis.evidence import is_skipped
from smalldump.analysis.other_stacks import stack_of_processor, stack_of_thread
from smalldump.analysis.parameters import read_unicode_string
from smalldump.analysis.places import place_of
from smalldump.analysis.requests import device_driver, request_holder
from smalldump.knowledge.bucket_forms import BucketForm, Lead
from smalldump.knowledge.drivers import driver
from smalldump.knowledge.skipped_frames import is_skipped_function
from smalldump.model import Absent, BugCheck, Module, Snapshot
from smalldump.model.symbols import PlaceName, SymbolOrigin
from smalldump.unwind import CodeLookup, Frame, FrameTrust, Stacks

__all__ = ["BucketKind", "Owner", "bucket_owner", "function_of"]

_EXACT = (SymbolOrigin.PDB, SymbolOrigin.ISF)
_UNKNOWN = "unknown_function"

_NO_DRIVER = "Nothing in the dump leads to a driver."
_NO_ADDRESS = "The parameter that should lead to the driver leads into none."
_NO_NAME = "The driver's name, to which a parameter points, is not in the dump."
_NO_STACK = "What would name the driver is not in the dump: {lead}."
_NO_OBJECT = "Microsoft's tools may follow objects that are not looked at here, and name a driver by them."
_NO_REQUEST = "The power IRP, or a device or driver object behind it, is not in the dump."
_NO_DEVICE = "The driver of the physical device, which belongs here too, is not told."
_SCANNED = "The frame of {module} only looks like one: it was found by scanning."
_NO_SYMBOLS = "Microsoft's symbols name the function in {module}, but are not at hand."
_CUT_NAME = "Windows cut the name of the unloaded driver."


class BucketKind(Enum):
    """How far a bucket goes in naming a culprit; the value is the report's name for it."""

    SYMBOL = "symbol"
    MODULE = "module"
    IMAGE = "image"
    CLASS = "class"
    INCONCLUSIVE = "inconclusive"
    CORRUPTION = "corruption"


class Owner(NamedTuple):
    """Who a bucket blames: `module!function` or `IMAGE_file`, empty for nobody; and what is missing, in sentences."""

    words: str
    kind: BucketKind
    gaps: tuple[str, ...] = ()


def bucket_owner(machine: Snapshot, stop: BugCheck, form: BucketForm, stacks: Stacks, lookup: CodeLookup) -> Owner:
    """Whom the bucket of a bug check blames."""
    lead, by = form.leads.get(stop.parameters[0], (form.lead, form.by))
    parameter = stop.parameters[by - 1] if by else 0
    if lead is Lead.STACK:
        frames = _crash_frames(machine, stop, form, stacks, lookup)
        return _named_by_windows(machine, frames) or _of_frames(machine, frames)
    if lead in _OTHER_STACKS:
        found = _OTHER_STACKS[lead](machine, parameter, stacks, lookup)
        return _nobody(_NO_STACK.format(lead=lead.value)) if found is None else _of_frames(machine, found)
    return _LEADS[lead](machine, parameter)


def function_of(frame: Frame) -> str | None:
    """The function that a frame is in, by exact symbols; None where there are only exports, or none."""
    name = frame.name
    return name.symbol.name if name is not None and name.symbol.origin in _EXACT else None


def _nobody(*gaps: str) -> Owner:
    return Owner("", BucketKind.CLASS, gaps)


def _image(file: str, *gaps: str) -> Owner:
    return Owner(f"IMAGE_{file}", BucketKind.IMAGE, gaps)


# The instruction that a parameter names comes first: without a trap frame the stack begins at the bug check.
def _crash_frames(
    machine: Snapshot, stop: BugCheck, form: BucketForm, stacks: Stacks, lookup: CodeLookup
) -> Sequence[Frame]:
    frames = stacks.crash.frames
    pc = stop.parameters[form.instruction - 1] if form.instruction else 0
    module = machine.modules.at(pc)
    if module is None or any(frame.pc == pc for frame in frames):
        return frames
    table = lookup.symbols(module)
    symbol = None if table is None else table.nearest(pc - module.base)
    name = None if symbol is None else PlaceName(symbol, None, ())
    return (Frame(pc, 0, None, module, pc - module.base, None, FrameTrust.CONTEXT, name), *frames)


def _named_by_windows(machine: Snapshot, frames: Sequence[Frame]) -> Owner | None:
    name = machine.broken_driver
    if isinstance(name, Absent):
        return None
    file = name.rpartition("\\")[2]
    module = machine.modules.named(file)
    found = next((frame for frame in frames if module is not None and frame.module is module), None)
    return _image(file) if found is None or module is None else _of_frame(found, module)


def _of_frames(machine: Snapshot, frames: Sequence[Frame]) -> Owner:
    ranked = [(rank, at) for at, frame in enumerate(frames) if (rank := _rank(machine, frame)) is not None]
    if not ranked:
        return _nobody(_NO_DRIVER)
    frame = frames[min(ranked)[1]]
    return _nobody(_NO_DRIVER) if frame.module is None else _of_frame(frame, frame.module)


def _rank(machine: Snapshot, frame: Frame) -> int | None:
    module, function = frame.module, function_of(frame)
    if module is None or (function and is_skipped_function(module.name, function)):
        return None
    return is_skipped(module, machine) + is_skipped(module, machine, only_always=True)


def _of_frame(frame: Frame, module: Module) -> Owner:
    gaps = [_SCANNED.format(module=module.name)] if frame.trust is FrameTrust.SCAN else []
    function = function_of(frame)
    if function is not None:
        return Owner(f"{module.name}!{function}", BucketKind.SYMBOL, tuple(gaps))
    known = driver(module.file)
    if known is not None and known.vendor == "Microsoft":
        gaps.append(_NO_SYMBOLS.format(module=module.name))
    return Owner(f"{module.name}!{_UNKNOWN}", BucketKind.MODULE, tuple(gaps))


def _of_processor(machine: Snapshot, number: int, _stacks: Stacks, lookup: CodeLookup) -> Sequence[Frame] | None:
    return stack_of_processor(machine, number, lookup)


def _at_address(machine: Snapshot, address: int) -> Owner:
    module = machine.modules.at(address)
    return _nobody(_NO_ADDRESS) if module is None else _image(module.file)


def _unloaded(machine: Snapshot, address: int) -> Owner:
    gone = place_of(machine, address).unloaded
    if gone is None:
        return _nobody(_NO_ADDRESS)
    return _image(gone.name, *((_CUT_NAME,) if gone.truncated_name else ()))


def _at_name(machine: Snapshot, address: int) -> Owner:
    name = read_unicode_string(machine, address)
    # Names of drivers are ASCII: a string that is not lies behind a wild pointer.
    return _image(name.rpartition("\\")[2]) if name and name.isascii() else _nobody(_NO_NAME)


def _maker(machine: Snapshot, _parameter: int) -> Owner:
    processor = machine.processor
    if isinstance(processor, Absent) or isinstance(processor.vendor, Absent):
        return _nobody(_NO_DRIVER)
    return _image(f"{processor.vendor}.sys")


def _inconclusive(_machine: Snapshot, _parameter: int) -> Owner:
    return Owner(f"ANALYSIS_INCONCLUSIVE!{_UNKNOWN}", BucketKind.INCONCLUSIVE)


def _power_request(machine: Snapshot, irp: int) -> Owner:
    # The driver that holds the request, then the image behind the physical device, which parameter 2 of 0x9F names.
    stop = machine.bug_check
    holder = request_holder(machine, irp)
    bus = None if isinstance(stop, Absent) else device_driver(machine, stop.parameters[1])
    if holder is None:
        return _nobody(_NO_REQUEST)
    if bus is None or bus is holder:
        return _image(holder.file, _NO_DEVICE)
    return Owner(f"{holder.name}_IMAGE_{bus.file}", BucketKind.IMAGE)


def _objects(_machine: Snapshot, _parameter: int) -> Owner:
    return _nobody(_NO_OBJECT)


def _by_nobody(_machine: Snapshot, _parameter: int) -> Owner:
    return _nobody()


_OTHER_STACKS = {Lead.PROCESSOR: _of_processor, Lead.THREAD: stack_of_thread}
_LEADS: dict[Lead, Callable[[Snapshot, int], Owner]] = {
    Lead.ADDRESS: _at_address,
    Lead.UNLOADED: _unloaded,
    Lead.NAME: _at_name,
    Lead.MAKER: _maker,
    Lead.INCONCLUSIVE: _inconclusive,
    Lead.POWER_REQUEST: _power_request,
    Lead.OBJECTS: _objects,
    Lead.NOBODY: _by_nobody,
}
