"""Processor architectures, as far as a reader must know them."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["ARM64", "X64", "X86", "Machine", "machine_of"]


class Machine(NamedTuple):
    """An architecture.

    Attributes:
        name: As people and the report say it: `x64`.
        image_type: `IMAGE_FILE_MACHINE_*`.
        bits: 32 or 64.
        pc, sp, fp: Names of the program counter, stack pointer and frame pointer.
        supported: Whether more than the header's facts can be read.
    """

    name: str
    image_type: int
    bits: int
    pc: str = "pc"
    sp: str = "sp"
    fp: str = "fp"
    supported: bool = True

    @property
    def pointer(self) -> int:
        """Bytes of a pointer."""
        return self.bits // 8

    @property
    def kernel_start(self) -> int:
        """Lowest address that can belong to the kernel."""
        return 0x80000000 if self.bits == 32 else 0xFFFF800000000000

    @property
    def mask(self) -> int:
        """All bits of an address."""
        return (1 << self.bits) - 1


X86 = Machine("x86", 0x14C, 32, "eip", "esp", "ebp")
X64 = Machine("x64", 0x8664, 64, "rip", "rsp", "rbp")
ARM64 = Machine("ARM64", 0xAA64, 64)
_OTHERS = {0x184: "Alpha", 0x1C4: "ARM", 0x200: "IA64", 0x284: "Alpha64"}


def machine_of(image_type: int, bits: int) -> Machine:
    """The architecture of a dump by its header's MachineImageType; unknown ones are named by their number."""
    for machine in (X64, X86, ARM64):
        if machine.image_type == image_type and machine.bits == bits:
            return machine
    name = _OTHERS.get(image_type, f"machine {image_type:#x}")
    return Machine(name, image_type, bits, supported=False)
