"""QEMU as a second opinion: a guest that never runs, whose memory is a file of ours, and dumps that QEMU writes of it.

Registers are set by way of QEMU's server for gdb, dumps are asked for by QMP. No code of a guest is needed: paging is
switched on from outside, with tables that map nothing but themselves until the ones of the machine take their place.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

__all__ = ["Guest", "Refused", "program"]

_PATIENCE = 30.0
_REGISTERS = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", *(f"r{n}" for n in range(8, 16)), "rip", "efl")
_NUMBERS = {name: number for number, name in enumerate(_REGISTERS)} | {"cs": 18, "ss": 19}
_NUMBERS |= {"fs_base": 24, "gs_base": 25, "kernel_gs_base": 26, "cr0": 27, "cr2": 28, "cr3": 29, "cr4": 30, "efer": 32}
_NARROW = {*range(17, 24)}  # of 4 bytes: eflags and segments
_ARM64 = {f"x{number}": number for number in range(31)} | {"sp": 31, "pc": 32}
_MACHINES = {"x86_64": ("q35", "qemu64"), "aarch64": ("virt", "cortex-a72")}
_PE_PG, _PAE, _LONG_MODE = 0x80000011, 0x20, 0x100
_DESCRIPTORS = struct.pack("<QQQ", 0, 0x00AF9A000000FFFF, 0x00CF92000000FFFF)  # none, 64-bit code, data
_SCRATCH = 0x1000


class Refused(Exception):
    """QEMU's words for what it does not do."""


def program(machine: str = "x86_64") -> str:
    """The path of QEMU; a test that needs it is skipped without it, or fails where SMALLDUMP_CI is set."""
    found = shutil.which(f"qemu-system-{machine}")
    if found is None:
        if "SMALLDUMP_CI" in os.environ:
            pytest.fail(f"qemu-system-{machine} is not installed")
        pytest.skip(f"qemu-system-{machine} is not installed")
    return found


class Guest:
    """A guest of QEMU that is stopped for good. A context manager: leaving it ends QEMU."""

    def __init__(self, folder: Path, memory: bytes = b"", size: int = 16 << 20, kind: str = "x86_64") -> None:
        """Start it.

        Args:
            folder: Where sockets and the file with its memory lie.
            memory: What is in its memory, from the beginning on: physical address 0, for aarch64 0x40000000.
            size: Of its memory, in bytes.
            kind: x86_64 or aarch64.
        """
        self.folder, self._kind = folder, kind
        file = folder / "guest.ram"
        file.write_bytes(_DESCRIPTORS + memory[len(_DESCRIPTORS) :])
        os.truncate(file, size)
        backend = f"memory-backend-file,id=ram,size={size},mem-path={file},share=on"
        board, processor = _MACHINES[kind]
        self._process = subprocess.Popen(
            [
                *(program(kind), "-S", "-nodefaults", "-display", "none", "-accel", "tcg", "-m", f"{size >> 20}M"),
                *("-machine", f"{board},memory-backend=ram", "-object", backend, "-cpu", processor),
                *("-qmp", f"unix:{folder / 'qmp'},server=on,wait=off"),
                *("-gdb", f"unix:{folder / 'gdb'},server=on,wait=off"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            self._monitor = self._connected("qmp")
            self._lines = self._monitor.makefile("r")
            json.loads(self._lines.readline())
            self.ask("qmp_capabilities")
            self._debugger = self._connected("gdb")
            self._remote("qXfer:features:read:target.xml:0,ffb")  # without, registers cannot be set one by one
        except BaseException:
            self._end()
            raise

    def _connected(self, name: str) -> socket.socket:
        until = time.monotonic() + _PATIENCE
        while True:
            found = socket.socket(socket.AF_UNIX)
            found.settimeout(_PATIENCE)
            try:
                found.connect(str(self.folder / name))
            except (FileNotFoundError, ConnectionRefusedError):
                found.close()
                if self._process.poll() is not None or time.monotonic() > until:
                    raise
                time.sleep(0.02)
            else:
                return found

    def __enter__(self) -> Guest:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        for each in ("_lines", "_monitor", "_debugger"):
            if hasattr(self, each):
                getattr(self, each).close()
        self._process.kill()
        self._process.communicate()

    def ask(self, command: str, **arguments: Any) -> Any:
        """The answer to a QMP command; events before it are passed over.

        Raises:
            Refused: QEMU's own words.
        """
        self._monitor.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while True:
            answer = json.loads(self._lines.readline())
            if "error" in answer:
                raise Refused(answer["error"]["desc"])
            if "return" in answer:
                return answer["return"]

    def dump(self, form: str) -> Path:
        """What `dump-guest-memory` writes.

        Raises:
            Refused: It does not write that.
        """
        path = self.folder / f"guest.{form}"
        self.ask("dump-guest-memory", paging=False, protocol=f"file:{path}", format=form)
        return path

    def forms(self) -> list[str]:
        """The forms of dumps that this QEMU was built with."""
        formats: list[str] = self.ask("query-dump-guest-memory-capability")["formats"]
        return formats

    # --- registers

    def run_in_long_mode(self, registers: Mapping[str, int]) -> None:
        """Be a 64-bit machine with these registers, `cr3` among them."""
        # Segments are loaded from descriptors at address 0, which tables of our own have to map meanwhile.
        tables = {0: _SCRATCH + 0x1003, 0x1000: _SCRATCH + 0x2003, 0x2000: 0x83}
        with (self.folder / "guest.ram").open("r+b") as file:
            for at, entry in tables.items():
                file.seek(_SCRATCH + at)
                file.write(struct.pack("<Q", entry))
        self._set(cr4=_PAE, cr3=_SCRATCH, efer=_LONG_MODE, cr0=_PE_PG)
        self._set(cs=8, ss=16)
        self._set(**registers)

    def run_in_pae_mode(self, registers: Mapping[str, int]) -> None:
        """Be a 32-bit machine with PAE and these registers, under their 64-bit names, `cr3` among them."""
        self._set(cr4=_PAE, cr3=registers["cr3"], cr0=_PE_PG)
        self._set(**registers)

    def run_on_arm64(self, registers: Mapping[str, int]) -> None:
        """Have these registers; address translation stays off."""
        self._set(**registers)

    def _set(self, **registers: int) -> None:
        for name, value in registers.items():
            number = (_ARM64 if self._kind == "aarch64" else _NUMBERS)[name]
            data = struct.pack("<I" if self._kind == "x86_64" and number in _NARROW else "<Q", value)
            answer = self._remote(f"P{number:x}={data.hex()}")
            assert answer == "OK", (name, answer)

    def _remote(self, packet: str) -> str:
        data = packet.encode()
        self._debugger.sendall(b"$" + data + b"#%02x" % (sum(data) & 0xFF))
        answer = b""
        while b"#" not in answer[:-2]:
            answer += self._debugger.recv(1 << 16)
        self._debugger.sendall(b"+")
        return answer[answer.index(b"$") + 1 : answer.rindex(b"#")].decode("latin-1")
