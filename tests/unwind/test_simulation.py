"""Code behind return addresses, encoded by hand, run up to its return."""

from __future__ import annotations

import pytest

from smalldump.memory import BytesSpace
from smalldump.unwind.instructions import Instructions
from smalldump.unwind.simulation import Behaviour, Place, simulate

HERE = 0xFFFFF80100001235


def behaviour(code: str, *, after_call: bool = True, more: dict[int, bytes] | None = None) -> Behaviour:
    return simulate(Instructions(BytesSpace({HERE: bytes.fromhex(code), **(more or {})})), HERE, after_call=after_call)


@pytest.mark.parametrize(
    ("code", "returns"),
    [
        ("48 83 c4 28 c3", Place("rsp", 0x28)),  # add rsp, 28h; ret
        ("48 83 c4 20 41 5f 5b c3", Place("rsp", 0x30)),  # add rsp, 20h; pop r15; pop rbx; ret
        ("48 81 c4 18 01 00 00 5f c2 08 00", Place("rsp", 0x120)),  # add rsp, 118h; pop rdi; ret 8
        ("4c 8d 5c 24 60 49 8b 5b 20 49 8b e3 5f c3", Place("rsp", 0x68)),  # lea r11, [rsp+60h]; ...; mov rsp, r11
        ("48 8d 65 10 5d c3", Place("rbp", 0x18)),  # lea rsp, [rbp+10h]; pop rbp; ret
        ("c9 c3", Place("rbp", 8)),  # leave; ret
        ("48 83 c4 28 e9 00 10 00 00", Place("rsp", 0x28)),  # a tail jump
        ("48 83 c4 28 48 ff 25 00 10 00 00", Place("rsp", 0x28)),  # a tail jump through a pointer
        ("75 01 cc 48 83 c4 28 c3", Place("rsp", 0x28)),  # jne over a breakpoint
        ("eb 01 cc 48 83 c4 28 c3", Place("rsp", 0x28)),  # jmp over it
        ("75 02 eb fe 48 83 c4 28 c3", Place("rsp", 0x28)),  # past a loop without end
        ("e8 00 00 00 00 48 83 c4 38 f3 c3", Place("rsp", 0x38)),  # call; add rsp, 38h; rep ret
    ],
)
def test_the_return_is_found(code: str, returns: Place) -> None:
    assert behaviour(code).returns == returns


@pytest.mark.parametrize(
    "code",
    [
        "",
        "cc 48 83 c4 28 c3",  # a breakpoint: nobody comes back
        "90 90 90",  # the dump holds no more
        "ff e0",  # a jump table
        "48 2b e0 c3",  # sub rsp, rax
        "0f 0b",  # ud2
        "cd 29",  # a fast fail
    ],
)
def test_nothing_is_said_where_no_return_is_reached(code: str) -> None:
    assert behaviour(code).returns is None


def test_registers_are_restored_from_the_stack() -> None:
    # mov rbx, [rsp+30h]; mov rbp, [rsp+38h]; add rsp, 20h; pop rdi; ret
    found = behaviour("48 8b 5c 24 30 48 8b 6c 24 38 48 83 c4 20 5f c3")
    assert found.returns == Place("rsp", 0x28)
    assert found.restored["rbx"] == Place("rsp", 0x30, loaded=True)
    assert found.restored["rbp"] == Place("rsp", 0x38, loaded=True)
    assert found.restored["rdi"] == Place("rsp", 0x20, loaded=True)
    assert found.restored["rsi"] == Place("rsi")
    assert found.accesses == {("rsp", 0x30), ("rsp", 0x38)}
    assert found.extent == 0x38


def test_a_register_that_is_overwritten_is_not_known() -> None:
    assert behaviour("33 db 48 83 c4 28 c3").restored["rbx"] is None  # xor ebx, ebx


def test_what_is_pointed_to_lies_in_the_frame_too() -> None:
    found = behaviour("48 8d 4c 24 70 89 45 10 cc")  # lea rcx, [rsp+70h]; mov [rbp+10h], eax; int3
    assert found.extent == 0x70
    assert found.accesses == {("rbp", 0x10)}


@pytest.mark.parametrize("code", ["53 48 83 ec 20", "48 89 5c 24 08 57 48 83 ec 20", "48 83 ec 28 c3"])
def test_prologues_are_recognised(code: str) -> None:
    assert behaviour(code).enters


def test_the_code_at_the_crash_may_be_a_prologue() -> None:
    # push rbx; sub rsp, 20h; add rsp, 20h; pop rbx; ret
    found = behaviour("53 48 83 ec 20 48 83 c4 20 5b c3", after_call=False)
    assert (found.returns, found.enters) == (Place("rsp", 0), False)


@pytest.mark.parametrize(
    ("code", "undefined"),
    [
        ("48 8b 01 c3", True),  # mov rax, [rcx]
        ("48 8b c8 48 8b 01 c3", False),  # mov rcx, rax first
        ("33 d2 8b ca c3", False),  # xor edx, edx; mov ecx, edx
        ("83 c9 ff 3b c1 c3", False),  # or ecx, -1; cmp eax, ecx
        ("74 01 90 c3", True),  # je: nobody has set the flags
        ("85 c0 74 01 90 c3", False),  # test eax, eax; je
        ("06", True),  # no instruction of x64
    ],
)
def test_what_a_call_leaves_undefined_is_not_used_after_one(code: str, undefined: bool) -> None:
    assert behaviour(code).undefined is undefined


def test_code_runs_on_in_another_block_of_the_dump() -> None:
    far = {HERE + 0x1005: bytes.fromhex("48 83 c4 28 c3")}
    assert behaviour("e9 00 10 00 00", more=far).returns == Place("rsp", 0x28)


def test_endless_code_is_left_in_time() -> None:
    code = Instructions(BytesSpace({HERE: b"\x75\x00" * 0x10000}))
    for at in range(0, 0x20000, 2):
        assert simulate(code, HERE + at).returns is None
