"""The machine's own Minidump folder."""

from __future__ import annotations

import sys

import pytest

from smalldump.intake import default_folder, machine


def test_windows_alone_has_a_folder_of_its_own() -> None:
    folder = default_folder()
    if sys.platform == "win32":
        assert folder is not None
        assert folder.is_absolute()
    else:
        assert folder is None


def test_registry_value_is_expanded_else_the_usual_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SystemRoot", r"D:\Win")
    assert machine._expanded(r"%SystemRoot%\Minidump") == r"D:\Win\Minidump"
    assert machine._expanded(r"E:\Dumps") == r"E:\Dumps"
    assert machine._expanded(None) == r"D:\Win\Minidump"
    assert machine._expanded("") == r"D:\Win\Minidump"
