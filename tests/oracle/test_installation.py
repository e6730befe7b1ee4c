"""Where the engine cannot be had: reasons, and what becomes of the tests. No engine is needed here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.oracle import installation
from tests.oracle.fixture import decline
from tests.oracle.installation import Installation, SetUpFailed, default_home


def test_missing_programs_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetUpFailed, match="wine is not installed"):
        Installation(tmp_path / "home").set_up()
    assert not (tmp_path / "home").exists()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """A folder without an engine, on a machine that has the programs."""
    pytest.importorskip("fcntl", reason="the harness locks its folder with fcntl, which this system lacks")
    monkeypatch.setattr(installation, "PROGRAMS", {})
    return Installation(tmp_path / "home")


def test_another_wheel_is_refused(place: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(command: Sequence[str], environment: object = None) -> None:
        assert command[-1] == "pykd==0.3.4.15"
        folder = Path(command[command.index("--dest") + 1])
        (folder / "pykd.whl").write_bytes(b"not the one that was pinned")

    monkeypatch.setattr(installation, "_run", download)
    with pytest.raises(SetUpFailed, match=r"pykd.whl has the SHA-256 \w{64}, not 7ba793fa"):
        place.set_up()
    assert not list(place.engine.iterdir())


def test_a_refused_download_says_why(place: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "WHEEL", "pykd==not-a-version")
    with pytest.raises(SetUpFailed, match="pykd==not-a-version"):
        place.set_up()


def test_the_folder_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMALLDUMP_ORACLE_HOME", "/somewhere")
    assert default_home() == Path("/somewhere")
    monkeypatch.delenv("SMALLDUMP_ORACLE_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert default_home() == Path("/cache/smalldump-oracle")


def test_tests_are_skipped_but_never_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SMALLDUMP_CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="cannot run here: wine is away"):
        decline("wine is away")
    monkeypatch.setenv("SMALLDUMP_CI", "1")
    with pytest.raises(pytest.fail.Exception, match="cannot run here: wine is away"):
        decline("wine is away")
