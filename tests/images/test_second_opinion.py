"""Decoding of headers, exports, function tables and unwind data, compared with LLVM's on the oracle's images.

LLVM 14 does not know version 2 of the x64 records (it crashes on such images) nor signed return addresses on ARM64:
those parts have no second opinion here.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from functools import cache

import pytest

from smalldump.images import PeImage, RuntimeFunction
from smalldump.layout.arm64_codes import Code, Op, code_sequence
from smalldump.layout.arm64_xdata import parse_packed_record
from smalldump.layout.pe import Directory
from smalldump.layout.unwind_info import REGISTERS, UnwindCode
from smalldump.layout.unwind_info import Op as X64Op
from tests.truth.oracle_cases import CaseFile, case_files, image_folder

TOOL = "llvm-readobj"
_X64, _ARM64 = case_files("x64"), case_files("arm64")
_ALL = [*_X64, *case_files("x86"), *_ARM64]


@pytest.fixture
def file(request: pytest.FixtureRequest, samples: object) -> CaseFile:
    if not shutil.which(TOOL):
        if os.environ.get("SMALLDUMP_CI"):
            pytest.fail(f"{TOOL} is not installed (Debian package llvm)")
        pytest.skip(f"{TOOL} is not installed (Debian package llvm)")
    assert isinstance(request.param, CaseFile), "no oracle beside the samples"
    return request.param


def _name(file: object) -> str:
    return file.name if isinstance(file, CaseFile) else str(file)


def over(files: list[CaseFile]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("file", files or ["no samples"], ids=_name, indirect=True)


@cache
def told(name: str, *options: str) -> str:
    """What the tool prints, up to where it crashes."""
    command = [TOOL, *options, str(image_folder() / name)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=120, check=False)
    return done.stdout


def asked(file: CaseFile, *options: str) -> str:
    assert file.pe.sections
    return told(f"{file.arch}-{file.image}", *options)


def field(text: str, name: str) -> int:
    found = re.search(rf"^ *{name}: (?:\S+ \()?(0x[0-9A-F]+|\d+)\)?", text, re.MULTILINE)
    assert found, name
    return int(found[1], 0)


@over(_ALL)
def test_headers_and_sections(file: CaseFile) -> None:
    text, image = asked(file, "--file-headers", "--sections"), file.pe
    assert image.machine == int(re.findall(r"Machine: \S+ \((0x[0-9A-F]+)\)", text)[0], 16)
    assert image.size_of_image == field(text, "SizeOfImage")
    assert image.entry_point == field(text, "AddressOfEntryPoint")
    assert image.image_base == field(text, "ImageBase")
    assert image.timestamp == int(re.findall(r"TimeDateStamp: .*\((0x[0-9A-F]+)\)", text)[0], 16)
    table = image.directory(Directory.EXCEPTION) or (0, 0)
    assert table == (field(text, "ExceptionTableRVA"), field(text, "ExceptionTableSize"))
    pieces = text.split("  Section {")[1:]
    names = ("VirtualAddress", "VirtualSize", "PointerToRawData")
    theirs = [[re.findall(r"Name: (\S+)", piece)[0], *(field(piece, name) for name in names)] for piece in pieces]
    assert [[s.name, s.rva, s.size, s.file_offset] for s in image.sections] == theirs


@over(_ALL)
def test_exports(file: CaseFile) -> None:
    text = asked(file, "--coff-exports")
    rows = re.findall(r"Ordinal: (\d+)\n +Name: (\S+)\n(?: +ForwardedTo: \S+\n)? +RVA: (0x[0-9A-F]+)", text)
    ours = {(export.ordinal, export.name, export.rva) for export in file.pe.exports if export.forwarder is None}
    assert len(ours) >= 1
    theirs = {(int(ordinal), name, int(rva, 16)) for ordinal, name, rva in rows}
    assert ours <= theirs
    assert len(file.pe.exports) == len(theirs)


@over(_ALL)
def test_the_pdb_that_belongs_to_the_image(file: CaseFile) -> None:
    text = asked(file, "--coff-debug-directory")
    guid, age = re.search(r"PDBGUID: \((.+)\)", text), re.search(r"PDBAge: (\d+)", text)
    found = file.pe.codeview
    assert (found and found.guid) == (guid and str(uuid.UUID(bytes_le=bytes.fromhex(guid[1]))))
    assert (found and found.age) == (age and int(age[1]))


def entries(image: PeImage, text: str) -> Iterator[tuple[RuntimeFunction, str]]:
    """Our entries, each with LLVM's text about it."""
    pieces = text.split("  RuntimeFunction {")[1:]
    if text.rstrip().endswith("\n]"):
        assert len(pieces) >= len(image.functions)  # it reads on to the end of the section
    else:
        pieces.pop()  # it crashed there
    assert len(pieces) >= 20
    count = min(len(pieces), len(image.functions))
    yield from ((image.functions[index], piece) for index, piece in enumerate(pieces[:count]))


@over(_X64)
def test_unwind_information_of_x64(file: CaseFile) -> None:
    text, image = asked(file, "--unwind"), file.pe
    for entry, theirs in entries(image, text):
        info = image.functions.unwind_info(entry.unwind)
        places = re.findall(r"(?:Start|End|UnwindInfo)Address: \S*.*\((0x[0-9A-F]+)\)", theirs)
        chained = [] if info.chained is None else [image.image_base + rva for rva in info.chained]
        ours = [image.image_base + (rva or 0) for rva in entry]
        assert [int(place, 16) for place in places] == [*ours, *chained]
        assert (info.version, info.size_of_prolog) == (field(theirs, "Version"), field(theirs, "PrologSize"))
        assert [_x64_text(code, info.frame_offset) for code in info.codes] == re.findall(r"0x..: .*", theirs)
        register = re.findall(r"FrameRegister: (\S+)", theirs)[0]
        assert (info.frame_register or "-") == register.lower()


def _x64_text(code: UnwindCode, frame_offset: int) -> str:
    register = REGISTERS[code.info].upper()
    details = {
        X64Op.PUSH_NONVOL: f"reg={register}",
        X64Op.ALLOC_SMALL: f"size={code.value}",
        X64Op.ALLOC_LARGE: f"size={code.value}",
        X64Op.SET_FPREG: f"reg=RBP, offset=0x{frame_offset:X}",
        X64Op.SAVE_NONVOL: f"reg={register}, offset=0x{code.value:X}",
        X64Op.SAVE_XMM128: f"reg=XMM{code.info}, offset=0x{code.value:X}",
    }
    return f"0x{code.offset:02X}: {code.op.name} {details[code.op]}"


@over(_ARM64)
def test_unwind_data_of_arm64(file: CaseFile) -> None:
    text, image = asked(file, "--unwind"), file.pe
    compared = 0
    for entry, theirs in entries(image, text):
        if entry.unwind & 3:
            packed = parse_packed_record(entry.unwind)
            assert packed.length == field(theirs, "FunctionLength")
            continue
        record = image.functions.full_record(entry.unwind)
        assert record.length == field(theirs, "FunctionLength")
        starts = [4 * int(start) for start in re.findall(r"StartOffset: (\d+)", theirs)]
        assert [start for start, _ in record.scopes if start >= 0] == starts
        lists = re.findall(r"(?:Prologue|Opcodes|Epilogue) \[\n((?: +0x.*\n)*)", theirs)
        indexes = [0, *(index for _, index in record.scopes)]
        # An epilogue that has the prologue's codes is not printed where the record says that it ends the function.
        assert len(lists) == len(indexes) or record.scopes == ((-1, 0),)
        for index, lines in zip(indexes, lists, strict=False):
            expected = [line for line in re.findall(r"; (.*)", lines) if line not in ("end", "end_c")]
            sequence = code_sequence(record.codes, index)
            if any(register.startswith("q") for code in sequence.codes for register in code.registers):
                continue  # save_any_reg, which LLVM 14 does not know
            ours = [_arm64_text(code) for code in sequence.codes[: sequence.own]]
            assert len(ours) == len(expected)
            compared += 1
            # LLVM names what a pair follows, we the pair.
            pairs = [pair for pair in zip(ours, expected, strict=True) if pair[1] != "save next"]
            assert [_plain(our) for our, _ in pairs] == [_plain(their) for _, their in pairs]
    assert compared >= 20


def _arm64_text(code: Code) -> str:
    names = [{"fp": "x29"}.get(name, name) for name in code.registers]
    match code.op:
        case Op.ALLOC:
            return f"sub sp, #{code.size}"
        case Op.SET_FP:
            return "mov fp, sp"
        case Op.ADD_FP:
            return f"add fp, sp, #{code.size}"
        case Op.SAVE:
            slot = f"[sp, #-{code.size}]!" if code.size else f"[sp, #{code.offset}]"
            return f"{'stp' if len(names) == 2 else 'str'} {', '.join(names)}, {slot}"
        case Op.PAC_SIGN_LR:
            return "Bad opcode!"
        case _:
            return str(code.op.value).replace("_", " ")


# LLVM writes epilogues' codes as loads.
def _plain(text: str) -> str:
    text = re.sub(r"\[sp\], #(\d+)", r"[sp, #-\1]!", text.replace("ld", "st", 1) if text.startswith("ld") else text)
    text = text.replace("mov sp, fp", "mov fp, sp").replace("add sp, ", "sub sp, ")
    return text.replace("x30", "lr")
