"""The modules that every Windows has, at invented places and in plausible sizes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from tests.synth.parts import Driver

__all__ = ["WINDOWS_10", "WINDOWS_2000", "WINDOWS_XP", "laid_out", "names"]

# name, size in pages; all of Windows 10 and 11 (in load order).
WINDOWS_10 = """
ntoskrnl.exe 1046 hal.dll 6 kd.dll b mcupdate_GenuineIntel.dll 20c CLFS.SYS 6a tm.sys 27 PSHED.dll 1a
BOOTVID.dll b FLTMGR.SYS 71 msrpc.sys 62 ksecdd.sys 29 clipsp.sys 113 cmimcext.sys e werkernel.sys 14
ntosext.sys c CI.dll e9 cng.sys bb Wdf01000.sys d1 WDFLDR.SYS 13 WppRecorder.sys f SleepStudyHelper.sys f
acpiex.sys 25 mssecflt.sys 52 SgrmAgent.sys 1a ACPI.sys cc WMILIB.SYS c intelpep.sys 5b
WindowsTrustedRT.sys 17 IntelTA.sys 3 pcw.sys 14 msisadrv.sys b pci.sys 79 vdrvroot.sys 15 pdc.sys 30
CEA.sys 19 partmgr.sys 31 spaceport.sys aa volmgr.sys 1a volmgrx.sys 63 mountmgr.sys 1e storahci.sys 2e
storport.sys b0 EhStorClass.sys 1c fileinfo.sys 1a Wof.sys 40 Ntfs.sys 2dc ndis.sys 172 NETIO.SYS 98
tcpip.sys 2ec fwpkclnt.sys 7a volsnap.sys 71 rdyboost.sys 51 mup.sys 26 disk.sys 1c CLASSPNP.SYS 6c
crashdmp.sys 1e cdrom.sys 30 Npfs.SYS 1d afd.sys a6 dxgkrnl.sys 3a8 watchdog.sys 16 win32k.sys 9a
win32kbase.sys 2d6 win32kfull.sys 3b3 HTTP.sys 18c srv2.sys cf
"""

WINDOWS_XP = """
ntoskrnl.exe 214 hal.dll 21 KDCOM.DLL 2 BOOTVID.dll 3 ACPI.sys 2e WMILIB.SYS 2 pci.sys 11 isapnp.sys 9
PCIIde.sys 1 PCIIDEX.SYS 7 MountMgr.sys b ftdisk.sys 1f PartMgr.sys 5 VolSnap.sys d atapi.sys 18 disk.sys 9
CLASSPNP.SYS d fltmgr.sys 20 sr.sys 12 KSecDD.sys 17 Ntfs.sys 8d NDIS.sys 2d Mup.sys 1b intelppm.sys 9
i8042prt.sys d kbdclass.sys 7 mouclass.sys 6 USBPORT.SYS 24 usbuhci.sys 6 usbehci.sys 8 HIDCLASS.SYS 9
usbscan.sys 4 Npfs.SYS 8 tcpip.sys 59 netbt.sys 28 afd.sys 22 rdbss.sys 2b mrxsmb.sys 6f win32k.sys 1c3
dxg.sys 12 srv.sys 53 HTTP.sys 41
"""

WINDOWS_2000 = """
ntoskrnl.exe 19b hal.dll 15 BOOTVID.DLL 3 pci.sys e isapnp.sys 9 intelide.sys 1 PCIIDEX.SYS 6 MountMgr.sys 8
ftdisk.sys 1f Diskperf.sys 2 dmload.sys 2 dmio.sys 22 PartMgr.sys 2 atapi.sys 15 disk.sys 7 CLASSPNP.SYS 8
Dfs.sys 10 KSecDD.sys c Ntfs.sys 7b NDIS.sys 29 Mup.sys f i8042prt.sys c kbdclass.sys 6 mouclass.sys 6
fdc.sys 7 parport.sys 8 cdrom.sys 9 uhcd.sys 9 usbhub.sys a USBD.SYS 6 videoprt.sys 12 vga.sys 4
tcpip.sys 4f netbt.sys 26 afd.sys 18 rdbss.sys 26 mrxsmb.sys 62 win32k.sys 19e srv.sys 39
"""


def names(table: str) -> list[tuple[str, int]]:
    """(file name, size in bytes) pairs of one of the tables."""
    words = table.split()
    return [(name, int(pages, 16) << 12) for name, pages in zip(words[::2], words[1::2], strict=True)]


def _path(name: str, root: str) -> str:
    folder = "" if name.lower().endswith((".exe", ".dll")) or name.lower().startswith("win32k") else "drivers\\"
    return f"{root}\\system32\\{folder}{name}"


def _stamp(number: int, linked: tuple[str, str] | None) -> int:
    if linked is None:
        return number
    first, last = (int(datetime.fromisoformat(day + "T00:00:00+00:00").timestamp()) for day in linked)
    return first + number % (last - first)


def laid_out(
    modules: Iterable[tuple[str, int]],
    kernel_base: int,
    first: int,
    *,
    step: int = 0x10000,
    root: str = "\\SystemRoot",
    build: int = 0,
    paged_out: Iterable[str] = (),
    linked: tuple[str, str] | None = None,
) -> list[Driver]:
    """The modules as drivers: the kernel at `kernel_base`, the others from `first` on, each at a multiple of `step`.

    Time stamps and checksums follow from name, size and `build`; 0 for those whose header is `paged_out`. `linked`
    are the first and last day on which the linker ran; without, stamps are hashes, as since Windows 10.
    """
    out: list[Driver] = []
    base, gone = first, {name.lower() for name in paged_out}
    for name, size in modules:
        driver = Driver.invented(_path(name, root), base if out else kernel_base, size)
        stamped = Driver.invented(f"{build} {driver.path}", 0, size)
        absent = name.lower() in gone
        driver = Driver(
            driver.path,
            driver.base,
            size,
            0 if absent else _stamp(stamped.timestamp, linked),
            0 if absent else stamped.checksum,
        )
        if out:
            base += (size + step - 1) // step * step
        out.append(driver)
    return out
