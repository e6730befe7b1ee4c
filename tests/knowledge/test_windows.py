"""Releases, editions, product types, suites, service packs."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.knowledge.windows import (
    ProductType,
    Suite,
    edition,
    engine_product_name,
    product_type_name,
    release,
    release_build,
    suite_names,
)

WORKSTATION, DOMAIN_CONTROLLER, SERVER = ProductType


@pytest.mark.parametrize(
    ("build", "client", "server"),
    [
        (2195, "Windows 2000 Professional", "Windows 2000 Server"),
        (2600, "Windows XP", "Windows XP"),
        (3790, "Windows XP x64", "Windows Server 2003"),
        (6002, "Windows Vista SP2", "Windows Server 2008 SP2"),
        (7601, "Windows 7 SP1", "Windows Server 2008 R2 SP1"),
        (9600, "Windows 8.1", "Windows Server 2012 R2"),
        (10240, "Windows 10 1507", "Windows 10 1507"),
        (14393, "Windows 10 1607", "Windows Server 2016"),
        (17763, "Windows 10 1809", "Windows Server 2019"),
        (19041, "Windows 10 2004 to 22H2", "Windows Server 2004 to 20H2"),
        (20348, "Windows Server 2022", "Windows Server 2022"),
        (22000, "Windows 11 21H2", "Windows 11 21H2"),
        (26100, "Windows 11 24H2 to 25H2", "Windows Server 2025"),
    ],
)
def test_releases(build: int, client: str, server: str) -> None:
    assert str(release(build, WORKSTATION)) == client
    assert str(release(build, SERVER)) == str(release(build, DOMAIN_CONTROLLER)) == server


@pytest.mark.parametrize("build", [0, 1, 12345, 0x45474150])
def test_builds_that_were_never_released(build: int) -> None:
    assert release(build, WORKSTATION) is None


@pytest.mark.parametrize(
    ("build", "product_type", "suites", "words"),
    [
        (19041, 1, 0x110, "Windows 10 client, not Home"),
        (9600, 1, 0x310, "Windows 8.1 client, Home"),
        (17763, 3, 0x190, "Windows Server 2019 server, Datacenter"),
        (7601, 2, 0x112, "Windows Server 2008 R2 domain controller, Enterprise"),
        (26100, 3, 0x110, "Windows Server 2025 server"),
        (2600, 1, 0x140, "Windows XP client, not Home, embedded"),
        (12345, 1, 0x310, "Windows build 12345 client, Home"),
    ],
)
def test_editions(build: int, product_type: int, suites: int, words: str) -> None:
    assert edition(build, product_type, suites) == words


def test_product_types_both_ways() -> None:
    assert [engine_product_name(number) for number in (1, 2, 3, 4)] == ["WinNt", "LanManNt", "Server", "unknown <4>"]
    names = [product_type_name(number) for number in (0, 1, 2, 3, 4)]
    assert names == [None, "workstation", "domain_controller", "server", None]


def test_suites_as_the_engine_prints_them() -> None:
    assert suite_names(0x110) == ("TerminalServer", "SingleUserTS")
    assert suite_names(0x310) == ("TerminalServer", "SingleUserTS", "Personal")
    assert suite_names(0x190) == ("TerminalServer", "DataCenter", "SingleUserTS")
    assert suite_names(0) == suite_names(0xFFFE0000) == ()
    assert " ".join(suite_names(0xFFFFFFFF)) == (
        "SmallBusiness Enterprise BackOffice CommunicationServer TerminalServer SmallBusinessRestricted EmbeddedNT "
        "DataCenter SingleUserTS Personal Blade EmbeddedRestricted SecurityAppliance StorageServer ComputeServer "
        "WHServer PhoneNT"
    )


@given(mask=st.integers(0, 0xFFFFFFFF))
def test_every_named_bit_gives_one_name(mask: int) -> None:
    assert len(suite_names(mask)) == sum(bool(mask & bit) for bit in Suite)


def test_product_lines_of_the_engine(samples: Path) -> None:
    compared = 0
    for dump, text in _pairs(samples):
        # The offsets stand here as literals of the format reference, independent of smalldump.layout.
        with dump.open("rb") as file:
            header = file.read(0x1048)
        printed = re.search(r"^Product: (.*)$", text, re.MULTILINE)
        if printed is None:
            continue
        compared += 1
        product_type, suites = struct.unpack_from("<II", header, 0x1040 if header[:8] == b"PAGEDU64" else 0xF94)
        assert printed[1].strip() == f"{engine_product_name(product_type)}, suite: {' '.join(suite_names(suites))}"
    assert compared >= 20


def _pairs(samples: Path) -> Iterator[tuple[Path, str]]:
    folders = [("dumps", "dbgeng"), ("engine-written", "engine-written")]
    for dumps, texts in folders:
        for dump in sorted((samples / dumps).glob("*.dmp")):
            text = samples / texts / f"{dump.stem}.txt"
            if text.exists():
                yield dump, text.read_text(encoding="utf-8", errors="replace")


@pytest.mark.parametrize(
    ("build", "service_build", "client"),
    [
        (19041, 19041, "Windows 10 2004"),
        (19041, 19042, "Windows 10 20H2"),
        (19041, 19043, "Windows 10 21H1"),
        (19041, 19044, "Windows 10 21H2"),
        (19041, 19045, "Windows 10 22H2"),
        (18362, 18363, "Windows 10 1909"),
        (22621, 22631, "Windows 11 23H2"),
        (26100, 26200, "Windows 11 25H2"),
        (7601, 7601, "Windows 7 SP1"),
        (19041, None, "Windows 10 2004 to 22H2"),
        (19041, 18363, "Windows 10 2004 to 22H2"),
        (31337, 19045, "None"),
    ],
)
def test_service_builds_tell_releases_of_one_kernel_apart(build: int, service_build: int | None, client: str) -> None:
    assert str(release(build, ProductType.WORKSTATION, service_build)) == client


def test_a_service_build_of_another_kernel_contradicts() -> None:
    assert release_build(19041, 19045) == 19045
    assert release_build(19045, 19045) == 19045
    assert release_build(19041, 22631) is None
    assert release_build(31337, 19045) is None
    assert release_build(19041, None) is None
