"""The reference page of the command line, made of its own help."""

from __future__ import annotations

import click

from smalldump.cli.main import COMMANDS, program
from tools.docs_markdown import code, heading, page, paragraphs
from tools.docs_outputs import printed

__all__ = ["cli_page"]

_ABOUT = """
What `--help` prints, at 100 characters a line. Results go to standard output, everything else to standard error.
`NO_COLOR` turns colours off, `COLUMNS` sets the width.
"""


def cli_page() -> str:
    """The page."""
    parts = [paragraphs(_ABOUT), _help("smalldump")]
    for name in COMMANDS:
        parts += [heading(2, code(f"smalldump {name}")), _help(f"smalldump {name}")]
        for inner in _inner(name):
            parts += [heading(3, code(f"smalldump {name} {inner}")), _help(f"smalldump {name} {inner}")]
    return page("The command line", "the help of `src/smalldump/cli`", parts)


def _inner(name: str) -> list[str]:
    """The commands of a group of commands."""
    command = program.get_command(click.Context(program), name)
    return list(command.commands) if isinstance(command, click.Group) else []


def _help(command: str) -> str:
    return f"```text\n{printed(f'{command} --help')}```"
