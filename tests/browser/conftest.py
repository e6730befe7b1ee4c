"""A real browser: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Request


def decline(reason: str) -> NoReturn:
    """Skip a test that needs the browser; in CI, where it must be there, fail it."""
    if os.environ.get("SMALLDUMP_CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, for the tests of one module: as long as Playwright runs, nobody else in the process can use asyncio."""
    chromium = shutil.which("chromium")
    if chromium is None:
        decline("there is no Chromium (Debian's package `chromium`)")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        decline("the package `playwright` is not installed")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


class Opened(NamedTuple):
    """A page in the browser: what it asked the network for beyond itself, and what its console says."""

    page: Page
    requests: list[str]
    complaints: list[str]


def forget(requests: list[str], failed: Request) -> None:
    """Take away what the page's own policy has stopped."""
    if failed.failure == "csp":
        requests.remove(failed.url)


Open = Callable[..., Opened]


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Open a page: `show(html, width=375, color_scheme="dark", java_script_enabled=False)`."""
    contexts = []

    def opened(html: str, width: int = 1200, **options: Any) -> Opened:
        file = tmp_path / "page.html"
        file.write_text(html, encoding="utf-8")
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        found = Opened(page, [], [])
        page.on("request", lambda request: found.requests.append(request.url))
        # What the page's policy forbids never leaves; the console complains of it.
        page.on("requestfailed", lambda request: forget(found.requests, request))
        page.on("console", lambda message: found.complaints.append(message.text))
        page.on("pageerror", lambda error: found.complaints.append(str(error)))
        page.on("dialog", lambda dialog: found.complaints.append(dialog.message))
        page.goto(file.as_uri())
        found.requests.remove(file.as_uri())
        return found

    yield opened
    for context in contexts:
        context.close()
