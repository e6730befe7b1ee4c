"""From physical memory to the kernel, with no symbols: page tables, image, debugger data block.

Every fact comes with the way in which it was found; what is not found does not keep the rest from being found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeVar

from smalldump.layout.debugger_data import KdDebuggerData64
from smalldump.layout.landmarks import KuserSharedData
from smalldump.memory import AddressSpace, BytesSpace
from smalldump.memory.paging import Translation, VirtualSpace
from smalldump.model.absent import Absent
from smalldump.model.machine import X64, Machine
from smalldump.sources.discovery.block_search import (
    Block,
    Place,
    first_module,
    kern_base,
    loaded_modules,
    plain_block,
    search_encoded,
    search_plain,
    search_without_base,
    word,
)
from smalldump.sources.discovery.clues import Clues, Found
from smalldump.sources.discovery.effort import Effort
from smalldump.sources.discovery.kernel_image import KernelImage, image_at, image_below, image_in, system_range
from smalldump.sources.discovery.processor_regions import ProcessorRegion, processor_regions, versions
from smalldump.sources.discovery.roots import Candidate, candidates
from smalldump.sources.discovery.shared_data import shared_data

__all__ = ["Discovery", "discover"]

T = TypeVar("T")

_MOST_TRIED = 4
"""Roots under which the kernel is looked for: more than one shows KUSER_SHARED_DATA where user mode has its own."""
_MOST_ADDRESSES = 8
_MOST_DIGITS = 5
_PAGES, _ENCODED = 1 << 17, 1 << 16
"""Pages that are searched at most for one thing; and for an encoded block, where each word has to be looked at."""
_HEAD = 0x20
"""Bytes of a block that tell whether it is one: its header and KernBase."""
_GATE = 16
"""Bytes of a gate of the interrupt descriptor table, x64; 8 on x86."""


class Discovery(NamedTuple):
    """What was found in physical memory.

    Attributes:
        machine: Architecture, by what its page tables are.
        translation: Page tables that show the kernel.
        memory: Virtual memory through them; empty without.
        shared: The page KUSER_SHARED_DATA.
        kernel_base: Base of the kernel image.
        debugger_block: Address of KDDEBUGGER_DATA64.
        debugger_data: Its bytes, decoded.
        encoded: Whether it is encoded in memory.
        build: Windows build number.
        regions: The processors' KPCRs that registers lead to.
    """

    machine: Machine | Absent
    translation: Found[Translation]
    memory: AddressSpace
    shared: KuserSharedData | Absent
    kernel_base: Found[int]
    debugger_block: Found[int]
    debugger_data: bytes
    encoded: bool
    build: Found[int]
    regions: tuple[ProcessorRegion, ...]

    @property
    def whole(self) -> bool:
        """Whether the debugger data block was found, and with it the list of modules begins with the kernel."""
        if isinstance(self.machine, Absent) or not self.debugger_data:
            return False
        head = loaded_modules(self.debugger_data, self.machine)
        return first_module(self.memory, self.machine, head) == self.kernel_base.value

    @property
    def facts(self) -> tuple[tuple[str, Found[Translation] | Found[int]], ...]:
        """What was looked for, by name, in the order in which one leads to the other."""
        return (
            ("page tables", self.translation),
            ("kernel image", self.kernel_base),
            ("debugger data block", self.debugger_block),
            ("Windows build", self.build),
        )

    @property
    def rank(self) -> int:
        """How much was found, to choose among several."""
        return sum(bool(fact.value) for _, fact in self.facts[:3])


def discover(physical: AddressSpace, clues: Clues = Clues()) -> Discovery:  # noqa: B008 (immutable)
    """Look for Windows in `physical`, whose addresses are physical.

    Time and memory are bounded, whatever the memory holds: all of it is read at most once or twice, and only if no
    register and no header leads to page tables.
    """
    best: Discovery | None = None
    tried = 0
    for candidate in _distinct(candidates(physical, clues)):
        space = VirtualSpace(physical, candidate.translation)
        shared = shared_data(space, candidate.machine)
        if shared is None and plain_block(space, candidate.machine, clues.debugger_block, "") is None:
            continue
        found = _Search(space, clues, candidate, shared, tried).run()
        if found.whole:
            return found
        best = found if best is None or found.rank > best.rank else best
        tried += 1
        if tried == _MOST_TRIED:
            break
    return best or _nothing(clues)


def _distinct(found: Iterator[Candidate]) -> Iterator[Candidate]:
    seen: set[tuple[object, int]] = set()
    for candidate in found:
        known = candidate.translation.kind, candidate.translation.table
        if known not in seen:
            seen.add(known)
            yield candidate


def _nothing(clues: Clues) -> Discovery:
    nowhere_shown = "no page tables show KUSER_SHARED_DATA; none in a scan of memory either"
    no_root: Found[Translation] = Found(Absent.NOT_CAPTURED, nowhere_shown)
    missing: Found[int] = Found(Absent.NOT_CAPTURED, "there are no page tables")
    machine = clues.machine or Absent.NOT_CAPTURED
    nowhere = BytesSpace({})
    return Discovery(machine, no_root, nowhere, Absent.NOT_CAPTURED, missing, missing, b"", False, missing, ())


class _Search:
    """One look for the kernel, under one root."""

    def __init__(
        self, space: VirtualSpace, clues: Clues, root: Candidate, shared: KuserSharedData | None, tried: int
    ) -> None:
        self.space, self.clues, self.root, self.shared = space, clues, root, shared
        self.machine = root.machine
        self.pages, self.encoded = _PAGES >> 2 * tried, _ENCODED >> 2 * tried  # all looks together are bounded
        self.regions = tuple(processor_regions(space, self.machine, clues))
        self.versions = list(versions(space, self.machine, list(self.regions)))

    def run(self) -> Discovery:
        block = _first(self._named_blocks())
        base, how, image = self._base(block)
        if block is None:
            block = self._searched_block(base, image)
        if block is not None and not base:
            base, how = kern_base(block.data, self.machine), "KernBase of the debugger data block"
        return Discovery(
            machine=self.machine,
            translation=Found(self.root.translation, f"{self.root.how} ({self.root.translation.kind.value})"),
            memory=self.space,
            shared=self.shared or Absent.NOT_CAPTURED,
            kernel_base=Found(base or Absent.NOT_CAPTURED, how),
            debugger_block=_address(block, image),
            debugger_data=block.data if block else b"",
            encoded=block is not None and block.encoded,
            build=self._build(block),
            regions=self.regions,
        )

    def _named_blocks(self) -> Iterator[Block | None]:
        # Plain ones to whose address something leads.
        if self.clues.debugger_block:
            yield plain_block(self.space, self.machine, self.clues.debugger_block, "the header's KdDebuggerDataBlock")
        for version in self.versions:
            yield plain_block(self.space, self.machine, version.debugger_block, f"the list in {version.how}")

    def _base(self, block: Block | None) -> tuple[int, str, KernelImage | None]:
        if block is not None:
            return kern_base(block.data, self.machine), "KernBase of the debugger data block", None
        for base, how in self._named_bases():
            if base:
                return base, how, image_at(self.space, self.machine, base)
        effort = Effort(self.pages)
        for address, how in list(dict(self._addresses()).items())[:_MOST_ADDRESSES]:
            image = image_below(self.space, self.machine, address, effort)
            if image is not None:
                return image.base, f"the first image of a kernel below {how}", image
        image = image_in(self.space, self.machine, Effort(self.pages))
        if image is not None:
            return image.base, "a walk over the system's pages", image
        return 0, "no image of a kernel in the pages of the system", None

    def _named_bases(self) -> Iterator[tuple[int, str]]:
        for version in self.versions:
            yield version.kern_base, f"KernBase of {version.how}"
        modules = first_module(self.space, self.machine, self.clues.loaded_modules)
        yield modules, "DllBase of the first module in the header's PsLoadedModuleList"

    def _addresses(self) -> Iterator[tuple[int, str]]:
        # Addresses that lie within the kernel, or a little above it.
        for region in self.regions:
            yield from self._handler(region.idt, region.owner)
        for processor in self.clues.processors:
            yield from self._handler(processor.idt, f"processor {processor.number}")
        if self.root.kernel_address:
            yield self.root.kernel_address, "the target of the processors' start block"
        for processor in self.clues.processors:
            if processor.pc >= self.machine.kernel_start:
                yield processor.pc, f"the program counter of processor {processor.number}"
        if self.clues.loaded_modules:
            yield self.clues.loaded_modules, "the header's PsLoadedModuleList"

    def _handler(self, table: int, owner: str) -> Iterator[tuple[int, str]]:
        # The first gate is that of divide errors.
        wide = self.machine is X64
        gate = self.space.word(table, _GATE if wide else 8) if table >= self.machine.kernel_start else None
        if gate is None:
            return
        address = gate & 0xFFFF | gate >> 32 & 0xFFFF0000 | (gate >> 32 & 0xFFFFFFFF00000000 if wide else 0)
        if address >= self.machine.kernel_start:
            yield address, f"the first handler in the IDT of {owner}"

    def _searched_block(self, base: int, image: KernelImage | None) -> Block | None:
        named = self.clues.debugger_block
        if base and named and self.machine is X64:
            place = Place(((named, named + _HEAD),), "the place that the header names")
            found = search_encoded(self.space, base, place, Effort(self.pages))
            if found is not None:
                return found
        if image is not None:
            return self._searched_in(Place(image.parts, "the kernel's image"), base)
        return self._searched_in(Place(tuple(system_range(self.machine)), "the system's pages"), base)

    def _searched_in(self, place: Place, base: int) -> Block | None:
        found = search_plain(self.space, self.machine, place, Effort(self.pages), base)
        if found is not None or self.machine is not X64:
            return found
        if base:
            return search_encoded(self.space, base, place, Effort(self.encoded))
        return search_without_base(self.space, self.machine, place, Effort(self.encoded))

    def _build(self, block: Block | None) -> Found[int]:
        shared = self.shared.nt_build_number & 0xFFFF if self.shared else 0  # 0 before Windows 10
        if shared:
            return Found(shared, "NtBuildNumber of KUSER_SHARED_DATA")
        for version in self.versions:
            return Found(version.build, f"MinorVersion of {version.how}")
        lab = word(block.data, KdDebuggerData64.nt_build_lab, self.machine) if block else 0
        digits = self.space.read_some(lab, 8).partition(b".")[0] if lab else b""
        if digits.isdigit() and len(digits) <= _MOST_DIGITS:
            return Found(int(digits), "the beginning of NtBuildLab")
        return Found(Absent.NOT_CAPTURED, "neither KUSER_SHARED_DATA, nor a KdVersionBlock, nor NtBuildLab tells it")


def _first(values: Iterable[T | None]) -> T | None:
    return next((value for value in values if value is not None), None)


def _address(block: Block | None, image: KernelImage | None) -> Found[int]:
    if block is not None:
        return Found(block.address, block.how + (", encoded in memory" if block.encoded else ""))
    where = "the kernel's image" if image else "the system's pages"
    return Found(Absent.NOT_CAPTURED, f"neither its tag nor its encoding in {where}")
