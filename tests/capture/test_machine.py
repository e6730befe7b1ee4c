"""Guests as machines: whatever registers and memory hold, there is a dump."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from smalldump.capture.guest_layout import GuestRange
from smalldump.capture.guest_memory import MONITOR, GuestMemory
from smalldump.capture.guest_space import GuestSpace
from smalldump.capture.machine import LIVE, NO_BUG_CHECK, Stop, guest_machine
from smalldump.compose import compose
from smalldump.memory import MappedFile
from smalldump.sources.elf_core import open_elf
from smalldump.sources.physical_memory import PhysicalMemory
from smalldump.sources.small import SmallDump
from smalldump.writing import seal
from tests.capture.conftest import header_registers
from tests.physical_files import elf_core, qemu_note

PAGE = 0x1000
WORDS = st.one_of(
    st.integers(0, (1 << 64) - 1),
    st.sampled_from([0, 1, 0x1000, 0x7FFF, 0xFFFF, 0x80000000, (1 << 47) - 1, 1 << 47, (1 << 64) - 1, (1 << 64) - 8]),
)
NAMES = ("rip", "rsp", "rbp", "cr0", "cr3", "cr4", "gs_base", "idt", "gdt", "kernel_gs_base", "efl")


def guest(registers: dict[str, int], memory: bytes, bits: int) -> GuestMemory:
    """A guest of one processor."""
    core = open_elf(MappedFile(elf_core({0: bytes(PAGE)}, qemu_note(registers), bits, 62 if bits == 64 else 3)))
    space = GuestSpace([(GuestRange(0, len(memory), "ram", 0), MappedFile(memory), 0)])
    return GuestMemory(PhysicalMemory("guest", space, core.machine, cpus=core.cpus), MONITOR, ())


@settings(max_examples=60)
@given(
    registers=st.fixed_dictionaries(dict.fromkeys(NAMES, WORDS)),
    entries=st.lists(st.tuples(st.integers(0, 511), WORDS), max_size=20),
    bits=st.sampled_from([64, 32]),
    live=st.booleans(),
)
def test_there_is_a_dump(registers: dict[str, int], entries: list[tuple[int, int]], bits: int, live: bool) -> None:
    memory = bytearray(8 * PAGE)
    for number, (place, word) in enumerate(entries):
        at = number % 8 * PAGE + 8 * place
        memory[at : at + 8] = word.to_bytes(8, "little")
    machine, limits = guest_machine(guest(registers, bytes(memory), bits), Stop(live=live), "guest")
    sealed = seal(machine, compose(machine))
    assert limits
    found = SmallDump(memoryview(sealed.data))
    assert found.bug_check == (LIVE if live else NO_BUG_CHECK)
    pc = registers["rip"] if bits == 64 else registers["rip"] & 0xFFFFFFFF
    if pc:  # a CONTEXT with none counts as damaged
        assert header_registers(found).pc == pc


def test_all_processors_are_in_a_dump_without_a_kernel() -> None:
    memory = b"".join(bytes([number]) * PAGE for number in range(8))
    notes = b"".join(qemu_note({"rip": 0x1000 * number, "rsp": 0x1000 * number + 0xF00}) for number in (1, 3, 5))
    core = open_elf(MappedFile(elf_core({0: bytes(PAGE)}, notes)))
    space = GuestSpace([(GuestRange(0, len(memory), "ram", 0), MappedFile(memory), 0)])
    captured = GuestMemory(PhysicalMemory("guest", space, core.machine, cpus=core.cpus), MONITOR, ())
    machine, _ = guest_machine(captured, Stop(), "guest")
    found = SmallDump(memoryview(seal(machine, compose(machine)).data))
    for number in (1, 3, 5):
        assert found.memory.read(0x1000 * number + 0xF00, 4) == bytes([number]) * 4
        assert found.memory.read(0x1000 * number, 4) == bytes([number]) * 4
    assert found.system.processors == 3
