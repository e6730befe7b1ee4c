"""The page as text: all that the report says is there, escaped, bounded, and with no field that must be."""

from __future__ import annotations

import base64
import copy
import hashlib
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise

import pytest

import smalldump
from smalldump.report import Report
from smalldump.report.html import MOST_WHOLE, digest, html_page
from smalldump.report.html.batch import lanes_of, line_of
from smalldump.report.html.memory_map import WIDTH, size_words, strips_of
from smalldump.report.html.stack_picture import picture_of
from smalldump.report.values import Json
from tests.goldens import EXAMPLES
from tests.report.pages import EVIL, bare, hostile, report

LARGEST = 2_000_000
VOID = {"meta", "link", "input", "img", "br"}
# Closed by themselves in SVG.
DRAWN = {"rect", "path"}


class Tags(HTMLParser):
    """Which elements a page has, whether they are nested well, and where its links lead."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._note(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._note(tag, attrs)

    def _note(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_a_page_says_what_the_report_says() -> None:
    told = report()
    text = Tags(told.to_html()).text
    verdict = told["verdict"]
    for words in (verdict["summary"], verdict["bucket"], verdict["bucket_hash"], verdict["signature"]["fine"]):
        assert words in text
    for piece in verdict["evidence"]:
        assert piece["text"] in text
    for words in (*verdict["next_steps"], *verdict["limits"], told["bug_check.summary"], told["file.sha256"]):
        assert words in text
    for parameter in told["bug_check.parameters"]:
        assert parameter["meaning"] in text
    for module in told["modules"]:
        assert module["name"] in text
        assert module["path"] in text
    for blob in told["blobs"]:
        assert blob["guid"] in text


@pytest.mark.parametrize("dump", EXAMPLES, ids=lambda dump: dump.name)
def test_pages_are_well_formed(dump: object) -> None:
    tags = Tags(smalldump.analyze(str(dump), detailed=True).to_html())
    assert tags.open == []
    assert len(tags.ids) == len(set(tags.ids))
    assert tags.seen.count("h1") == 1
    assert {link[1:] for link in tags.links if link.startswith("#")} <= set(tags.ids)


def test_a_page_needs_nothing_else() -> None:
    html = report().to_html()
    tags = Tags(html)
    assert all(link.startswith(("#", "data:,", "https://learn.microsoft.com/")) for link in tags.links)
    assert "style" not in tags.attributes
    assert not {name for name in tags.attributes if name.startswith("on")}
    assert "url(http" not in html
    assert "@import" not in html


def test_the_policy_knows_style_and_script_by_their_hashes() -> None:
    html = report().to_html()
    found = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert found is not None
    policy = found[1].replace("&#39;", "'")
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for element in ("style", "script"):
        (content,) = re.findall(rf"<{element}>(.*?)</{element}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{element}-src 'sha256-{digest}'" in policy


def test_hostile_names_are_only_text() -> None:
    html = hostile().to_html()
    tags = Tags(html)
    assert tags.seen.count("script") == 1
    assert "img" not in tags.seen
    assert not {name for name in tags.attributes if name.startswith("on")}
    assert "javascript:" not in html
    assert not [c for c in html if c not in "\n " and not c.isprintable()]
    assert "\\u202egnp.\\x00sys{{ 7*7 }}" in tags.text
    assert "W" * 1000 not in html
    assert len(html) < LARGEST


def test_every_field_is_optional() -> None:
    assert "No bug check" in bare().to_html()
    whole = small(report().data)
    for path in paths_of(whole):
        assert "</html>" in Report(without(whole, path)).to_html(), path


def small(value: Json) -> Json:
    """The same fields, but few of a kind."""
    if isinstance(value, dict):
        return {name: small(inner) for name, inner in list(value.items())[:40]}
    return [small(inner) for inner in value[:2]] if isinstance(value, list) else value


def paths_of(value: Json, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every field, in lists those of the first item."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield (*path, name)
            yield from paths_of(inner, (*path, name))
    elif isinstance(value, list) and value and len(path) < 4:
        yield from paths_of(value[0], (*path, 0))


def without(whole: Json, path: tuple[str | int, ...]) -> Json:
    shallow = copy.copy(whole)
    if len(path) == 1:
        del shallow[path[0]]
    else:
        shallow[path[0]] = without(shallow[path[0]], path[1:])
    return shallow


def test_what_is_absent_is_said_in_words() -> None:
    lost = ("bug_check", "modules", "unloaded_modules", "stack", "process", "blobs")
    data = report().data | {name: {"absent": "corrupt"} for name in lost}
    text = Tags(Report(data).to_html()).text
    assert text.count("lost or damaged") >= 6


def test_big_tables_are_bounded_and_say_so() -> None:
    told = report()
    told.data["modules"] = [told["modules"][0] | {"path": "\\" + "p" * 300}] * 5_000 + [
        {"name": "last", "vendor": None}
    ]
    told.data["pages"]["list"] = [{"address": hex(at << 12), "size": 4096, "offset": "0x0"} for at in range(20_000)]
    told.data["blobs"] = [{"guid": "g", "name": "n", "size": 1, "decoded": {"lines": [{"a": "b" * 900}] * 9_000}}] * 300
    told.data["stack"] = told["stack"][:1] * 5_000
    html = told.to_html()
    assert len(html.encode()) < LARGEST
    text = Tags(html).text
    assert "5,001 loaded" in text
    assert "last third-party" in text
    assert "And 19,500 more." in text
    assert "And 200 more." in text


def test_many_dumps_keep_to_the_size_too() -> None:
    reports = [report()] * 12 + [digest(report())] * 200
    html = html_page(reports, [f"{at}.dmp" for at in range(len(reports))])
    assert len(html.encode()) < LARGEST
    tags = Tags(html)
    assert tags.open == []
    assert "212 memory dumps" in tags.text
    assert "left out to keep the page small" in tags.text
    assert {link[1:] for link in tags.links if link.startswith("#")} <= set(tags.ids)
    assert MOST_WHOLE >= 12


def test_the_time_line_has_a_lane_for_each_signature() -> None:
    first, second, third = (copy.deepcopy(report()) for _ in range(3))
    second.data["crash"]["time_utc"] = "2026-12-22T07:55:01.250Z"
    third.data["crash"]["time_utc"] = "2027-01-22T07:55:01.250Z"
    third.data["verdict"]["signature"]["coarse"] = "9f|other"
    lines = [line_of(at, f"{at}.dmp", each) for at, each in enumerate((third, first, second), 1)]
    lanes, start, end = lanes_of(lines)
    assert (start, end) == ("2026-11-22", "2027-01-22")
    assert [(lane.signature, lane.total) for lane in lanes] == [("d1|wobblefs", 2), ("9f|other", 1)]
    assert [tick.number for tick in lanes[0].ticks] == [2, 3]
    assert lanes[0].ticks[0].x == 0
    assert 0 < lanes[0].ticks[1].x < lanes[1].ticks[0].x < WIDTH
    assert lanes_of(lines[:1]) == ([], "", "")


def test_the_memory_map_shows_everything_where_it_lies() -> None:
    told = report()
    strips = strips_of(told)
    marks = [mark for strip in strips for mark in strip.marks]
    assert all(mark.x >= 0 and mark.x + mark.width <= WIDTH + 2 for mark in marks)
    assert {"windows", "culprit", "stack", "reserve", "block", "unloaded"} <= {mark.kind for mark in marks}
    assert [strip.start for strip in strips] == sorted(strip.start for strip in strips)
    (blamed,) = [mark for mark in marks if mark.kind == "culprit"]
    assert blamed.words.startswith("wobblefs, ")


def test_overlapping_and_endless_ranges_do_not_break_the_map() -> None:
    told = Report(
        {
            "modules": [
                {"name": "all", "base": "0x0", "end": "0x10000000000000000"},
                {"name": "odd", "base": "0x5", "end": "0x1"},
                {"name": "none", "base": "x", "end": None},
                {"name": "inside", "base": "0x7fff0000", "end": "0x7fff1000"},
            ]
        }
    )
    (strip,) = strips_of(told)
    assert strip.content == "2 modules"
    assert strip.span == "16 EiB"


def test_the_stack_is_drawn_to_scale() -> None:
    told = report()
    picture = picture_of(told)
    assert picture is not None
    start, end = (int(told[f"stack_window.{name}"], 16) for name in ("start", "end"))
    frame = told["stack"][0]
    band = next(band for band in picture.bands if not band.dispatch)
    expected = picture.top + (int(frame["sp"], 16) - start) / (end - start) * picture.saved
    assert band.y == pytest.approx(expected, abs=0.01)
    labels = [band.label_y for band in picture.bands]
    assert all(after - before >= 16.9 for before, after in pairwise(labels))
    assert picture.cut == ""
    told.data["stack_window"]["missing_bytes"] = 8192
    cut = picture_of(told)
    assert cut is not None
    assert cut.cut == "8.0 KiB further out are not in the dump"


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 bytes"), (1023, "1,023 bytes"), (1536, "1.5 KiB"), (16 << 20, "16 MiB"), (1 << 64, "16 EiB")],
)
def test_sizes_in_words(size: int, words: str) -> None:
    assert size_words(size) == words


def test_the_evil_name_is_evil() -> None:
    assert {"<", ">", '"', "'", "\0", "\u202e"} <= set(EVIL)


def test_known_issues_are_told_with_their_links() -> None:
    made = report()
    made.data["verdict"]["remarks"] = [{"source": "W-1", "text": "Update it.", "link": "https://example.org/w-1"}]
    page = Tags(html_page([made]))
    assert "https://example.org/w-1" in page.links
    assert {"W-1", ": Update it. "} <= set(page.words)


def test_dumps_of_one_machine_are_related() -> None:
    first, second = report(), report()
    page = html_page([first, second], ["a.dmp", "b.dmp"])
    assert "What the dumps tell together" in page
    assert "All 2 dumps failed in the same way" in page
    assert "What the dumps tell together" not in html_page([first])
