"""The reference page of the JSON report, made of its JSON Schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from smalldump.report.report import SCHEMA, schema
from tools.docs_markdown import code, heading, page, paragraphs, table

__all__ = ["described_keys", "report_page"]

Node = dict[str, Any]

_ABOUT = f"""
`smalldump analyze --format json` and `Report.to_json()` give this document. The schema itself ships inside the package
(`smalldump.report.report.schema()` returns it), and every report of the tests is held against it.

Schema `{SCHEMA}`. Later versions of smalldump may add keys and new words to enumerations; they take nothing away and
change no meaning under this name.
"""
_CONVENTIONS = """
A type with a question mark can also be `null` (there is none) or `{"absent": reason}` (the dump does not tell). A key
that ends in `[]` is that of each item of an array; `*` stands for any key. `hex` is a string such as
`"0xfffff8048b58334c"`.
"""
_REASONS = (
    ("not_captured", "the writer did not put it into the dump"),
    ("paged_out", "the memory was paged out at the moment of the crash"),
    ("corrupt", "it contradicts itself, or the file ends before it"),
    ("not_applicable", "there is no such thing on this machine or Windows"),
    ("no_symbols", "it can be found only with symbols"),
    ("unsupported", "nobody has described where it lies on this build"),
    ("private", "left out because it identifies a machine or person; `--private` shows it"),
)


def report_page() -> str:
    """The page."""
    document = schema()
    parts = [
        paragraphs(_ABOUT),
        paragraphs(document["description"]),
        paragraphs(_CONVENTIONS),
        heading(2, "Why something is absent"),
        table(["Reason", "Meaning"], ((code(reason), meaning) for reason, meaning in _REASONS)),
    ]
    for key, node in document["properties"].items():
        parts += [heading(2, code(key)), *_section(key, node)]
    return page("The JSON report", "`src/smalldump/report/report-v1.schema.json`", parts)


def described_keys() -> Iterator[tuple[str, Node]]:
    """Every key of the schema by its path (`stack[].pc`), with what the schema says of it."""
    for key, node in schema()["properties"].items():
        yield key, node
        yield from _below(key, node)


def _section(key: str, node: Node) -> Iterator[str]:
    yield f"{_meaning(node) or 'The name of the schema'} ({code(_type(node))})."
    rows = [(code(path), code(_type(each)), _meaning(each) or _unsaid(path)) for path, each in _below(key, node)]
    if rows:
        yield table(["Key", "Type", "Meaning"], rows)


def _below(path: str, node: Node) -> Iterator[tuple[str, Node]]:
    inner = _inner(node)
    if "items" in inner:
        yield from _below(f"{path}[]", inner["items"])
    for name, each in inner.get("properties", {}).items():
        yield f"{path}.{name}", each
        yield from _below(f"{path}.{name}", each)
    rest = inner.get("additionalProperties")
    if isinstance(rest, dict):
        yield f"{path}.*", rest
        yield from _below(f"{path}.*", rest)


def _inner(node: Node) -> Node:
    # The one alternative that is neither null nor a reason for absence.
    others = [each for each in node.get("anyOf", [node]) if not _is_nothing(each)]
    return _resolved(others[0]) if len(others) == 1 else {}


def _resolved(node: Node) -> Node:
    name = str(node.get("$ref", "")).removeprefix("#/$defs/")
    return schema()["$defs"][name] if name == "frame" else node


def _is_nothing(node: Node) -> bool:
    return node.get("type") == "null" or node.get("$ref") == "#/$defs/absent"


def _meaning(node: Node) -> str:
    return str(node.get("description") or _inner(node).get("description", ""))


def _unsaid(path: str) -> str:
    return "Any other key" if path.endswith("*") else ""


def _type(node: Node) -> str:
    kinds = node.get("anyOf", [node])
    found = " or ".join(dict.fromkeys(_simple(each) for each in kinds if not _is_nothing(each))) or "absent"
    return f"{found}?" if any(map(_is_nothing, kinds)) else found


def _simple(node: Node) -> str:
    if node.get("$ref") == "#/$defs/hex":
        return "hex"
    if "const" in node:
        return f'"{node["const"]}"'
    node = _resolved(node)
    if node.get("type") == "array":
        return f"array of {_type(node.get('items', {}))}"
    return str(node.get("type", "any"))
