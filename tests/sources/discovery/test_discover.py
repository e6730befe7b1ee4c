"""From physical memory to the kernel: every way in which a fact is found, and that it says so."""

from __future__ import annotations

import pytest

from smalldump.memory import BytesSpace
from smalldump.memory.paging import PagingKind, Translation
from smalldump.model.absent import Absent
from smalldump.model.machine import ARM64, X64, X86, Machine
from smalldump.sources.discovery import Clues, Discovery, ProcessorClue, discover
from tests.synth.bare import BareMachine
from tests.synth.imaged import imaged

NEVER = 0x7F3C_19A5_D2E8_4B1D
KINDS = {"X64": PagingKind.X64, "LA57": PagingKind.LA57, "X86": PagingKind.X86, "PAE": PagingKind.PAE}


def search(machine: BareMachine, clues: Clues = Clues()) -> Discovery:  # noqa: B008
    return discover(BytesSpace(machine.physical()), clues)


def assert_whole(found: Discovery, machine: BareMachine, root: int | None = None) -> None:
    assert not isinstance(found.translation.value, Absent)
    assert found.translation.value.table == (machine.root if root is None else root)
    assert found.translation.value.kind is KINDS[machine.mode]
    assert found.machine is (X64 if machine.wide else X86)
    assert found.kernel_base.value == machine.base
    assert found.debugger_block.value == machine.at["kdbg"]
    assert found.debugger_data == machine.kdbg
    assert found.encoded == bool(machine.encoded)
    assert found.memory.read(machine.at["shared"] + 0x30, 2) == b"C\0"


def processor(machine: BareMachine, **changes: int) -> ProcessorClue:
    """One in kernel mode, as a monitor reports it."""
    clue = ProcessorClue(
        3, pc=machine.base + 0x1010, cr3=machine.root, segment_base=machine.kpcr, idt=machine.at["idt"]
    )
    return clue._replace(**changes)


# --- page tables


@pytest.mark.parametrize("mode", KINDS)
def test_the_headers_words_lead_to_everything(mode: str) -> None:
    machine = BareMachine(mode)
    clues = Clues(X64 if machine.wide else X86, None, machine.root, machine.at["kdbg"], machine.at["modules"])
    found = search(machine, clues)
    assert_whole(found, machine)
    assert found.translation.how == f"the header's DirectoryTableBase ({KINDS[mode].value})"
    assert found.kernel_base.how == "KernBase of the debugger data block"
    assert found.debugger_block.how == "the header's KdDebuggerDataBlock"


@pytest.mark.parametrize("mode", KINDS)
def test_a_processors_registers_lead_to_everything(mode: str) -> None:
    machine = BareMachine(mode)
    found = search(machine, Clues(processors=(processor(machine),)))
    assert_whole(found, machine)
    assert found.translation.how == f"CR3 of processor 3 ({KINDS[mode].value})"
    assert found.kernel_base.how == "the first image of a kernel below the first handler in the IDT of processor 3"
    assert found.debugger_block.how == "its tag in the kernel's image"


@pytest.mark.parametrize("mode", ["X64", "LA57"])
def test_cr4_tells_the_levels(mode: str) -> None:
    machine = BareMachine(mode)
    right = 0x1506F8 | (0x1000 if mode == "LA57" else 0)
    assert_whole(search(machine, Clues(X64, processors=(processor(machine, cr4=right),))), machine)
    other = search(
        BareMachine(mode, start_block=False, self_map=False),
        Clues(X64, processors=(processor(machine, cr4=right ^ 0x1000),)),
    )
    assert other.translation.value is Absent.NOT_CAPTURED


def test_all_processors_on_the_page_tables_of_user_mode() -> None:
    machine = BareMachine(shadow=True, start_block=False, self_map=False)
    clue = processor(machine, cr3=machine.user_root | 1, pc=0x7FF8A1B2C3D4, segment_base=0xD4C0E21000)
    found = search(machine, Clues(X64, processors=(clue._replace(kernel_gs_base=machine.kpcr),)))
    assert_whole(found, machine)
    assert found.translation.how == "KernelDirectoryTableBase in the KPRCB of processor 3 (x64 with 4 levels)"


def test_the_low_stub() -> None:
    machine = BareMachine()
    found = search(machine)
    assert_whole(found, machine)
    assert found.translation.how == "the processors' start block at physical address 0x13000 (x64 with 4 levels)"
    assert found.kernel_base.how == "the first image of a kernel below the target of the processors' start block"


@pytest.mark.parametrize("mode", KINDS)
def test_no_processor_state_at_all(mode: str) -> None:
    machine = BareMachine(mode, start_block=False)
    found = search(machine)
    assert_whole(found, machine)
    entry = {"X86": 0x300, "PAE": 3}.get(mode, 0x1ED)
    assert found.translation.how.startswith(f"a scan of memory: entry {entry:#x} of its table leads to itself")
    assert found.kernel_base.how == "a walk over the system's pages"


def test_a_wrong_directory_table_base_keeps_nothing_from_being_found() -> None:
    machine = BareMachine()
    found = search(machine, Clues(X64, directory_table_base=0x5000, debugger_block=machine.at["kdbg"]))
    assert_whole(found, machine)


def test_without_page_tables_everything_is_absent() -> None:
    found = discover(BytesSpace({0x1000: bytes(0x3000)}))
    assert found.machine is Absent.NOT_CAPTURED
    for fact in (found.translation, found.kernel_base, found.debugger_block, found.build):
        assert fact.value is Absent.NOT_CAPTURED
        assert fact.how
    assert found.memory.read_some(0, 1) == b""


@pytest.mark.parametrize("told", [None, ARM64])
def test_arm64_is_found_by_the_tables_that_name_themselves(told: Machine | None) -> None:
    machine = imaged("arm64")
    found = discover(BytesSpace({address: bytes(page) for address, page in machine.tables.memory.items()}), Clues(told))
    assert found.machine is ARM64
    assert found.translation.value == Translation(PagingKind.ARM64, machine.tables.root)
    assert "entry 0x1ed of its table leads to itself" in found.translation.how
    assert found.kernel_base.value == machine.facts.kernel.base
    assert found.debugger_block.value == machine.facts.kdbg_at


def test_a_machine_says_whether_it_is_one_of_arm64() -> None:
    """Tables of the one can be walked as those of the other."""
    for story, other in (("arm64", X64), ("x64", ARM64)):
        machine = imaged(story)
        space = BytesSpace({address: bytes(page) for address, page in machine.tables.memory.items()})
        found = discover(space, Clues(other))
        assert found.translation.value is Absent.NOT_CAPTURED
        assert found.machine is other


# --- the image


def test_the_list_of_modules_names_the_kernel_whose_header_is_paged_out() -> None:
    machine = BareMachine(header=False)
    clues = Clues(X64, directory_table_base=machine.root, loaded_modules=machine.at["modules"])
    found = search(machine, clues)
    assert_whole(found, machine)
    assert found.kernel_base.how == "DllBase of the first module in the header's PsLoadedModuleList"
    assert found.debugger_block.how == "its tag in the system's pages"


def test_the_block_names_the_kernel_whose_header_is_paged_out() -> None:
    machine = BareMachine(header=False)
    found = search(machine)
    assert_whole(found, machine)
    assert found.kernel_base.how == "KernBase of the debugger data block"


@pytest.mark.parametrize("name", ["ntkrnlmp.exe", "ntkrnlpa.exe", "NTKRPAMP.EXE"])
def test_other_names_of_the_kernel(name: str) -> None:
    assert search(BareMachine(kernel_name=name)).kernel_base.how.startswith("the first image of a kernel")


def test_another_image_is_no_kernel() -> None:
    machine = BareMachine(kernel_name="storport.sys")
    found = search(machine)
    assert found.kernel_base.how == "KernBase of the debugger data block"
    assert found.debugger_block.how == "its tag in the system's pages"


# --- the debugger data block


@pytest.mark.parametrize("rotation", [0, 1, 29, 63])
def test_an_encoded_block(rotation: int) -> None:
    machine = BareMachine(encoded=NEVER & -64 | rotation)
    found = search(machine)
    assert_whole(found, machine)
    assert "undone with the kernel's base, encoded in memory" in found.debugger_block.how


def test_an_encoded_block_where_the_header_says() -> None:
    machine = BareMachine(encoded=NEVER)
    found = search(machine, Clues(X64, directory_table_base=machine.root, debugger_block=machine.at["kdbg"]))
    assert_whole(found, machine)
    assert "in the place that the header names" in found.debugger_block.how


@pytest.mark.parametrize("rotation", [0, 17, 63])
def test_an_encoded_block_without_the_kernels_base(rotation: int) -> None:
    machine = BareMachine(encoded=NEVER & -64 | rotation, header=False)
    found = search(machine)
    assert_whole(found, machine)
    assert found.debugger_block.how == "its encoding, undone with its own list entry, encoded in memory"
    assert found.kernel_base.how == "KernBase of the debugger data block"


def test_a_block_of_windows_11() -> None:
    machine = BareMachine(encoded=NEVER, size=0x3A8)
    assert_whole(search(machine), machine)


@pytest.mark.parametrize("mode", KINDS)
def test_the_version_block_leads_to_the_debugger_data_block(mode: str) -> None:
    machine = BareMachine(mode, version_block=True, build=0)
    found = search(machine, Clues(processors=(processor(machine),)))
    assert_whole(found, machine)
    assert found.debugger_block.how == "the list in KdVersionBlock in the KPCR of processor 3"
    assert (found.build.value, found.build.how) == (7601, "MinorVersion of KdVersionBlock in the KPCR of processor 3")


def test_the_kpcr_of_windows_xp_has_a_fixed_place() -> None:
    machine = BareMachine("X86", version_block=True, kpcr=0xFFDFF000)
    found = search(machine)
    assert_whole(found, machine)
    assert (
        found.debugger_block.how == "the list in KdVersionBlock in the KPCR of the first processor, at its fixed place"
    )


def test_a_32_bit_processor_in_user_mode_has_the_kpcr_in_its_gdt() -> None:
    machine = BareMachine("PAE", version_block=True)
    clue = processor(machine, segment_base=0x7FFDE000, pc=0x401000, gdt=machine.at["gdt"])
    found = search(machine, Clues(X86, processors=(clue,)))
    assert_whole(found, machine)
    assert found.debugger_block.how == "the list in KdVersionBlock in the KPCR of processor 3"


def test_no_block_is_absent_and_says_where_it_was_looked_for() -> None:
    machine = BareMachine()
    machine.write(machine.at["kdbg"], bytes(machine.size))
    found = search(machine)
    assert found.kernel_base.value == machine.base
    assert found.debugger_block.value is Absent.NOT_CAPTURED
    assert found.debugger_block.how == "neither its tag nor its encoding in the kernel's image"
    assert found.build.value == 19041


# --- the build


def test_build_of_windows_10() -> None:
    found = search(BareMachine())
    assert (found.build.value, found.build.how) == (19041, "NtBuildNumber of KUSER_SHARED_DATA")


def test_build_before_windows_10() -> None:
    found = search(BareMachine(build=0))
    assert (found.build.value, found.build.how) == (7601, "the beginning of NtBuildLab")
