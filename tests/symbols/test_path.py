"""The symbol path's grammar."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.symbols.path import MICROSOFT, Element, default_cache, parse_symbol_path, shown_url

STANDARD = Path("standard")
URL = "https://symbols.example/x"


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        ("", []),
        (" ; ;", []),
        (r"c:\a; d:\b ", [Element((r"c:\a",), True), Element((r"d:\b",), True)]),
        ('"c:\\a b"', [Element(("c:\\a b",), True)]),
        ("srv*store", [Element(("store",))]),
        (f"srv*near*far*{URL}/", [Element(("near", "far", URL))]),
        (f"SymSrv*SymSrv.dll*near*{URL}", [Element(("near", URL))]),
        (f"SRV*{URL}", [Element(("standard", URL))]),
        (f"srv**{URL}", [Element(("standard", URL))]),
        (URL, [Element(("standard", URL))]),
        ("srv*", [Element(("standard", MICROSOFT))]),
        ("srv", [Element(("srv",), True)]),
        ("cache*", [Element(("standard",))]),
        (f"cache*c;a;srv*{URL}", [Element(("c",)), Element(("a",), True), Element(("c", URL))]),
        (f"cache*c;srv*c*{URL}", [Element(("c",)), Element(("c", URL))]),
        (f"a;cache*c;{URL}", [Element(("a",), True), Element(("c",)), Element(("c", URL))]),
        (r"srv*\\server\share", [Element((r"\\server\share",))]),
    ],
)
def test_elements(text: str, elements: list[Element]) -> None:
    assert list(parse_symbol_path(text, STANDARD)) == elements


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("symsrv*other.dll*a", "unknown element"),
        ("server*a", "unknown element"),
        ("cache*a*b", "unknown element"),
        ("symsrv*", "unknown element"),
        (f"srv*{URL}*store", "only be the last"),
        ("srv*" + "*".join("abcdefghijk"), "more than 10 stores"),
        ("a;" * 101, "more than 100 elements"),
        ("https://", "no URL of a symbol server"),
        ("https://host:99999/", "no URL"),
        ("https://host/?q", "no URL of a symbol server"),
        ("a\nb", "no folder and no URL"),
        ("ftp://server/symbols", "no server that can be asked"),
        ("srv*a*file:///symbols", "no server that can be asked"),
        ("x" * 40_000, "more than 32,767 characters"),
    ],
)
def test_mistakes_are_told(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_symbol_path(text, STANDARD)


@given(st.text(alphabet="ab*;:/\\.srvcache \0htp@", max_size=60))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        elements = parse_symbol_path(text, STANDARD)
    except ValueError:
        return
    assert all(all(element.stores) for element in elements)


def test_passwords_are_not_shown() -> None:
    assert shown_url("https://me:secret@symbols.example/x") == "https://symbols.example/x"
    assert shown_url("a@b/c") == "a@b/c"
    with pytest.raises(ValueError, match=r"no URL.*//host:99999") as caught:
        parse_symbol_path("https://me:secret@host:99999/")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("text", ["server*URL", "srv*URL*a", "srv*URL?x", "ftp://me:secret@server/x"])
def test_passwords_are_not_shown_in_mistakes(text: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011  the text is what is looked at
        parse_symbol_path(text.replace("URL", "https://me:secret@server/x"))
    assert "server" in str(raised.value)
    assert "secret" not in str(raised.value)


def test_the_standard_cache_is_this_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert default_cache() == Path("/x/smalldump/symbols")
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", "/local")
    assert default_cache() == Path("/local/smalldump/symbols")
    monkeypatch.setattr("sys.platform", "darwin")
    assert default_cache() == Path.home() / "Library" / "Caches" / "smalldump" / "symbols"


def test_users_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> Path:
        raise RuntimeError

    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", nobody)
    assert default_cache().name == "symbols"
    assert parse_symbol_path("srv*")[0].stores == (str(default_cache()), MICROSOFT)
