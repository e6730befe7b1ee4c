"""The machine's own Minidump folder."""

from __future__ import annotations

import sys

import pytest

from smalldump.intake import default_folder, machine


@pytest.mark.skipif(sys.platform == "win32", reason="tells what happens elsewhere")
def test_no_folder_except_on_windows() -> None:
    assert default_folder() is None


@pytest.mark.skipif(sys.platform != "win32", reason="tells what happens on Windows")
def test_a_folder_on_windows() -> None:
    folder = default_folder()
    assert folder is not None
    assert folder.is_absolute()


def test_registry_value_is_expanded_else_the_usual_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SystemRoot", r"D:\Win")
    assert machine._expanded(r"%SystemRoot%\Minidump") == r"D:\Win\Minidump"
    assert machine._expanded(r"E:\Dumps") == r"E:\Dumps"
    assert machine._expanded(None) == r"D:\Win\Minidump"
    assert machine._expanded("") == r"D:\Win\Minidump"
