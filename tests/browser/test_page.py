"""The page in a real browser."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from smalldump.report.html import html_page
from tests.browser.conftest import Open
from tests.report.pages import EVIL, hostile, report

pytestmark = pytest.mark.xdist_group("browser")  # Chromium is large: one at a time is enough

LIGHT, DARK = "rgb(251, 250, 248)", "rgb(22, 24, 27)"


def three() -> str:
    """A page on three dumps."""
    reports = [copy.deepcopy(report()) for _ in range(3)]
    for at, each in enumerate(reports):
        each.data["crash"]["time_utc"] = f"2026-1{at}-22T07:55:01.250Z"
    return html_page(reports, ["a.dmp", "b.dmp", "c.dmp"])


@pytest.mark.parametrize("html", [report().to_html(), three()], ids=["one dump", "three dumps"])
def test_a_page_opens_without_a_word_and_asks_for_nothing(show: Open, html: str) -> None:
    page, requests, complaints = show(html)
    assert page.title().endswith("smalldump")
    assert page.locator("h1").count() == 1
    assert (requests, complaints) == ([], [])


def test_tables_are_sorted_by_a_click_or_a_key(show: Open) -> None:
    page = show(report().to_html()).page
    table = page.locator("table.modules").first
    names = table.locator("tbody th code")
    loaded = names.all_inner_texts()
    table.get_by_role("button", name="Name").click()
    ascending = names.all_inner_texts()
    assert ascending == sorted(loaded, key=str.lower)
    assert ascending != loaded
    assert table.locator("thead th").first.get_attribute("aria-sort") == "ascending"
    table.get_by_role("button", name="Name").press("Enter")
    assert names.all_inner_texts() == ascending[::-1]
    table.get_by_role("button", name="Size").click()
    sizes = [int(size.replace(",", "")) for size in table.locator("tbody td:nth-child(4)").all_inner_texts()]
    assert sizes == sorted(sizes)
    assert table.locator("[aria-sort]").count() == 1


def test_third_party_modules_can_be_seen_alone(show: Open) -> None:
    for options in ({}, {"java_script_enabled": False}):
        page = show(report().to_html(), **options).page
        rows = page.locator("table.modules").first.locator("tbody tr")
        page.get_by_label("Only third-party").check()
        shown = [row for row in rows.all() if row.is_visible()]
        assert 0 < len(shown) < rows.count()
        assert all("third-party" in row.inner_text() for row in shown)


def test_hostile_names_are_inert(show: Open) -> None:
    page, requests, complaints = show(html_page([hostile(), hostile()], [EVIL, EVIL]))
    assert "taken" not in page.title().partition("<script>")[0]
    assert page.locator("main script, main img, [onerror]").count() == 0
    assert "<img src=x onerror=alert(1)>" in page.locator("main").inner_text()
    assert (requests, complaints) == ([], [])


def test_scripts_and_styles_of_others_are_refused(show: Open) -> None:
    attack = "<script>document.title='taken'</script><p id=attack style='color:red'><img src=http://127.0.0.1:9/x></p>"
    page, requests, complaints = show(report().to_html().replace("<main", attack + "<main", 1))
    assert page.title() != "taken"
    assert page.locator("#attack").evaluate("e => getComputedStyle(e).color") != "rgb(255, 0, 0)"
    assert requests == []
    assert len(complaints) >= 3


def background(page: object) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))  # type: ignore[attr-defined]


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_light_and_dark_as_the_system_or_as_chosen(show: Open, scripts: bool) -> None:
    light = show(report().to_html(), color_scheme="light", java_script_enabled=scripts).page
    dark = show(report().to_html(), color_scheme="dark", java_script_enabled=scripts).page
    assert (background(light), background(dark)) == (LIGHT, DARK)
    light.get_by_label("Dark").check(force=True)
    dark.get_by_label("Light").check(force=True)
    assert (background(light), background(dark)) == (DARK, LIGHT)


CONTRAST = """() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = (colour) => {
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (colour) => rgb(colour).slice(0, 3).map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  const ground = light(getComputedStyle(document.body).backgroundColor);
  let least = 21;
  for (const each of document.querySelectorAll('main *, header *, footer *')) {
    if (![...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim()) || each.closest('svg')) continue;
    const ink = light(getComputedStyle(each).color);
    least = Math.min(least, (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05));
  }
  return least;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out(show: Open, scheme: str) -> None:
    """The least contrast of any text with the page, by WCAG's measure; 4.5 is its level AA."""
    assert show(report().to_html(), color_scheme=scheme).page.evaluate(CONTRAST) >= 4.5


@pytest.mark.parametrize("width", [320, 375, 768, 1200])
def test_no_page_is_wider_than_the_screen(show: Open, width: int) -> None:
    for html in (three(), hostile().to_html()):
        page = show(html, width).page
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_without_scripts_everything_can_be_read(show: Open) -> None:
    told = report()
    page, requests, complaints = show(told.to_html(), java_script_enabled=False)
    text = page.locator("main").inner_text()
    assert told["verdict.summary"] in text
    assert told["bug_check.name"] in text
    assert "ntoskrnl.exe" in text
    assert page.locator("thead button").count() == 0
    page.locator("summary").last.click()
    assert page.locator("details").last.get_attribute("open") is not None
    assert (requests, complaints) == ([], [])


def test_the_keyboard_reaches_everything(show: Open) -> None:
    page = show(report().to_html()).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    assert page.evaluate("[...document.querySelectorAll('th')].every((th) => th.scope)")
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map((h) => Number(h.tagName[1]))")
    assert levels[0] == 1


def test_a_page_prints_with_all_that_was_closed(show: Open, tmp_path: Path) -> None:
    page = show(report().to_html(), color_scheme="dark").page
    printed = page.pdf(path=tmp_path / "page.pdf")
    assert printed.startswith(b"%PDF-")
    page.emulate_media(media="print")
    assert background(page) == "rgb(255, 255, 255)"
    assert not page.locator(".theme").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 1200
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details:not([open])").count() > 0
