"""Which Windows it was: releases by build number, editions, product types, suites, service packs.

The numbers are those of a dump header: the build of the kernel image (MinorVersion), ProductType and SuiteMask.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import NamedTuple

__all__ = [
    "ProductType",
    "Release",
    "Suite",
    "edition",
    "engine_product_name",
    "product_type_name",
    "release",
    "release_build",
    "suite_names",
]


class ProductType(IntEnum):
    """`NtProductType`. Source: format reference §2.1 and §8.6; the engine's words measured with all three."""

    WORKSTATION = 1
    DOMAIN_CONTROLLER = 2
    SERVER = 3


class Suite(IntFlag):
    """`VER_SUITE_*` bits of SuiteMask. Source: winnt.h; the debugger engine names these and no others."""

    SMALL_BUSINESS = 0x1
    ENTERPRISE = 0x2
    BACK_OFFICE = 0x4
    COMMUNICATIONS = 0x8
    TERMINAL_SERVER = 0x10
    SMALL_BUSINESS_RESTRICTED = 0x20
    EMBEDDED_NT = 0x40
    DATA_CENTER = 0x80
    SINGLE_USER_TS = 0x100
    PERSONAL = 0x200
    BLADE = 0x400
    EMBEDDED_RESTRICTED = 0x800
    SECURITY_APPLIANCE = 0x1000
    STORAGE_SERVER = 0x2000
    COMPUTE_SERVER = 0x4000
    WH_SERVER = 0x8000
    PHONE_NT = 0x10000


class Release(NamedTuple):
    """A released Windows.

    Attributes:
        name: Marketing name, "Windows 10" or "Windows Server 2019".
        version: What tells releases of one name apart, "2004 to 22H2" or "SP1"; empty where nothing does.
    """

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}".rstrip()


# Build: client, server. Where no product of one kind was sold under a build number, None. Kernels of service builds
# keep the number of the release that they service: 19041 up to 22H2, 18362 for 1909 (format reference §8.12).
_RELEASES: dict[int, tuple[Release | None, Release | None]] = {
    2195: (Release("Windows 2000", "Professional"), Release("Windows 2000", "Server")),
    2600: (Release("Windows XP", ""), None),
    3790: (Release("Windows XP", "x64"), Release("Windows Server 2003", "")),
    6000: (Release("Windows Vista", ""), None),
    6001: (Release("Windows Vista", "SP1"), Release("Windows Server 2008", "")),
    6002: (Release("Windows Vista", "SP2"), Release("Windows Server 2008", "SP2")),
    6003: (None, Release("Windows Server 2008", "SP2")),
    7600: (Release("Windows 7", ""), Release("Windows Server 2008 R2", "")),
    7601: (Release("Windows 7", "SP1"), Release("Windows Server 2008 R2", "SP1")),
    9200: (Release("Windows 8", ""), Release("Windows Server 2012", "")),
    9600: (Release("Windows 8.1", ""), Release("Windows Server 2012 R2", "")),
    10240: (Release("Windows 10", "1507"), None),
    10586: (Release("Windows 10", "1511"), None),
    14393: (Release("Windows 10", "1607"), Release("Windows Server 2016", "")),
    15063: (Release("Windows 10", "1703"), None),
    16299: (Release("Windows 10", "1709"), Release("Windows Server", "1709")),
    17134: (Release("Windows 10", "1803"), Release("Windows Server", "1803")),
    17763: (Release("Windows 10", "1809"), Release("Windows Server 2019", "")),
    17784: (None, Release("Azure Stack HCI", "20H2")),
    18362: (Release("Windows 10", "1903 to 1909"), Release("Windows Server", "1903 to 1909")),
    18363: (Release("Windows 10", "1909"), Release("Windows Server", "1909")),
    19041: (Release("Windows 10", "2004 to 22H2"), Release("Windows Server", "2004 to 20H2")),
    19042: (Release("Windows 10", "20H2"), Release("Windows Server", "20H2")),
    19043: (Release("Windows 10", "21H1"), None),
    19044: (Release("Windows 10", "21H2"), None),
    19045: (Release("Windows 10", "22H2"), None),
    20348: (None, Release("Windows Server 2022", "")),
    20349: (None, Release("Azure Stack HCI", "22H2")),
    22000: (Release("Windows 11", "21H2"), None),
    22621: (Release("Windows 11", "22H2 to 23H2"), None),
    22631: (Release("Windows 11", "23H2"), None),
    25398: (None, Release("Windows Server", "23H2")),
    26100: (Release("Windows 11", "24H2 to 25H2"), Release("Windows Server 2025", "")),
    26200: (Release("Windows 11", "25H2"), None),
    28000: (Release("Windows 11", "26H1"), None),
}
# Service builds that share the kernel of the release before: what tells them apart is only the number that the
# system gives itself. Source: Microsoft's release history of Windows 10 and 11.
_SERVICE_BUILDS = {
    18362: (18362, 18363),
    19041: (19041, 19042, 19043, 19044, 19045),
    22621: (22621, 22631),
    26100: (26100, 26200),
}

# Printed by dbgeng 10.0.15063 for a dump with every bit set, in the order of the bits; higher bits print nothing.
_ENGINE_SUITE_NAMES = {
    Suite.SMALL_BUSINESS: "SmallBusiness",
    Suite.ENTERPRISE: "Enterprise",
    Suite.BACK_OFFICE: "BackOffice",
    Suite.COMMUNICATIONS: "CommunicationServer",
    Suite.TERMINAL_SERVER: "TerminalServer",
    Suite.SMALL_BUSINESS_RESTRICTED: "SmallBusinessRestricted",
    Suite.EMBEDDED_NT: "EmbeddedNT",
    Suite.DATA_CENTER: "DataCenter",
    Suite.SINGLE_USER_TS: "SingleUserTS",
    Suite.PERSONAL: "Personal",
    Suite.BLADE: "Blade",
    Suite.EMBEDDED_RESTRICTED: "EmbeddedRestricted",
    Suite.SECURITY_APPLIANCE: "SecurityAppliance",
    Suite.STORAGE_SERVER: "StorageServer",
    Suite.COMPUTE_SERVER: "ComputeServer",
    Suite.WH_SERVER: "WHServer",
    Suite.PHONE_NT: "PhoneNT",
}
_ENGINE_PRODUCT_NAMES = {
    ProductType.WORKSTATION: "WinNt",
    ProductType.DOMAIN_CONTROLLER: "LanManNt",
    ProductType.SERVER: "Server",
}
_SERVER_EDITIONS = (
    (Suite.DATA_CENTER, "Datacenter"),
    (Suite.ENTERPRISE, "Enterprise"),
    (Suite.BLADE, "Web"),
    (Suite.STORAGE_SERVER, "Storage"),
    (Suite.COMPUTE_SERVER, "Compute"),
    (Suite.WH_SERVER, "Home Server"),
    (Suite.SMALL_BUSINESS_RESTRICTED, "Small Business"),
)


def release(build: int, product_type: int, service_build: int | None = None) -> Release | None:
    """The release that a kernel's build number belongs to; None for a build that was never released.

    A server by product type gets the server's name, anything else the client's; where a build number was sold only as
    the other, that one.

    Args:
        build: Of the kernel.
        product_type: See `ProductType`.
        service_build: The number that the system gives itself, where it is known: it narrows the release down.
    """
    exact = release_build(build, service_build)
    client, server = _RELEASES.get(build if exact is None else exact, (None, None))
    if exact == build:
        # The span of a kernel's releases begins with its own.
        client, server = client and _first_of(client), server and _first_of(server)
    return server or client if _is_server(product_type) else client or server


def release_build(build: int, service_build: int | None) -> int | None:
    """The service build, if its release runs on the kernel of `build`; None if there is none or they contradict."""
    return service_build if service_build in _SERVICE_BUILDS.get(build, (build,)) else None


def edition(build: int, product_type: int, suite_mask: int) -> str:
    """The edition in words, as far as two header fields tell: "Windows 10 client, not Home".

    Home editions have the Personal bit; Pro, Enterprise and Education cannot be told apart.

    Source: format reference §8.6, 0x110 and 0x310 seen in real dumps.
    """
    known = release(build, product_type)
    name = known.name if known else f"Windows build {build}"
    if not _is_server(product_type):
        words = [f"{name} client", "Home" if suite_mask & Suite.PERSONAL else "not Home"]
        return ", ".join([*words, *(["embedded"] if suite_mask & Suite.EMBEDDED_NT else [])])
    role = "domain controller" if product_type == ProductType.DOMAIN_CONTROLLER else "server"
    return ", ".join([f"{name} {role}", *(word for bit, word in _SERVER_EDITIONS if suite_mask & bit)])


def product_type_name(product_type: int) -> str | None:
    """`workstation`, `domain_controller` or `server`; None for any other value."""
    return ProductType(product_type).name.lower() if product_type in _ENGINE_PRODUCT_NAMES else None


def engine_product_name(product_type: int) -> str:
    """The word that WinDbg's `vertarget` prints: `WinNt`, `LanManNt`, `Server`, or `unknown <4>`."""
    known = product_type in _ENGINE_PRODUCT_NAMES
    return _ENGINE_PRODUCT_NAMES[ProductType(product_type)] if known else f"unknown <{product_type:x}>"


def suite_names(suite_mask: int) -> tuple[str, ...]:
    """Names of the suite bits as WinDbg's `vertarget` prints them, lowest bit first; unnamed bits are left out."""
    return tuple(name for bit, name in _ENGINE_SUITE_NAMES.items() if suite_mask & bit)


def _first_of(span: Release) -> Release:
    return Release(span.name, span.version.partition(" to ")[0])


def _is_server(product_type: int) -> bool:
    return product_type in (ProductType.DOMAIN_CONTROLLER, ProductType.SERVER)
