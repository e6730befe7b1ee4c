"""Processor architectures."""

from __future__ import annotations

import pytest

from smalldump.model.machine import ARM64, X64, X86, Machine, machine_of


@pytest.mark.parametrize("machine", [X64, X86, ARM64])
def test_supported_machines_are_found_again(machine: Machine) -> None:
    assert machine_of(machine.image_type, machine.bits) is machine
    assert machine.supported


@pytest.mark.parametrize(
    ("image_type", "name"), [(0x200, "IA64"), (0x284, "Alpha64"), (0x1C4, "ARM"), (0, "machine 0x0")]
)
def test_other_machines_are_named(image_type: int, name: str) -> None:
    machine = machine_of(image_type, 64)
    assert (machine.name, machine.supported, machine.bits) == (name, False, 64)


def test_the_width_must_fit() -> None:
    assert not machine_of(0x8664, 32).supported
    assert not machine_of(0x14C, 64).supported


def test_widths() -> None:
    assert (X86.pointer, X86.mask, X86.kernel_start) == (4, 0xFFFFFFFF, 0x80000000)
    assert (X64.pointer, X64.mask, X64.kernel_start) == (8, 0xFFFFFFFFFFFFFFFF, 0xFFFF800000000000)
    assert (X86.pc, X64.sp, ARM64.fp) == ("eip", "rsp", "fp")
