"""The program `smalldump`: its commands, found by name and imported when used, and its way out."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from smalldump.cli.console import OutputLost, abandon_output, complain, flush, internal_error, ready_streams
from smalldump.cli.exits import ExitCode, of_error
from smalldump.errors import SmallDumpError
from smalldump.version import __version__

__all__ = ["COMMANDS", "main", "program", "run"]

COMMANDS = {
    "analyze": "What crashed, why, and how sure that is.",
    "show": "What a dump holds, section by section, or byte by byte.",
    "check": "Whether files are whole dumps; what is damaged, what can still be read.",
    "write": "Write a small memory dump, or show what it would hold.",
    "list": "The dumps of a Minidump folder, by time.",
    "reserve": "Take the space for dumps ahead of time.",
    "recover": "Give the dumps in a reserve or a page file names of their own.",
    "watch": "Write a small memory dump whenever a virtual machine stops.",
    "capture": "Write a small memory dump of a virtual machine, now.",
    "symbols": "Images and PDBs: which are wanted, where they were looked for; fetch them.",
    "explain": "What a bug check or a status code means, with no dump at hand.",
    "demo": "Analyse the example that comes with smalldump.",
}
"""Every command and what its help says first; each lives in the module of its name in this room."""

_INTERRUPTED = 130

_EPILOG = """
\b
Examples:
  smalldump demo
  smalldump analyze 112226-8765-01.dmp
  smalldump analyze -v --format json sent-in.zip
  smalldump show 112226-8765-01.dmp registers stack
  smalldump check Minidump
  smalldump write 112226-8765-01.dmp -o Minidump --size 64K
  smalldump list Minidump

\b
Exit codes (of several files, the highest):
  0  all is well
  1  findings as bad as --fail-on says
  2  wrong usage
  3  not a dump, or unreadable
  4  a damaged dump, readable in part
  5  the output, or a dump, could not be written
"""


class Commands(click.Group):
    """A group that imports a command when it is called for, so that the rest starts at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of this name, or None."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"smalldump.cli.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=Commands,
    epilog=_EPILOG,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="smalldump", message="%(prog)s %(version)s")
@click.pass_context
def program(ctx: click.Context) -> int:
    """Read and explain Windows small memory dumps (minidumps), on any system, without WinDbg.

    `smalldump COMMAND --help` tells more about a command.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        return ExitCode.USAGE
    return ExitCode.OK


def main() -> None:
    """Run the command line and leave with its exit code."""
    sys.exit(run())


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and give its exit code; what goes wrong is one line on standard error.

    Args:
        arguments: Those behind the program's name; by default the ones it was started with.
    """
    ready_streams()
    try:
        code = program.main(arguments, prog_name="smalldump", standalone_mode=False)
        flush()
    except click.ClickException as error:
        complain(_in_one_line(error))
        return ExitCode.USAGE
    except click.Abort:
        abandon_output()
        return _INTERRUPTED
    except SmallDumpError as error:
        complain(str(error))
        return of_error(error)
    except OutputLost as lost:
        return _lost(lost)
    except OSError as error:
        if error.filename is None:  # of a stream: click prints its help by itself
            return _lost(OutputLost(error))
        complain(internal_error(error))
        return ExitCode.UNREADABLE
    except Exception as error:  # noqa: BLE001  a mistake of ours
        complain(internal_error(error))
        return ExitCode.UNREADABLE
    return int(code or 0)


def _lost(lost: OutputLost) -> ExitCode:
    abandon_output()
    if lost.reader_gone:
        return ExitCode.OK
    complain(f"the output could not be written: {lost.why}")
    return ExitCode.NOT_WRITTEN


def _in_one_line(error: click.ClickException) -> str:
    what = " ".join(error.format_message().split())
    if not isinstance(error, click.UsageError) or error.ctx is None:
        return what
    return f"{what} (see {error.ctx.command_path} --help)"
