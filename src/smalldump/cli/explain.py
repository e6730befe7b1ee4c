"""`smalldump explain`: what a code means, with no dump at hand."""

from __future__ import annotations

import json

import click

from smalldump.addresses import parse_address
from smalldump.cli.console import paper_width, say
from smalldump.cli.exits import ExitCode
from smalldump.escape import escape, shortened

__all__ = ["explain"]

_EPILOG = """
\b
Examples:
  smalldump explain 0x9F 3 ffffe00012345060 0 0
  smalldump explain DRIVER_IRQL_NOT_LESS_OR_EQUAL
  smalldump explain 0xC0000005
"""
_LONGEST_NAME = 60


@click.command(epilog=_EPILOG)
@click.argument("code", metavar="CODE")
@click.argument("parameters", metavar="[PARAMETER]...", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
def explain(code: str, parameters: tuple[str, ...], as_json: bool) -> int:
    """Say what a bug check, with its parameters, or a status code means.

    CODE is a bug check or an NTSTATUS, by number or by name. Numbers are hexadecimal, as in WinDbg, with or without
    0x. A code that nobody has described is wrong usage.
    """
    from smalldump.report.explained import explanation, explanation_text

    number = _code(code)
    found = explanation(number, _parameters(parameters))
    if found is None:
        raise click.BadParameter(f"0x{number:X} is no documented bug check and no known status", param_hint="CODE")
    say(json.dumps(found, indent=2) if as_json else explanation_text(found, paper_width()))
    return ExitCode.OK


def _code(word: str) -> int:
    number = _number(word)
    if number is not None and number <= 0xFFFFFFFF:
        return number
    if number is not None and number >> 31 == (1 << 33) - 1:  # a status in a 64-bit parameter
        return number & 0xFFFFFFFF
    return _named(word)


def _named(word: str) -> int:
    from smalldump.knowledge.names import codes_named, names_like

    found = codes_named(word[:_LONGEST_NAME])
    if found:
        return found[0]
    close = names_like(word[:_LONGEST_NAME])
    known = f"; perhaps {', '.join(close)}" if close else ""
    what = f"nothing is known by the name {shortened(escape(word), _LONGEST_NAME)}{known}"
    raise click.BadParameter(what, param_hint="CODE")


def _parameters(words: tuple[str, ...]) -> list[int]:
    numbers = [_number(word) for word in words]
    if len(words) > 4 or None in numbers:
        raise click.BadParameter("at most four hexadecimal numbers of 64 bits", param_hint="PARAMETER")
    return [number for number in numbers if number is not None]


def _number(word: str) -> int | None:
    try:
        return parse_address(word.removesuffix(","))
    except ValueError:
        return None
