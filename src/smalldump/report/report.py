"""Report: the versioned document on one dump (schema `smalldump.report/1`).

Every field of the document is optional. Addresses and codes are hex strings, ends of ranges are exclusive, times are
UTC, enumerations may grow. The schema ships as `report-v1.schema.json` beside this module.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from smalldump.report.document import Document
from smalldump.report.text import render

__all__ = ["SCHEMA", "Report", "schema"]

SCHEMA = "smalldump.report/1"


class Report(Document):
    """A report on one dump."""

    __slots__ = ()

    def to_json(self, indent: int | None = None) -> str:
        """The document as JSON text; in one line, unless an indent is given."""
        separators = (",", ":") if indent is None else None
        return json.dumps(self.data, indent=indent, separators=separators, check_circular=False)

    def to_html(self) -> str:
        """The document as one page for a browser, which loads nothing from anywhere."""
        from smalldump.report.html import html_page

        return html_page([self])

    @classmethod
    def from_json(cls, text: str) -> Report:
        """A report out of its JSON text.

        Raises:
            ValueError: The text is no JSON, or no report of this schema.
        """
        data = json.loads(text)
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            raise ValueError(f"not a report of schema {SCHEMA}")
        return cls(data)

    def __str__(self) -> str:
        return render(self)

    def __repr__(self) -> str:
        return f"<Report on {self['file.name']}>"


def schema() -> dict[str, Any]:
    """The JSON Schema of reports."""
    text = (Path(__file__).parent / "report-v1.schema.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found
