"""`symbols`: why, keys and fetch, from a dump to a folder that was carried to another machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from smalldump.cli.needs import Need, needs_of
from smalldump.intake import open_single
from smalldump.sources.detect import open_snapshot
from tests.cli.conftest import Run
from tests.symbols.files import image, pdb, pdb_index
from tests.symbols.server import SymbolServer, dead_port, serving
from tests.synth import x64_dump
from tests.synth.parts import Block

PDB_KEY = f"wobblefs.pdb/{pdb_index()}/wobblefs.pdb"


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("_NT_SYMBOL_PATH", "_NT_ALT_SYMBOL_PATH", "_NT_EXECUTABLE_IMAGE_PATH", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def server() -> Iterator[SymbolServer]:
    with serving() as made:
        yield made


@pytest.fixture
def driver(dump: Path) -> Need:
    """What the driver on the dump's stack needs."""
    with open_single(dump) as source:
        (found,) = (need for need in needs_of(source, every=False).modules if need.module == "wobblefs")
    assert found.image is not None
    return found


def image_of(need: Need) -> bytes:
    assert need.image is not None
    return image(need.image.timestamp, need.image.size, names=r"d:\wobble\wobblefs.pdb")


def key_of(need: Need) -> str:
    assert need.image is not None
    return need.image.key


def test_the_way_off_line(run: Run, dump: Path, driver: Need, server: SymbolServer, tmp_path: Path) -> None:
    """Keys where the dump is, fetch where the network is, why where the dump is."""
    server.files |= {key_of(driver): image_of(driver), PDB_KEY: pdb()}
    manifest, carried = tmp_path / "wanted.jsonl", tmp_path / "carried"
    code, out, err = run("symbols", "keys", dump, "-o", manifest)
    lines = [json.loads(line) for line in manifest.read_text().splitlines()]
    assert (code, out) == (0, f"{manifest}: {len(lines) - 1} files wanted\n")
    assert "will be known when their images are at hand" in err
    assert {line["kind"] for line in lines[1:]} == {"image"}
    assert key_of(driver) in [line["key"] for line in lines[1:]]

    code, out, err = run("symbols", "fetch", manifest, "-o", carried, "--symbols", f"srv*{tmp_path}/near*{server.url}")
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == f"1 image and 1 PDB are there, {len(lines) - 2} missing"
    assert out.startswith("missing  ")
    assert (carried / PDB_KEY).read_bytes() == pdb()
    assert (carried / key_of(driver)).read_bytes() == image_of(driver)

    asked = len(server.asked)
    code, out, err = run("symbols", "why", dump, "--symbols", carried, "--format", "json")
    assert (code, err) == (0, "")
    (told,) = (each for each in json.loads(out) if each["module"] == "wobblefs")
    assert told["image"]["path"] == str(carried / key_of(driver))
    assert told["pdb"]["key"] == PDB_KEY
    assert told["pdb"]["attempts"][-1]["outcome"] == "found"
    assert len(server.asked) == asked


def test_why_shows_every_attempt(run: Run, dump: Path, driver: Need, server: SymbolServer, tmp_path: Path) -> None:
    key = key_of(driver)
    server.files |= {key: image_of(driver), PDB_KEY: 403}
    code, out, err = run("symbols", "why", dump, "--symbols", f"srv*{tmp_path}/near*{server.url}")
    assert (code, err) == (0, "")
    (block,) = (block for block in out.split("\n\n") if block.startswith("wobblefs"))
    lines = [line for line in block.splitlines() if "index2.txt" not in line]
    assert lines[1:5] == [
        f"  image  {key}",
        f"    absent       {tmp_path}/near: {key}",
        f"    found        {server.url}/{key}",
        f"    = {tmp_path}/near/{key}",
    ]
    assert lines[5:8] == [
        f"  PDB    {PDB_KEY}",
        f"    absent       {tmp_path}/near: {PDB_KEY}",
        f"    refused      {server.url}/{PDB_KEY} (HTTP 403)",
    ]
    assert lines[-1].endswith("file.ptr (HTTP 404)")


def test_why_without_a_place_to_look(run: Run, dump: Path) -> None:
    code, out, err = run("symbols", "why", dump)
    assert code == 0
    assert "not known before the image is at hand" in out
    assert err.startswith("smalldump: nowhere to look")
    more = run("symbols", "why", dump, "--all")
    assert more.out.count("  image  ") > out.count("  image  ") >= 2


def test_images_in_folders_tell_their_pdbs(run: Run, dump: Path, driver: Need, tmp_path: Path) -> None:
    place = tmp_path / "disk" / "Windows" / "System32" / "drivers" / "WOBBLEFS.SYS"
    place.parent.mkdir(parents=True)
    place.write_bytes(image_of(driver))
    for options, environment in (
        (("--images", tmp_path / "disk"), {}),
        ((), {"_NT_EXECUTABLE_IMAGE_PATH": f"{tmp_path}/none;{tmp_path}/disk"}),
    ):
        code, out, _ = run("symbols", "keys", dump, *options, **environment)
        assert code == 0
        assert PDB_KEY in [json.loads(line).get("key") for line in out.splitlines()]


def test_images_inside_the_dump_tell_their_pdbs(run: Run, dump: Path, driver: Need, tmp_path: Path) -> None:
    """The headers and the CodeView record, as they lie in memory."""
    with open_single(dump) as source, open_snapshot(source.data, source.name) as machine:
        (base,) = (module.base for module in machine.modules if module.name == driver.module)
    whole = image_of(driver)
    blocks = [Block(base, whole[:0x400]), Block(base + 0x1000, whole[0x400:])]
    held = x64_dump(blocks=blocks).save(tmp_path, "held.dmp")
    code, out, _ = run("symbols", "keys", held)
    assert code == 0
    assert PDB_KEY in [json.loads(line).get("key") for line in out.splitlines()]


def test_keys_asks_no_server(run: Run, dump: Path, server: SymbolServer, tmp_path: Path) -> None:
    assert run("symbols", "keys", dump, "--symbols", f"srv*{tmp_path}/near*{server.url}").code == 0
    assert server.asked == []


def test_the_environment_counts_unless_the_option_does(
    run: Run, dump: Path, server: SymbolServer, tmp_path: Path
) -> None:
    path = f"srv*{tmp_path}/near*{server.url}"
    run("symbols", "why", dump, "--symbols", "", _NT_SYMBOL_PATH=path)
    assert server.asked == []
    run("symbols", "why", dump, _NT_SYMBOL_PATH=path)
    assert server.asked[0] == "index2.txt"
    assert server.asked.count("index2.txt") == 1


def test_a_batch_goes_on_past_what_is_no_dump(run: Run, folder: Path, damaged: Path) -> None:
    code, out, err = run("symbols", "keys", folder, damaged)
    assert code == 4
    assert "c-text.dmp" in err
    assert len(out.splitlines()) > 4
    assert run("symbols", "keys", folder).code == 3


def test_exit_codes(run: Run, dump: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "wanted.jsonl"
    assert run("symbols", "keys", dump, "-o", manifest).code == 0
    again = run("symbols", "keys", dump, "-o", manifest)
    assert (again.code, again.out) == (5, "")
    fetch = ("symbols", "fetch", manifest, "-o", tmp_path / "to")
    assert run(*fetch).code == 2
    assert run(*fetch, "--symbols", "x*y").code == 2
    assert run(*fetch, "--symbols", tmp_path / "none").code == 0
    assert run(*fetch, "--symbols", tmp_path / "none", "--fail-on", "missing").code == 1
    assert run("symbols", "fetch", dump, "-o", tmp_path / "to", "--symbols", tmp_path).code == 3
    assert run("symbols", "fetch", tmp_path / "none", "-o", tmp_path / "to", "--symbols", tmp_path).code == 3
    (tmp_path / "file").write_bytes(b"")
    assert run("symbols", "fetch", manifest, "-o", tmp_path / "file", "--symbols", tmp_path).code == 5
    assert run("symbols").code == 2
    assert run("symbols", "why", manifest).code == 3


def test_a_dead_server_is_told(run: Run, dump: Path, tmp_path: Path) -> None:
    manifest = run("symbols", "keys", dump).out.encode()
    path = f"srv*{tmp_path}/near*{dead_port()}"
    code, out, _ = run("symbols", "fetch", "-", "-o", tmp_path / "to", "--symbols", path, stdin=manifest)
    assert code == 0
    assert out.count("the server was given up: Connection refused") == out.count("missing  ")
