"""Document: the data of a report, with a way into it."""

from __future__ import annotations

from smalldump.report.values import Json, JsonObject

__all__ = ["Document"]


class Document:
    """What a report says, as JSON holds it.

    Attributes:
        data: The document.
    """

    __slots__ = ("data",)

    def __init__(self, data: JsonObject) -> None:
        self.data = data

    def __getitem__(self, path: str) -> Json:
        """The value at a dotted path (`bug_check.name`), or None where the document does not have it."""
        value: Json = self.data
        for name in path.split("."):
            if not isinstance(value, dict):
                return None
            value = value.get(name)
        return value
