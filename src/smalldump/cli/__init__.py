"""The command line: arguments, progress, printing, exit codes; a file per group of commands, imported when used."""

from __future__ import annotations
