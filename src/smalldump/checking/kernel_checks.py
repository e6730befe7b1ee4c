"""Findings about dumps that hold pages of memory: where they are, and what of the kernel can be found in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from smalldump.checking.evidence import HeaderEvidence, error, info, trouble_words, warning
from smalldump.checking.header_checks import ANY_HEADER_CHECKS
from smalldump.errors import Truncated
from smalldump.model import Snapshot
from smalldump.model.absent import Absent
from smalldump.model.records import Finding
from smalldump.sources.big import BigDump
from smalldump.sources.crashed_processor import Sign
from smalldump.sources.kernel_snapshot import KernelSnapshot
from smalldump.sources.list_walk import ListEnd, Walked
from smalldump.sources.ram import RamSnapshot

__all__ = ["KERNEL_CHECKS", "kernel_findings"]


def pages_damaged(machine: KernelSnapshot) -> Iterator[Finding]:
    """What says where the pages lie in the file is damaged, so that some or all of them cannot be found."""
    for trouble in machine.troubles:
        if not isinstance(trouble, Truncated):
            yield error("pages-damaged", trouble_words(trouble), trouble.offset)


def pages_cut(machine: KernelSnapshot) -> Iterator[Finding]:
    """The file ends before its last page does."""
    for trouble in machine.troubles:
        if isinstance(trouble, Truncated):
            yield error("pages-cut", trouble_words(trouble), trouble.offset)


def debugger_block_missing(machine: KernelSnapshot) -> Iterator[Finding]:
    """The debugger data block is not where the header says, or not readable: most facts come by way of it."""
    block, address = machine.kernel.block, machine.kernel.block_address
    if not isinstance(block, Absent) or not machine.machine.supported:
        return
    if isinstance(address, Absent):
        yield error("debugger-block-missing", "nothing tells where the debugger data block lies")
    elif block is Absent.CORRUPT:
        message = f"there is no debugger data block at {address:#x}: it is encoded, or damaged"
        yield error("debugger-block-missing", message)
    else:
        yield error("debugger-block-missing", f"the memory of the debugger data block is not there: {address:#x}")


def module_list_broken(machine: KernelSnapshot) -> Iterator[Finding]:
    """The kernel's list of loaded drivers does not come back to its head: some may be missing."""
    if machine.modules and (how := _broken("loaded drivers", machine.module_walk)):
        yield warning("module-list-broken", how)


def process_list_broken(machine: KernelSnapshot) -> Iterator[Finding]:
    """The kernel's list of processes does not come back to its head: some may be missing."""
    if how := _broken("processes", machine.process_walk):
        yield warning("process-list-broken", how)


def thread_list_broken(machine: KernelSnapshot) -> Iterator[Finding]:
    """The list of the threads of the crash's process does not come back to its head: some may be missing."""
    walked = machine.thread_walk
    if not isinstance(walked, Absent) and walked.entries and (how := _broken("threads of the process", walked)):
        yield warning("thread-list-broken", how)


def _broken(what: str, walked: Walked | Absent) -> str | None:
    if isinstance(walked, Absent) or walked.end is ListEnd.WHOLE:
        return None
    count = len(walked.entries)
    back = f", {walked.backwards} of them by the way back from its head" if walked.backwards else ""
    return f"the list of {what} is broken at {walked.at:#x}: {walked.end.value}; {count} were read{back}"


def modules_missing(machine: KernelSnapshot) -> Iterator[Finding]:
    """No loaded driver can be read, not even the kernel."""
    if machine.machine.supported and not machine.modules:
        yield error("modules-missing", "the list of loaded drivers cannot be read")


def crashed_processor_unsure(machine: KernelSnapshot) -> Iterator[Finding]:
    """Which processor stopped the machine is not certain: its thread, process and stack may be another's."""
    if not machine.machine.supported:
        return
    if machine.crashed is None:
        yield error("processors-missing", "no processor can be read: nothing tells what was running")
    elif machine.crashed.sign is Sign.GUESS:
        message = f"processor {machine.crashed.state.number} is taken as the one that stopped the machine: "
        yield warning("crashed-processor-unsure", message + machine.crashed.sign.value)
    elif machine.crashed.sign in {Sign.CALL, Sign.STACK}:
        message = f"processor {machine.crashed.state.number} stopped the machine: {machine.crashed.sign.value}"
        yield info("crashed-processor", message)


def machine_paused(machine: KernelSnapshot) -> Iterator[Finding]:
    """No bug check has happened: the machine was paused, and one of its processors stands for it."""
    if isinstance(machine, RamSnapshot) and machine.paused and machine.crashed is not None:
        number, sign = machine.crashed.state.number, machine.crashed.sign
        message = f"no bug check has happened; registers, thread and stack are those of processor {number}: "
        yield info("machine-paused", message + sign.value)


def kernel_found(machine: KernelSnapshot) -> Iterator[Finding]:
    """How the kernel was found in a memory image, where nothing names its place; and what was not found."""
    if not isinstance(machine, RamSnapshot):
        return
    for name, fact in machine.discovery.facts:
        if fact.value:
            yield info("kernel-found", f"{name} found by {fact.how}")
        else:
            yield warning("kernel-not-found", f"{name} not found: {fact.how}")


KERNEL_CHECKS: tuple[Callable[[KernelSnapshot], Iterable[Finding]], ...] = (
    pages_damaged,
    pages_cut,
    debugger_block_missing,
    module_list_broken,
    process_list_broken,
    thread_list_broken,
    modules_missing,
    crashed_processor_unsure,
    machine_paused,
    kernel_found,
)
"""Every check of memory by pages. A check is a generator of findings with stable codes; it never raises."""


def kernel_findings(machine: Snapshot) -> tuple[Finding, ...]:
    """What is wrong or remarkable about a dump that holds pages: its header, then its pages, then what is in them."""
    if not isinstance(machine, KernelSnapshot):
        return ()
    found: list[Finding] = []
    if isinstance(machine, BigDump):
        evidence = HeaderEvidence(machine, machine.file)
        found += (finding for check in ANY_HEADER_CHECKS for finding in check(evidence))
    return (*found, *(finding for check in KERNEL_CHECKS for finding in check(machine)))
