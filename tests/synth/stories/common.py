"""What several stories need: stacks that end where they should, blocks as the writers add them, a made-up PC."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable

from tests.synth import blobs
from tests.synth.code import Code
from tests.synth.noise import Noise
from tests.synth.paper import pack
from tests.synth.parts import Blob, Block
from tests.synth.stack import Stack

__all__ = ["anchored", "cpu_blobs", "machine_blob", "page", "pte_blocks", "return_blocks"]


def anchored(make: Callable[[int], Stack], mark: str, address: int) -> Stack:
    """The stack whose slot `mark` lies at `address`; `make` writes it from a given lowest address on."""
    guess = (address & ~0xFFFF) | 8
    probe = make(guess)
    return make(address - (probe.marks[mark] - guess))


def return_blocks(stack: Stack, code: Code, size: int = 0x100) -> list[Block]:
    """Code from each return address of the stack on, true or stale: dbgeng's writer of Windows 10 stores it so."""
    blocks = [Block(r.address, code.read(r.address, size), f"code at {r.text}") for r in stack.returns]
    slots = {value for (value,) in struct.iter_unpack("<Q", bytes(stack.data))}
    return blocks + [Block(a, code.read(a, size), "code at a stale value") for a in sorted(slots & set(stack.stale))]


def page(
    address: int,
    seed: str,
    pointers: Iterable[int] = (),
    at: Iterable[tuple[int, int]] = (),
    code: str = "Q",
) -> Block:
    """The page around an address: sparse left-overs with chosen (address, value) words; `code` Q or I."""
    noise, pool = Noise(seed), tuple(pointers)
    start, word = address & ~0xFFF, struct.calcsize("<" + code)
    data = bytearray()
    while len(data) < 0x1000:
        data += pack(code, noise.stack_word(word, pool, ()))
    for where, value in at:
        data[where - start : where - start + word] = pack(code, value)
    return Block(start, bytes(data), f"page of {address:#x}")


def pte_blocks(pte_base: int, address: int, entries: tuple[int, int, int, int]) -> list[Block]:
    """The four page-table entries of an address (PTE, PDE, PPE, PXE), at their places in the self-map."""
    out, where = [], address
    for name, entry in zip(("PTE", "PDE", "PPE", "PXE"), entries, strict=True):
        where = pte_base + ((where & 0xFFFFFFFFFFFF) >> 12) * 8
        out.append(Block(where, struct.pack("<Q", entry), f"{name} of {address:#x}"))
    return out


def machine_blob(maker: str, product: str, bios: tuple[str, str, str], processor: str) -> Blob:
    """SMBIOS tables of an invented machine: BIOS (vendor, version, date), system, board, processor, memory."""
    bios_fields = struct.pack("<BBHBBQ", 1, 2, 0xF000, 3, 0xFF, 0x3F8B9880) + bytes(6)
    system = struct.pack("<BBBB16sBBB", 1, 2, 3, 4, bytes(range(0x40, 0x50)), 6, 5, 6)
    board = struct.pack("<BBBBBBBHBB", 1, 2, 3, 4, 0, 9, 0, 3, 10, 0)
    cpu = struct.pack("<BBBBQBBHHHBB", 1, 3, 0xC6, 2, 0xBFEBFBFF000906EA, 3, 0x8B, 100, 4600, 3200, 0x41, 0x2D)
    memory = struct.pack("<HHHHHBBBBBHHBBBB", 0x20, 0xFFFE, 64, 64, 0x2000, 9, 0, 1, 2, 0x1A, 0x80, 2666, 3, 4, 5, 6)
    return blobs.smbios(
        [
            blobs.smbios_structure(0, 0, bios_fields, *bios),
            blobs.smbios_structure(1, 1, system, maker, product, "1.0", "INVENTED-0001", "ML350", "Desktop"),
            blobs.smbios_structure(2, 2, board, maker, product + " board", "A2", "INVENTED-B001"),
            blobs.smbios_structure(4, 4, cpu, "U3E1", "Intel(R) Corporation", processor),
            blobs.smbios_structure(17, 0x20, memory, "DIMM A1", "BANK 0", maker, "INVENTED-M1", "none", "ML-8G-2666"),
        ]
    )


def cpu_blobs(processor: str, identifier: str, mhz: int, apic_id: int) -> list[Blob]:
    """CPU registry values, and CPUID with MSRs, of an Intel processor of family 6, model 9E, stepping A."""
    values: dict[str, str | bytes | int] = {
        "Component Information": bytes(16),
        "Identifier": identifier,
        "Configuration Data": bytes.fromhex("ffffffffffffffff0000000000000000"),
        "ProcessorNameString": processor,
        "VendorIdentifier": "GenuineIntel",
        "FeatureSet": 0x3D1B3FFF,
        "~MHz": mhz,
        "Update Revision": bytes.fromhex("00000000f4000000"),
        "Platform Specific Field 1": 2,
    }
    leaves = {
        0: (0x16, 0x756E6547, 0x6C65746E, 0x49656E69),
        1: (0x906EA, apic_id << 24 | 0x100800, 0x7FFAFBBF, 0xBFEBFBFF),
        7: (0, 0x029C6FBF, 0, 0xBC000E00),
        0x80000001: (0, 0, 0x121, 0x2C100800),
    }
    return [blobs.registry_values(values), blobs.cpuid(leaves, {0x8B: 0xF400000000, 0x1A0: 0x850089})]
