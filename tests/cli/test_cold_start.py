"""What commands do not do until somebody asks: use the network, or import what they do not need."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "112226-8765-01.dmp"
_SECONDS = 120
_PROGRAM = """
import json, sys
asked = []
sys.addaudithook(lambda event, _: asked.append(event) if event.startswith("socket.") else None)
from smalldump.cli.main import run
try:
    run()
except SystemExit:
    pass
print(json.dumps([asked, list(sys.modules)]), file=sys.stderr)
"""
_NETWORK = {"socket", "ssl", "http.client", "urllib3", "smalldump.symbols.http"}
_SCREEN = {"rich"}
_SYMBOLS = {"smalldump.symbols.pdb", "smalldump.symbols.sources", "smalldump.unwind.exact"}


def run(*arguments: str, **variables: str) -> tuple[list[str], set[str]]:
    """What a command asked of sockets, and what it imported, with no symbols configured."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("_NT_")} | variables
    command = [sys.executable, "-c", _PROGRAM, *arguments]
    done = subprocess.run(command, env=environment, timeout=_SECONDS, capture_output=True, text=True, check=False)
    asked, modules = json.loads(done.stderr.splitlines()[-1])
    return asked, set(modules)


@pytest.mark.parametrize(
    "command", ["analyze", "check", "show stack", "symbols why", "symbols keys"], ids=lambda command: command
)
def test_no_network_unless_a_symbol_path_names_a_server(command: str, tmp_path: Path) -> None:
    group, *rest = command.split()
    arguments = [group, str(EXAMPLE), *rest] if group == "show" else [group, *rest, str(EXAMPLE)]
    assert run(*arguments)[0] == []
    if group != "check":
        assert run(*arguments, "--symbols", str(tmp_path), "--images", str(tmp_path))[0] == []


def test_a_symbol_path_that_names_a_server_is_what_uses_it(tmp_path: Path) -> None:
    """The test above can fail."""
    path = f"srv*{tmp_path}*http://127.0.0.1:9/symbols"  # a cache that remembers no dead server
    asked, modules = run("symbols", "why", str(EXAMPLE), "--symbols", path)
    assert "socket.connect" in asked
    assert modules >= {"socket", "urllib3"}


def test_help_imports_nothing_that_reads_dumps() -> None:
    modules = run("--help")[1]
    assert not modules & (_NETWORK | _SCREEN | _SYMBOLS | {"capstone", "smalldump.model", "smalldump.report"})


def test_without_symbols_nothing_of_theirs_is_imported() -> None:
    modules = run("analyze", str(EXAMPLE))[1]
    assert "smalldump.unwind.walk" in modules
    assert not modules & (_NETWORK | _SCREEN | _SYMBOLS)
