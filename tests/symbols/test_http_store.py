"""Symbol servers: a real one on the loopback, with every fault that we could think of."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from smalldump.symbols.attempts import Found, Outcome
from smalldump.symbols.http import HttpLimits
from smalldump.symbols.outcomes import FILE_NAME
from smalldump.symbols.path import Element
from smalldump.symbols.sources import SymbolSources
from smalldump.symbols.wanted import WantedImage, WantedPdb
from tests.symbols import server as faults
from tests.symbols.cabinets import LzxEncoder, cabinet, mszip_blocks
from tests.symbols.files import GUID, image, pdb, pdb_index
from tests.symbols.server import SymbolServer, dead_port, serving, silent_port

QUICK = HttpLimits(connect_s=1, silence_s=0.4, grace_s=0.5, retries=1, pause_s=0.01)
FOLDER = f"a.pdb/{pdb_index()}"
WANTED = WantedPdb(r"d:\build\a.pdb", GUID, 1)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[SymbolServer]:
    with serving() as made:
        yield made


def ask(url: str, cache: Path, wanted: WantedPdb | WantedImage = WANTED, largest: int = 1 << 30) -> Found:
    with SymbolSources([Element((str(cache), url))], limits=QUICK, largest=largest) as sources:
        return sources.find(wanted)


def outcomes(found: Found) -> list[tuple[str, Outcome]]:
    """What the server was asked, without the cache's attempt."""
    return [(attempt.key, attempt.outcome) for attempt in found.attempts[1:]]


def leftovers(cache: Path) -> list[str]:
    return [path.name for path in cache.rglob("*") if path.name != FILE_NAME]


def test_the_order_is_that_of_microsofts_client(server: SymbolServer, tmp_path: Path) -> None:
    found = ask(server.url, tmp_path)
    assert found.path is None
    assert server.asked == ["index2.txt", f"{FOLDER}/a.pdb", f"{FOLDER}/a.pd_", f"{FOLDER}/file.ptr"]
    assert {outcome for _, outcome in outcomes(found)} == {Outcome.ABSENT}
    assert leftovers(tmp_path) == []


def test_a_file_is_kept_and_not_asked_for_again(server: SymbolServer, tmp_path: Path) -> None:
    server.files[f"{FOLDER}/a.pdb"] = pdb()
    found = ask(server.url, tmp_path)
    assert found.path == tmp_path / "a.pdb" / pdb_index() / "a.pdb"
    assert found.path.read_bytes() == pdb()
    again = ask(dead_port(), tmp_path)
    assert again.path == found.path
    assert [attempt.outcome for attempt in again.attempts] == [Outcome.FOUND]


def test_images_have_a_key_of_their_own(server: SymbolServer, tmp_path: Path) -> None:
    server.files["Ntoskrnl.exe/0000BEEFc1a0/Ntoskrnl.exe"] = image(0xBEEF, 0xC1A0)
    assert ask(server.url, tmp_path, WantedImage(r"\SystemRoot\Ntoskrnl.exe", 0xBEEF, 0xC1A0)).path is not None


def test_three_tiers(server: SymbolServer, tmp_path: Path) -> None:
    server.files |= {"index2.txt": b"", f"a./{FOLDER}/a.pdb": pdb()}
    assert ask(server.url, tmp_path).path == tmp_path / "a.pdb" / pdb_index() / "a.pdb"
    assert server.asked == ["index2.txt", f"a./{FOLDER}/a.pdb"]


@pytest.mark.parametrize("kind", ["mszip", "lzx"])
def test_compressed(kind: str, server: SymbolServer, tmp_path: Path) -> None:
    data = pdb(noise=bytes(range(256)) * 300)
    packed = (
        cabinet(len(data), mszip_blocks(data), 1)
        if kind == "mszip"
        else cabinet(len(data), LzxEncoder(21, (1, 2)).blocks(data), 3 | 21 << 8)
    )
    server.files[f"{FOLDER}/a.pd_"] = packed
    found = ask(server.url, tmp_path)
    assert found.path is not None
    assert found.path.read_bytes() == data
    assert outcomes(found)[1:] == [(f"{FOLDER}/a.pdb", Outcome.ABSENT), (f"{FOLDER}/a.pd_", Outcome.FOUND)]


def test_pointers_stay_on_their_server(server: SymbolServer, tmp_path: Path) -> None:
    server.files |= {"elsewhere/a.pdb": pdb(), "secret": pdb()}
    for at, target in enumerate((f"{server.url}/elsewhere/a.pdb", "/elsewhere/a.pdb", "elsewhere/a.pdb")):
        server.files[f"{FOLDER}/file.ptr"] = b"PATH:" + target.encode()
        assert ask(server.url, tmp_path / str(at)).path is not None
    (tmp_path / "a.pdb").write_bytes(pdb())
    away = (
        str(tmp_path / "a.pdb"),
        f"file://{tmp_path}/a.pdb",
        r"\\host\share\a.pdb",
        "C:\\a.pdb",
        "https://example.org/a",
    )
    for at, target in enumerate((*away, "//example.org/a.pdb", "http://127.0.0.1:1/a.pdb")):
        server.files[f"{FOLDER}/file.ptr"] = b"PATH:" + target.encode()
        found = ask(server.url, tmp_path / f"away{at}")
        assert found.path is None
        # A path of Unix is, to a server, a path on the server.
        expected = Outcome.ABSENT if target.startswith(str(tmp_path)) else Outcome.REFUSED
        assert outcomes(found)[-1] == (f"{FOLDER}/file.ptr", expected)


def test_a_pointer_with_a_message(server: SymbolServer, tmp_path: Path) -> None:
    server.files[f"{FOLDER}/file.ptr"] = b"MSG: not public\x1b[2J"
    last = ask(server.url, tmp_path).attempts[-1]
    assert (last.outcome, last.detail) == (Outcome.ABSENT, r"not public\x1b[2J")


@pytest.mark.parametrize(("status", "outcome"), [(403, Outcome.REFUSED), (401, Outcome.REFUSED), (410, Outcome.ABSENT)])
def test_refusals_are_told_and_the_rest_is_asked(
    status: int, outcome: Outcome, server: SymbolServer, tmp_path: Path
) -> None:
    data = pdb()
    server.files |= {f"{FOLDER}/a.pdb": status, f"{FOLDER}/a.pd_": cabinet(len(data), mszip_blocks(data), 1)}
    found = ask(server.url, tmp_path)
    assert found.path is not None
    assert outcomes(found)[1] == (f"{FOLDER}/a.pdb", outcome)
    assert found.attempts[2].detail == f"HTTP {status}"


def test_a_server_with_errors_is_given_up(server: SymbolServer, tmp_path: Path) -> None:
    server.files |= {"index2.txt": 500, f"{FOLDER}/a.pdb": 503, f"{FOLDER}/a.pd_": 500}
    found = ask(server.url, tmp_path)
    assert [outcome for _, outcome in outcomes(found)] == [Outcome.FAILED] * 3
    assert len(server.asked) == 6  # each once more
    again = ask(server.url, tmp_path, WantedPdb("b.pdb", GUID, 1))
    assert len(server.asked) == 6
    assert outcomes(again)[0][1] is Outcome.SKIPPED
    assert "the server was given up: HTTP 500, remembered from 20" in again.attempts[-1].detail


def test_a_cut_transfer_is_noticed_and_tried_again(server: SymbolServer, tmp_path: Path) -> None:
    server.files[f"{FOLDER}/a.pdb"] = faults.cut(pdb(), 5000)
    found = ask(server.url, tmp_path)
    assert outcomes(found)[1] == (f"{FOLDER}/a.pdb", Outcome.MALFORMED)
    assert found.attempts[2].detail == "the transfer was cut"
    assert server.asked.count(f"{FOLDER}/a.pdb") == 2
    assert leftovers(tmp_path) == []


def test_a_cut_file_without_a_size_is_noticed(server: SymbolServer, tmp_path: Path) -> None:
    server.files[f"{FOLDER}/a.pdb"] = pdb()[:-1]
    attempt = ask(server.url, tmp_path).attempts[2]
    assert attempt.outcome is Outcome.MALFORMED
    assert attempt.detail.startswith("the PDB is cut: ")


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (b"<html>Not here", "not a PDB of MSF 7.00"),
        (b"", "not a PDB of MSF 7.00"),
        (pdb(age=2), f"another build: {GUID.replace('-', '').upper()}, age 2"),
        (pdb("00000000-0000-0000-0000-000000000000"), f"another build: {'0' * 32}, age 1"),
        (b"MSCF" + bytes(100), "no cabinet: expected MSCF, version 1, found 4d534346"),
        (pdb()[:40], "not a PDB of MSF 7.00"),
    ],
)
def test_wrong_files_are_not_kept(data: bytes, detail: str, server: SymbolServer, tmp_path: Path) -> None:
    server.files[f"{FOLDER}/a.pdb"] = data
    found = ask(server.url, tmp_path)
    assert found.path is None
    assert (found.attempts[2].outcome, found.attempts[2].detail) == (Outcome.MALFORMED, detail)
    assert leftovers(tmp_path) == []


def test_wrong_images_are_not_kept(server: SymbolServer, tmp_path: Path) -> None:
    server.files["a.sys/5F3A00013000/a.sys"] = image(0x5F3A0002)
    found = ask(server.url, tmp_path, WantedImage("a.sys", 0x5F3A0001, 0x3000))
    assert found.attempts[2].detail == "another build: timestamp 5F3A0002, size 3000"
    server.files["b.sys/5F3A00013000/b.sys"] = image()[:-1]
    found = ask(server.url, tmp_path, WantedImage("b.sys", 0x5F3A0001, 0x3000))
    assert found.attempts[1].detail == "the image is cut: 2,047 bytes of 2,048"


def test_huge_files_are_not_taken(server: SymbolServer, tmp_path: Path) -> None:
    server.files[f"{FOLDER}/a.pdb"] = lambda request: faults.send(request, b"", 1 << 40)
    found = ask(server.url, tmp_path, largest=100_000)
    assert found.attempts[2].detail == "too large: 1,099,511,627,776 bytes, at most 100,000 are allowed"
    server.files[f"{FOLDER}/a.pdb"] = faults.endless
    found = ask(server.url, tmp_path / "other", largest=100_000)
    assert found.attempts[2].detail == "too large: more than 100,000 bytes"
    data = pdb(noise=bytes(200_000))
    server.files[f"{FOLDER}/a.pdb"] = cabinet(len(data), mszip_blocks(data), 1)
    found = ask(server.url, tmp_path / "third", largest=100_000)
    assert "too large" in found.attempts[2].detail


def test_slow_servers(server: SymbolServer, tmp_path: Path) -> None:
    server.files[f"{FOLDER}/a.pdb"] = faults.dripping
    started = time.monotonic()
    found = ask(server.url, tmp_path)
    assert found.attempts[2].outcome is Outcome.TIMEOUT
    assert found.attempts[2].detail.startswith("too slow: ")
    server.files[f"{FOLDER}/a.pdb"] = faults.dripping_head
    found = ask(server.url, tmp_path / "head")
    assert (found.attempts[2].outcome, found.attempts[2].detail) == (Outcome.TIMEOUT, "no answer in time")
    server.files[f"{FOLDER}/a.pdb"] = faults.silent
    found = ask(server.url, tmp_path / "other")
    assert (found.attempts[2].outcome, found.attempts[2].detail) == (Outcome.TIMEOUT, "no answer in time")
    assert time.monotonic() - started < 60


def test_redirects(server: SymbolServer, tmp_path: Path) -> None:
    server.files |= {f"{FOLDER}/a.pdb": faults.redirect("/moved"), "moved": faults.redirect("there"), "there": pdb()}
    assert ask(server.url, tmp_path).path is not None
    server.files["there"] = faults.redirect("/moved")
    assert ask(server.url, tmp_path / "loop").attempts[2].detail == "more than 5 redirects"
    for at, location in enumerate(("http://127.0.0.1:1/a.pdb", "file:///etc/passwd", "http://[", "//example.org/a")):
        server.files[f"{FOLDER}/a.pdb"] = faults.redirect(location)
        attempt = ask(server.url, tmp_path / str(at)).attempts[2]
        assert attempt.outcome in (Outcome.REFUSED, Outcome.FAILED)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody has signed, and its key."""
    made = tmp_path_factory.mktemp("tls") / "both.pem"
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed: it makes the certificate")
    subject = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    asked = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject)
    subprocess.run([*asked, "-keyout", made, "-out", f"{made}.crt"], check=True, capture_output=True, timeout=60)
    with made.open("ab") as both:
        both.write(Path(f"{made}.crt").read_bytes())
    return made


def test_https(certificate: Path, server: SymbolServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(certificate) as secure:
        secure.files[f"{FOLDER}/a.pdb"] = pdb()
        found = ask(secure.url, tmp_path / "strange")
        assert found.attempts[1].outcome is Outcome.UNREACHABLE
        assert "certificate verify failed" in found.attempts[1].detail
        monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
        assert ask(secure.url, tmp_path / "known").path is not None
        # To another server by HTTPS, and not back.
        server.files |= {f"{FOLDER}/a.pdb": faults.redirect(f"{secure.url}/{FOLDER}/a.pdb"), "plain": pdb()}
        assert ask(server.url, tmp_path / "there").path is not None
        secure.files[f"{FOLDER}/a.pdb"] = faults.redirect(f"{server.url}/plain")
        assert ask(secure.url, tmp_path / "back").attempts[2].outcome is Outcome.REFUSED
        assert "plain" not in server.asked
        # What is secret stays with the server that it was meant for.
        secure.files[f"{FOLDER}/a.pdb"] = pdb()
        ask(server.url.replace("//", "//me:secret@"), tmp_path / "secret")
        assert "authorization" in server.headers
        assert "authorization" not in secure.headers


@pytest.mark.parametrize("kind", ["dead", "silent"])
def test_a_dead_server_costs_seconds_once(kind: str, tmp_path: Path) -> None:
    wanted = [WantedPdb(f"{number}.pdb", GUID, 1) for number in range(200)]
    with silent_port() as silent:
        url = silent if kind == "silent" else dead_port()
        started = time.monotonic()
        with SymbolSources([Element((str(tmp_path), url))], limits=QUICK) as sources:
            found = dict(sources.prefetch(wanted))
        spent = time.monotonic() - started
        assert set(found) == set(wanted)
        first = [each for each in found.values() if len(each.attempts) == 3]
        assert len(first) == 1
        assert first[0].attempts[1].outcome is (Outcome.TIMEOUT if kind == "silent" else Outcome.UNREACHABLE)
        assert all(each.attempts[-1].outcome is Outcome.SKIPPED for each in found.values())
        assert spent < 60  # 200 waits of 0.4 seconds and more would take longer
        # And in the next run, which learns of it from the cache's folder, none.
        again = ask(url, tmp_path, wanted[0])
        assert outcomes(again) == [(wanted[0].key, Outcome.SKIPPED)]


def test_absence_is_remembered_and_forgotten(
    server: SymbolServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(server.url, tmp_path)
    asked = len(server.asked)
    again = ask(server.url, tmp_path)
    assert len(server.asked) == asked
    assert again.attempts[-1].outcome is Outcome.ABSENT
    assert "remembered from 20" in again.attempts[-1].detail
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 90_000)
    ask(server.url, tmp_path)
    assert len(server.asked) == 2 * asked


def test_passwords_are_sent_and_not_shown(server: SymbolServer, tmp_path: Path) -> None:
    server.files[f"{FOLDER}/a.pdb"] = pdb()
    found = ask(server.url.replace("//", "//me:pass%20word@"), tmp_path)
    assert found.path is not None
    assert server.headers["authorization"] == "Basic bWU6cGFzcyB3b3Jk"
    assert found.attempts[1].store == server.url
    assert b"pass" not in (tmp_path / FILE_NAME).read_bytes()


def test_proxies_of_the_environment(server: SymbolServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("no_proxy", "")
    server.files[f"http://symbols.example/x/{FOLDER}/a.pdb"] = pdb()
    assert ask("http://symbols.example/x", tmp_path).path is not None


def test_prefetch_follows_images_to_their_pdbs(server: SymbolServer, tmp_path: Path) -> None:
    server.files |= {"a.sys/5F3A00013000/a.sys": image(names=r"x:\a.pdb"), f"{FOLDER}/a.pdb": pdb()}
    told = list[tuple[str, int, int | None]]()
    with SymbolSources(
        [Element((str(tmp_path), server.url))], limits=QUICK, progress=lambda *what: told.append(what)
    ) as sources:
        found = dict(sources.prefetch([WantedImage("a.sys", 0x5F3A0001, 0x3000)]))
    assert [wanted.file for wanted in found] == ["a.sys", "a.pdb"]
    assert all(each.path for each in found.values())
    assert (f"{server.url}/{FOLDER}/a.pdb", len(pdb()), len(pdb())) in told


def test_prefetch_can_be_left(server: SymbolServer, tmp_path: Path) -> None:
    wanted = [WantedPdb(f"{number}.pdb", GUID, 1) for number in range(500)]
    with SymbolSources([Element((str(tmp_path), server.url))], limits=QUICK) as sources:
        coming = sources.prefetch(wanted)
        next(coming)
        coming.close()  # type: ignore[attr-defined]
    assert len(server.asked) < 300


def test_many_at_once(server: SymbolServer, tmp_path: Path) -> None:
    wanted = [WantedPdb(f"{number}.pdb", GUID, 1) for number in range(60)]
    server.files |= {each.key: pdb() for each in wanted[::2]}
    with SymbolSources([Element((str(tmp_path), server.url))], limits=QUICK) as sources:
        found = dict(sources.prefetch([*wanted, *wanted]))
    assert [each.path is not None for each in map(found.get, wanted) if each] == [True, False] * 30
    assert server.asked.count("index2.txt") == 1
    assert len(server.asked) == 1 + 30 + 3 * 30


def test_a_cache_that_cannot_be_written_is_told(server: SymbolServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    server.files[f"{FOLDER}/a.pdb"] = pdb()
    found = ask(server.url, tmp_path / "file")
    assert found.path is None
    assert found.attempts[-1].outcome is Outcome.FAILED
    assert "cannot be written" in found.attempts[-1].detail
