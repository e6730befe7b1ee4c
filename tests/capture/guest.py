"""A virtual machine with a Windows-like memory that stops by itself: QEMU under software emulation.

The memory is that of `tests.synth`; the code that brings every processor into its state is `guest.S`. There is no
firmware: the reset vector jumps right into that code.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import NamedTuple, NoReturn

import pytest

from tests.capture.windows import IDT, kpcr, windows_memory
from tests.synth.big_machine import BigMachine
from tests.synth.page_tables import PageTables

__all__ = ["Guest", "Powered", "decline", "empty", "prepared", "running"]

PAGE = 0x1000
CODE, APIC = 0x8000, 0xFEE00000
_STATE = 0x100
_REGISTERS = "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15 gs_base rip"
PANICKED, CRASHLOADED = 1, 2
_BIOS, _RESET = 0x10000, 0xFFF0
_SECONDS = 30


class Guest(NamedTuple):
    """A machine to be run.

    Attributes:
        machine: What its memory holds; None: no Windows.
        pages: Physical memory, with the boot code.
        states: Registers of each processor when all stand still.
    """

    machine: BigMachine | None
    pages: Mapping[int, bytes]
    states: tuple[Mapping[str, int], ...]


class Powered(NamedTuple):
    """A virtual machine that runs.

    Attributes:
        sockets: Of its monitors.
        memory: The file that holds its memory, or None.
    """

    process: subprocess.Popen[bytes]
    sockets: tuple[Path, ...]
    memory: Path | None


def decline(reason: str) -> NoReturn:
    """Skip a test that needs QEMU or clang; in CI, where both must be there, fail it."""
    if os.environ.get("SMALLDUMP_CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@cache
def _boot_code() -> bytes:
    for tool in ("clang", "ld.lld", "qemu-system-x86_64"):
        if shutil.which(tool) is None:
            decline(f"{tool} is not installed: a guest is assembled and run with it")
    source = Path(__file__).with_name("guest.S")
    with TemporaryDirectory() as folder:
        made, code = Path(folder, "guest.o"), Path(folder, "guest.bin")
        subprocess.run(["clang", "--target=x86_64-unknown-none", "-c", source, "-o", made], check=True)
        subprocess.run(["ld.lld", "--oformat=binary", f"-Ttext={CODE:#x}", made, "-o", code], check=True)
        return code.read_bytes()


def prepared(processors: int = 1, *, hidden: bool = False, event: int = PANICKED, stopped: bool = True) -> Guest:
    """A guest that writes `event` to pvpanic's port when all its processors are in place.

    Args:
        hidden: Whether its debugger data block is encoded.
        event: 0: none, it just runs on.
        stopped: Whether its Windows has a bug check.
    """
    machine = windows_memory(processors, hidden=hidden, stopped=stopped)
    facts = machine.facts
    stop, rest = facts.kernel.base + 0x300000, facts.kernel.base + 0x300040
    machine.write(stop, _stopping(event))
    machine.write(rest, b"\xfa\xf4\xeb\xfc")
    tables = machine.tables
    entry = tables.entry_address(stop)
    tables.put(entry, tables.get(entry) & ~(1 << 63))
    states = tuple(_state(machine, number, rest if number else stop) for number in range(processors))
    return Guest(machine, _with_boot_code(tables, states), states)


def empty() -> Guest:
    """A guest without Windows: its memory is page tables, its code and 4 KiB of stack."""
    tables, stack = PageTables("X64", 0x200000), 0xFFFF8000_00010000
    tables.map(stack, 0x300000)
    tables.fill(0x300000, b"stack of nobody ".ljust(0x10) * 256)
    tables.map(stack + PAGE, 0x301000)
    tables.fill(0x301000, _stopping(PANICKED))
    entry = tables.entry_address(stack + PAGE)
    tables.put(entry, tables.get(entry) & ~(1 << 63))
    states = ({"rsp": stack + 0xF00, "rip": stack + PAGE, "rbx": 0x1122334455667788},)
    return Guest(None, _with_boot_code(tables, states), states)


def _stopping(event: int) -> bytes:
    # mov dx,505h; mov al,event; out dx,al; then cli; hlt; jmp. Without an event: pause; jmp.
    return b"\x66\xba\x05\x05\xb0" + bytes([event]) + b"\xee\xfa\xf4\xeb\xfc" if event else b"\xf3\x90\xeb\xfc"


def _state(machine: BigMachine, number: int, pc: int) -> dict[str, int]:
    stack = machine.facts.stack.low if number == 0 else kpcr(machine, number)
    own = {"rip": pc, "rsp": stack, "gs_base": kpcr(machine, number), "rbx": 0xB0B0 + number, "r15": 0xF15 + number}
    return own | {"idt": IDT}


def _with_boot_code(tables: PageTables, states: tuple[Mapping[str, int], ...]) -> dict[int, bytes]:
    for address in (CODE, APIC):
        tables.put(tables.map(address, address), address | 0x63)
    code = _boot_code()
    page = bytearray(code.ljust(PAGE, b"\0"))
    struct.pack_into("<II", page, len(code) - 0x10, tables.root, len(states) - 1)
    for number, state in enumerate(states):
        at = len(code) + _STATE * number
        words = [state.get(name, 0) for name in _REGISTERS.split()]
        struct.pack_into("<18Q", page, at, *words)
        struct.pack_into("<HQ", page, at + 0x90, 0xFFF, state.get("idt", 0))
    return {address: bytes(data) for address, data in tables.memory.items()} | {CODE: bytes(page)}


@contextmanager
def running(
    guest: Guest, folder: Path, *options: str, megabytes: int = 32, shared: bool = True, monitors: int = 1
) -> Iterator[Powered]:
    """The guest, powered on and waiting for `cont`, until the block is left.

    Args:
        folder: Where its sockets and its memory lie.
        options: More of QEMU's.
        shared: Whether its memory is a file that others can look into.
    """
    memory = folder / "memory.bin"
    _write_memory(memory, guest, megabytes)
    (folder / "bios.bin").write_bytes(_bios())
    sockets = tuple(folder / f"{number}.qmp" for number in range(monitors))
    backend = f"memory-backend-file,id=ram,size={megabytes}M,mem-path={memory},share={'on' if shared else 'off'}"
    command = ["qemu-system-x86_64", "-S", "-nodefaults", "-display", "none", "-no-user-config", "-accel", "tcg"]
    command += ["-cpu", "max", "-smp", str(len(guest.states)), "-m", f"{megabytes}M", "-device", "pvpanic"]
    command += ["-object", backend, "-machine", "q35,memory-backend=ram", "-bios", str(folder / "bios.bin"), *options]
    for socket in sockets:
        command += ["-qmp", f"unix:{socket},server=on,wait=off"]
    with _alone():
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            _await_sockets(process, sockets)
            yield Powered(process, sockets, memory if shared else None)
        finally:
            process.kill()
            process.communicate()


@contextmanager
def _alone() -> Iterator[None]:
    # One guest at a time on a machine, whatever runs tests there.
    import fcntl  # which Windows lacks; there QEMU's monitors are not spoken to, either

    with Path(gettempdir(), f"smalldump-tests-qemu-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write_memory(path: Path, guest: Guest, megabytes: int) -> None:
    with path.open("wb") as file:
        file.truncate(megabytes << 20)
        for address, page in guest.pages.items():
            file.seek(address)
            file.write(page)


def _bios() -> bytes:
    # jmp 0800h:0000h at the reset vector.
    image = bytearray(_BIOS)
    image[_RESET : _RESET + 5] = b"\xea\x00\x00\x00\x08"
    return bytes(image)


def _listening(path: Path) -> bool:
    # A socket is in its folder before anybody listens there; the flag 00010000 says that somebody does.
    lines = (line.split(maxsplit=7) for line in Path("/proc/net/unix").read_text("utf-8").splitlines())
    return any(line[3] == "00010000" and line[-1] == str(path) for line in lines)


def _await_sockets(process: subprocess.Popen[bytes], sockets: tuple[Path, ...]) -> None:
    end = time.monotonic() + _SECONDS
    while not all(_listening(socket) for socket in sockets):
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            raise AssertionError(process.communicate()[1].decode())
        time.sleep(0.01)
