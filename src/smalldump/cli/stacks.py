"""Which stacks `show stack` prints: the one that crashed, those of processors, those of threads."""

from __future__ import annotations

from dataclasses import dataclass

from smalldump.addresses import parse_address
from smalldump.report import Report
from smalldump.report.shown import plain
from smalldump.report.stack_text import processors_section, stack_section, threads_section

__all__ = ["ALL", "StackChoice", "parse_cpu", "parse_thread"]

ALL = "all"


def parse_cpu(text: str) -> int | str:
    """Read the number of a processor, or `all`.

    Raises:
        ValueError: It is neither.
    """
    if text.lower() == ALL:
        return ALL
    if not text.isdecimal() or len(text) > 4:
        raise ValueError(f"no processor: {text!r} (a number from 0, or all)")
    return int(text)


def parse_thread(text: str) -> str:
    """Read the address of an ETHREAD in any form, or `all`; the address comes back as reports write it.

    Raises:
        ValueError: It is neither.
    """
    if text.lower() == ALL:
        return ALL
    try:
        return f"{int(parse_address(text)):#x}"
    except ValueError as error:
        raise ValueError(f"no address: {text!r} (write it like ffffc08b`de9e1640, or all)") from error


@dataclass(frozen=True)
class StackChoice:
    """What was chosen.

    Attributes:
        cpu: Number of a processor, `all`, or None.
        thread: Address of a thread, `all`, or None.
        args: Whether the words of the arguments are shown.
    """

    cpu: int | str | None = None
    thread: str | None = None
    args: bool = False

    @property
    def made(self) -> bool:
        """Whether somebody chose anything."""
        return self.cpu is not None or self.thread is not None or self.args

    def text(self, report: Report, width: int) -> str:
        """The chosen stacks of a report that lists processors and threads."""
        lines: list[str] = []
        if self.cpu is not None:
            every = [each["number"] for each in plain(report["processors"]) or ()]
            numbers = every if isinstance(self.cpu, str) else [self.cpu]
            lines += processors_section(report, width, numbers=numbers, args=self.args)
        if self.thread is not None:
            threads = [each["address"] for each in plain(report["threads"]) or ()]
            addresses = threads if self.thread == ALL else [self.thread]
            lines += ["", *threads_section(report, width, addresses=addresses, args=self.args)]
        return "\n".join(lines or stack_section(report, width, args=self.args)).strip("\n")
