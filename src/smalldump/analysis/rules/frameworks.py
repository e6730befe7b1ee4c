"""Frameworks that stop for a client's mistake: 0x10D (WDF), 0x7C (NDIS), 0xFE and 0x144 (USB).

The framework is never the culprit. Its client is told by a parameter (a caller, an IRP, a device), or is the next
driver on the stack. Source: Microsoft's pages on these bug checks.
"""

from __future__ import annotations

from collections.abc import Iterator

from smalldump.analysis.advice import FIRMWARE, kernel_dump, verify_drivers
from smalldump.analysis.evidence import Evidence, is_skipped
from smalldump.analysis.rules.clues import all_clues, at_parameter, behind_device, behind_request
from smalldump.analysis.rules.rule import Case, Opinion
from smalldump.analysis.weights import Kind
from smalldump.decode.logs import kmdf_clients
from smalldump.knowledge.drivers import Role, driver
from smalldump.layout.blobs import KMDF_LOG, BlobTag
from smalldump.model import Module
from smalldump.unwind import FrameTrust

__all__ = ["rule"]

_WDF = 0x10D
_USB = (0xFE, 0x144)
_ROLES = (Role.FRAMEWORK, Role.NETWORK, Role.USB)
_NOT_TOLD = "Which client the framework stopped for is not told: its own data is not in the dump."
_NO_LOG = "Which client the framework stopped for only its own log would tell, and that is not in the dump."
_LOG_THERE = "Which client the framework stopped for its own log tells, which is here in a form that is not published."
_VERIFY = "Turn on Driver Verifier for the framework's clients: {names}."
_READ_LOG = "Open the dump in WinDbg: !wdfkd.wdflogdump shows the framework's log, which names its client."
_LOG = "it holds the framework's log, which names its client (!wdfkd.wdflogdump)"
_MOST = 8
_DEVICE = "Try another port and cable, without hubs; update the firmware of dock, hub and device."
_CLIENT = "it holds the framework's record of its clients"


def rule(case: Case) -> Opinion:
    """The framework's client."""
    found = (*all_clues(case), *_by_parameters(case), *_client(case))
    evidence = tuple(piece for piece in found if not _is_framework(case.machine.modules.named(piece.module)))
    steps = (_DEVICE, FIRMWARE) if case.code in _USB else ()
    if evidence:
        return Opinion(evidence, steps=steps)
    if case.code == _WDF:
        return _undecided(case)
    return Opinion(limits=(_NOT_TOLD,), steps=steps or (verify_drivers(case.machine), kernel_dump(_CLIENT)))


def _undecided(case: Case) -> Opinion:
    there = any(blob.guid == KMDF_LOG for blob in case.machine.blobs)
    collect = _READ_LOG if there else kernel_dump(_LOG)
    return Opinion(limits=(_LOG_THERE if there else _NO_LOG,), steps=(collect, *_clients(case)))


def _clients(case: Case) -> Iterator[str]:
    """To verify the framework's clients: those of others than Microsoft that it listed in its secondary data."""
    listed = next((blob.data for blob in case.machine.blobs if blob.guid == BlobTag.KMDF_DRIVERS), None)
    names = kmdf_clients(listed) if listed is not None else ()
    own = [name for name in dict.fromkeys(names) if not _is_microsofts(case.machine.modules.named(name))]
    yield _VERIFY.format(names=", ".join(own[:_MOST])) if own else verify_drivers(case.machine)


def _is_microsofts(module: Module | None) -> bool:
    known = driver(module.file) if module else None
    return module is None or (known is not None and known.vendor == "Microsoft")


def _is_framework(module: Module | None) -> bool:
    known = driver(module.file) if module else None
    return known is not None and known.role in _ROLES and known.skip != "never"


def _by_parameters(case: Case) -> Iterator[Evidence]:
    hinted = case.hint.param if case.hint else 0
    for parameter in case.parameters[1:]:
        if parameter.kind == "address-code" and parameter.number != hinted:
            yield from at_parameter(case, parameter.number, parameter.meaning)
        elif parameter.kind == "pointer:device_object":
            yield from behind_device(case, parameter.number)
        elif parameter.kind == "pointer:irp":
            yield from behind_request(case, parameter.number)


def _client(case: Case) -> Iterator[Evidence]:
    # The frame next to the framework's, where unwinding or code proves it.
    before = False
    for frame in case.frames:
        module = frame.module
        framework = _is_framework(module)
        if before and module is not None and not framework and not is_skipped(module, case.machine):
            if frame.trust is not FrameTrust.SCAN:
                yield Evidence(Kind.FRAMEWORK_CLIENT, module.name, f"{frame.words(case.bits)} called the framework")
            return
        before = framework
