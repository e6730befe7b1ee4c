"""What a dump is built from: drivers, a process, a thread, a processor, memory ranges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.synth.noise import fingerprint

__all__ = ["STYLE_D", "STYLE_K", "Blob", "Block", "Driver", "Process", "Processor", "Style", "Thread", "UnloadedDriver"]


@dataclass(frozen=True)
class Driver:
    """A loaded module. `path` is what the string pool says; a time stamp and checksum of 0: header paged out."""

    path: str
    base: int
    size: int
    timestamp: int = 0
    checksum: int = 0
    load_count: int = 1
    flags: int = 0x49104000

    @classmethod
    def invented(cls, path: str, base: int, size: int) -> Driver:
        """A driver whose time stamp and checksum follow from its path and size."""
        seed = f"{path.lower()} {size:#x}"
        return cls(path, base, size, fingerprint(seed + " stamp"), fingerprint(seed + " sum", 24) | 0x1000)

    @property
    def name(self) -> str:
        """File name."""
        return self.path.rpartition("\\")[2]

    @property
    def end(self) -> int:
        """First address behind the image."""
        return self.base + self.size

    def at(self, rva: int) -> int:
        """Address of an offset in the image."""
        if rva >= self.size:
            raise ValueError(f"{self.name}+{rva:#x} is outside")
        return self.base + rva


@dataclass(frozen=True)
class UnloadedDriver:
    """A module that was unloaded; the file keeps twelve characters of its name."""

    name: str
    start: int
    end: int


@dataclass(frozen=True)
class Process:
    """The crashing (or attached) process."""

    address: int
    name: str = "System"
    pid: int = 4
    parent_pid: int = 0
    peb: int = 0
    create_time: int = 0
    directory_table_base: int = 0x1AD000
    links: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Thread:
    """The crashing thread. `process` is the attached process; 0 means the dump's one."""

    address: int
    tid: int = 0x1C8
    start: int = 0
    win32_start: int = 0
    teb: int = 0
    state: int = 2
    priority: int = 8
    stack_limit: int = 0
    stack_base: int = 0
    kernel_stack: int = 0
    trap_frame: int = 0
    process: int = 0
    owner_pid: int | None = None


@dataclass(frozen=True)
class Processor:
    """The crashing processor: `family`, `model`, `stepping` as CPUID combines them."""

    address: int
    number: int = 0
    vendor: str = "GenuineIntel"
    family: int = 6
    model: int = 0x9E
    stepping: int = 0xA
    mhz: int = 3192
    cr0: int = 0x80050033
    cr2: int = 0
    cr4: int = 0x3506F8
    irql: int = 0
    idle_thread: int = 0
    next_thread: int = 0
    context_address: int = 0
    gdt: int = 0
    idt: int = 0
    dpc_stack: int = 0


@dataclass(frozen=True)
class Block:
    """Memory that the dump holds. `section` names the section whose bytes it shares instead of a copy."""

    address: int
    data: bytes
    why: str = ""
    section: str = ""

    @property
    def end(self) -> int:
        """First address behind it."""
        return self.address + len(self.data)


@dataclass(frozen=True)
class Blob:
    """A piece of secondary data. `pre_pad` zero bytes precede it; `post_pad` of None: as the writer does."""

    tag: str
    data: bytes
    pre_pad: int = 0
    post_pad: int | None = None


@dataclass(frozen=True)
class Style:
    """How a writer of small dumps fills what it has a choice in (format reference §0.1). None: left as fill.

    Attributes:
        order: Sections in file order.
        unloaded_slots: Entries reserved for unloaded drivers; 0: as many as there are.
        full_paths: Driver names as paths; else as file names.
        raw_ldr: The KLDR copies keep links, entry point and flags.
        zero_after_context: The rest of the context area is zero; else fill.
        granularity: SizeOfDump is a multiple of this.
        align_blobs: Data of blobs is padded to 8 bytes, counted from the start of the secondary data.
    """

    name: str
    order: tuple[str, ...]
    attributes: int | None
    triage_options: int
    mini_dump_fields: int | None
    writer_status: int | None
    secondary_data_state: int | None
    kd_secondary_version: int | None
    version_user: bytes | None
    physical_runs: bool
    unloaded_slots: int
    full_paths: bool
    raw_ldr: bool
    zero_after_context: bool
    granularity: int
    align_blobs: bool
    header: Mapping[str, int | None] = field(default_factory=dict)


STYLE_K = Style(
    name="kernel",
    order=("mm", "prcb", "process", "thread", "stack", "kdbg", "unloaded", "drivers", "strings", "blocks"),
    attributes=0x8,
    triage_options=0x41,
    mini_dump_fields=0xDFF,
    writer_status=None,
    secondary_data_state=0,
    kd_secondary_version=None,
    version_user=bytes(32),
    physical_runs=True,
    unloaded_slots=50,
    full_paths=False,
    raw_ldr=True,
    zero_after_context=False,
    granularity=0x200,
    align_blobs=False,
)
STYLE_D = Style(
    name="dbgeng",
    order=("mm", "unloaded", "prcb", "process", "thread", "stack", "kdbg", "drivers", "strings", "blocks"),
    attributes=None,
    triage_options=0xFFFFFFFF,
    mini_dump_fields=0xCFF,
    writer_status=0,
    secondary_data_state=None,
    kd_secondary_version=0,
    version_user=None,
    physical_runs=False,
    unloaded_slots=0,
    full_paths=True,
    raw_ldr=False,
    zero_after_context=True,
    granularity=1,
    align_blobs=True,
)
