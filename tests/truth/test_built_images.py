"""Unwinding against true stacks of images that are our own: each architecture, with each way of keeping frames.

x86 is unwound by the frame programs of the PDB, x64 and ARM64 by what the images themselves hold.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest

from smalldump.images import PeImage
from smalldump.model.symbols import FrameProgram
from smalldump.symbols.pdb import open_pdb
from smalldump.unwind import arm64_unwind, x64_unwind, x86_unwind
from smalldump.unwind.unwound import NotUnwound, UnwindKind, Unwound
from smalldump.unwind.x86_unwind import How
from tests.truth.images.build import TOOLS, VARIANTS, Variant, build, compiler, frame_data
from tests.truth.images.cases import BuiltImage, Frame, Stack, load

WANTED = 0.999
Walk = Iterator[tuple[Frame, Mapping[str, int], str]]
"""True frames, with the registers that were found for each (none where the walk got stuck), and how."""


def names(arch: str) -> list[str]:
    return [variant.name for variant in VARIANTS if variant.arch == arch]


def function_of(image: BuiltImage, program: FrameProgram | None) -> int | None:
    """Where a function begins: the records of one function all end together."""
    if program is None:
        return None
    end = program.rva + program.size
    return image.base + min(other.rva for other in image.programs if other.rva + other.size == end)


def x86_walk(image: BuiltImage, stack: Stack, *, programs: bool = True, linked: bool = True) -> Walk:
    """Step by step, each from what the one before found.

    Args:
        programs: Whether the PDB is at hand.
        linked: Whether a step is told what the one before left, and where functions begin.
    """
    registers, exact, params = stack.registers, True, 0
    memory = image.memory(stack)
    for frame in stack.frames:
        program = image.program(registers["eip"] - (not exact)) if programs else None
        found = x86_unwind.unwind(
            program,
            image.base,
            memory,
            registers,
            exact_pc=exact,
            callee_params=params if linked else 0,
            function=function_of(image, program) if linked else None,
            holds_code=image.holds_code,
        )
        if isinstance(found, NotUnwound):
            yield frame, {}, found.value
            return
        yield frame, found.registers, found.how.value
        registers, exact, params = found.registers, False, found.params_size


def other_walk(step: Callable[..., Unwound | NotUnwound], image: BuiltImage, stack: Stack) -> Walk:
    """The same by an image's own unwind information."""
    pe, registers, exact = PeImage.from_file(memoryview(image.data)), stack.registers, True
    memory = image.memory(stack)
    for frame in stack.frames:
        found = step(pe, image.base, memory, registers, exact_pc=exact)
        if isinstance(found, NotUnwound):
            yield frame, {}, found.value
            return
        yield frame, found.registers, found.kind.value
        registers, exact = found.registers, found.kind is not UnwindKind.CALL


def pointers(arch: str) -> tuple[str, str]:
    return {"x86": ("eip", "esp"), "x64": ("rip", "rsp"), "arm64": ("pc", "sp")}[arch]


def is_right(image: BuiltImage, frame: Frame, found: Mapping[str, int]) -> bool:
    pc, sp = pointers(image.arch)
    return {pc: frame.ret, sp: frame.sp, **frame.saved}.items() <= found.items()


def share(image: BuiltImage, walk: Callable[[BuiltImage, Stack], Walk]) -> float:
    """Of all frames, those whose return address, stack pointer and callee-saved registers were all found."""
    right = sum(is_right(image, *step[:2]) for stack in image.stacks for step in walk(image, stack))
    return right / sum(len(stack.frames) for stack in image.stacks)


@pytest.mark.parametrize("name", names("x86"))
@pytest.mark.parametrize("linked", [True, False], ids=["linked", "alone"])
def test_x86_with_frame_programs(name: str, linked: bool) -> None:
    assert share(load(name), partial(x86_walk, linked=linked)) >= WANTED


@pytest.mark.parametrize("name", names("x86"))
def test_x86_is_never_wrong_where_it_is_sure(name: str) -> None:
    image = load(name)
    for stack in image.stacks:
        for frame, found, how in x86_walk(image, stack):
            assert how == How.SEARCH.value or is_right(image, frame, found)


@pytest.mark.parametrize(
    ("name", "wanted"), [("x86-keep", 0.98), ("x86-plain", 0.98), ("x86-omit", 0.2), ("x86-small", 0.2)]
)
def test_x86_without_a_pdb_has_only_the_chain_of_ebp(name: str, wanted: float) -> None:
    """Return addresses alone: what the frames hold besides is not known."""
    image = load(name)
    walk = partial(x86_walk, programs=False)
    found = sum(
        frame.ret == registers.get("eip") for stack in image.stacks for frame, registers, _ in walk(image, stack)
    )
    frames = sum(len(stack.frames) for stack in image.stacks)
    print(f"{name}: {found} of {frames} return addresses by the chain of EBP")
    assert found >= wanted * frames


@pytest.mark.parametrize("name", names("x64"))
def test_x64(name: str) -> None:
    assert share(load(name), partial(other_walk, x64_unwind.unwind)) >= WANTED


@pytest.mark.parametrize("name", names("arm64"))
def test_arm64(name: str) -> None:
    assert share(load(name), partial(other_walk, arm64_unwind.unwind)) >= WANTED


@pytest.fixture(scope="module")
def tools() -> str:
    """The version of the compiler; the test is skipped without one, or fails if `SMALLDUMP_CI` is set."""
    version = compiler()
    if version is None:
        why = f"one of {', '.join(TOOLS)} is missing"
        if os.environ.get("SMALLDUMP_CI"):
            pytest.fail(why)
        pytest.skip(why)
    return version


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_what_was_recorded_is_what_the_source_makes(variant: Variant, tools: str, tmp_path: Path) -> None:
    recorded = load(variant.name)
    image, pdb = build(variant, tmp_path)
    if tools != recorded.compiler:
        pytest.skip(f"{tools} makes other images than {recorded.compiler}")
    assert image.read_bytes() == recorded.data
    programs = frame_data(pdb)
    assert programs == list(recorded.programs)
    ours = open_pdb(pdb)
    assert [ours.frame_program(program.rva) for program in programs] == programs
