"""The report as a page: one HTML file that needs nothing else, made from the report's document alone."""

from __future__ import annotations

from smalldump.report.html.page import html_page
from smalldump.report.html.retained import MOST_WHOLE, digest

__all__ = ["MOST_WHOLE", "digest", "html_page"]
