"""What a hardware error record, or a machine-check status, says of the unit that failed: in words, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from smalldump.analysis.advice import COOLING, FIRMWARE, MEMORY
from smalldump.analysis.culprit import Confidence
from smalldump.analysis.hardware_objects import machine_check_facts
from smalldump.analysis.rules.rule import Case
from smalldump.analysis.stop_object import StopObject

__all__ = ["ANY_CARD", "FailedUnit", "failed_unit"]

_SECTION = "whea_error_section"
_MILD = ("corrected", "informational")
_UNITS = {
    "processor": "the processor",
    "memory": "the memory",
    "pcie": "PCI Express",
    "pci": "the PCI bus",
    "iommu": "the remapping of DMA",
    "firmware": "the firmware",
    "platform": "the mainboard",
}
_PROCESSOR = "If it stays so, the processor or its mainboard fails: have them checked in exchange."
_MODULE = "Reseat {which}, then try without it: the one that the errors stay with is to be replaced."
_DEVICE = "Reseat the device at {at}{named} and its cables or riser; update its driver and firmware."
_FIND = "Device Manager shows it under Properties, Location: PCI bus {bus}, device {device}, function {function}."
_DMA = "Update the driver and the firmware of the device at {at}{named}, which touched memory that it may not."
ANY_CARD = "Reseat the expansion cards and their cables; update the drivers and firmware of the devices on PCI Express."
_EVENT_LOG = "Look into the event log of the firmware or of the management controller; update the firmware."


class FailedUnit(NamedTuple):
    """The unit that failed, as far as the dump tells.

    Attributes:
        words: The unit and its error, without full stop: `the processor: uncorrected machine check in bank 5: …`.
        confidence: High where the unit's own registers speak; what a bus reports, a driver or firmware can cause too.
        steps: What to do, the most promising first.
    """

    words: str
    confidence: Confidence
    steps: tuple[str, ...]


def failed_unit(case: Case) -> FailedUnit | None:
    """By the error record, else by the status in the parameters; None where neither is in the dump."""
    facts = _told(case)
    unit, error = facts.get("unit", ""), facts.get("error")
    if error is None:
        return None
    words = f"{_UNITS.get(unit, 'a unit of unknown kind')}: {error}{_detail(facts)}"
    proved = unit in ("processor", "memory") and not facts.get("severity", "").startswith(_MILD)
    return FailedUnit(words, Confidence.HIGH if proved else Confidence.MEDIUM, tuple(_steps(unit, facts)))


def _told(case: Case) -> Mapping[str, str]:
    record = next((_facts(found) for found in case.objects if found.kind == "whea_error_record"), {})
    if "error" not in record:
        return {fact.name: fact.value for fact in machine_check_facts(case.machine)}
    # The record repeats the error of its most telling section; the details are that section's own.
    sections = (_facts(child) for found in case.objects for child in found.children if child.kind == _SECTION)
    return next((section for section in sections if section.get("error") == record["error"]), record)


def _facts(found: StopObject) -> dict[str, str]:
    facts: dict[str, str] = {}
    for fact in found.facts:
        facts.setdefault(fact.name, fact.value)  # a section's own severity comes before its registers'
    return facts


def _detail(facts: Mapping[str, str]) -> str:
    known = [f"processor {facts['processor_number']}"] if "processor_number" in facts else []
    known += [f"address {facts['address']}"] if "address" in facts else []
    known += [f"labelled {facts['fru_text']}"] if facts.get("fru_text") else []
    known += [f"caused by the device at {_source(facts)}"] if _source(facts) else []
    return f" ({', '.join(known)})" if known else ""


def _source(facts: Mapping[str, str]) -> str | None:
    source = facts.get("uncorrectable_source")
    return None if source == facts.get("at") else source


def _steps(unit: str, facts: Mapping[str, str]) -> Iterable[str]:
    if unit == "processor":
        return (COOLING, MEMORY, _PROCESSOR)
    if unit == "memory":
        return (_MODULE.format(which=_module(facts)), MEMORY, COOLING)
    if unit in ("pcie", "pci"):
        return (*_device(facts, _DEVICE), FIRMWARE, COOLING)
    if unit == "iommu":
        return (*_device(facts, _DMA), FIRMWARE)
    return (_EVENT_LOG, COOLING)


def _module(facts: Mapping[str, str]) -> str:
    if facts.get("fru_text"):
        return f"the memory module {facts['fru_text']}"
    places = [f"{name} {facts[name]}" for name in ("node", "card", "module") if name in facts]
    return f"the memory module at {', '.join(places)}" if places else "the memory modules one by one"


def _device(facts: Mapping[str, str], form: str) -> Iterable[str]:
    source = _source(facts)
    at = source or facts.get("at")
    if at is None:
        return (ANY_CARD,)
    # The ids are those of the function that reports; the one that an error came from is told by its place alone.
    named = f" ({facts['id']})" if source is None and "id" in facts else ""
    bus, _, rest = at.rpartition(":")
    device, _, function = rest.partition(".")
    place = _FIND.format(bus=int(bus.rpartition(":")[2], 16), device=int(device, 16), function=function)
    return (form.format(at=at, named=named), place)
