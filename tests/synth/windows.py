"""Kernel structure offsets of the Windows builds the builder knows, as literal numbers.

They come from the public structure listings (struct_offsets.csv beside the format reference) and the reference's §8.
Assumed, because no public source has them: all of 2195 (Windows 2000) but its first PRCB fields, and PRCB fields of
22621 behind 0x700. ARM64 22000 is seen in one real dump.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = [
    "WIN7_X64",
    "WIN7_X86",
    "WIN10_1809",
    "WIN10_2004",
    "WIN10_X86",
    "WIN11_22H2",
    "WIN11_ARM64",
    "WIN81_X64",
    "WIN2000",
    "XP_SP3",
    "Windows",
]

# One column per build; `-` is a field that the build lacks or that nobody published.
_TABLE = """
                2195   2600  7601x  17763  19041  22621  22000a   7601   9600 19041x
kdbg_size          0    290    340    380    380    3a8    380    340    360    380
ep_size          290    260    2c0    850    a40    b80    c80    4d0    6d8    500
ep_dtb            18     18     18     28     28     28     28     28     28     18
ep_pid            9c     84     b4    2e0    440    440    3f8    180    2e0     e4
ep_links          a0     88     b8    2e8    448    448    400    188    2e8     e8
ep_parent        1c8    14c    140    3e0    540    540    4f8    290    3d0    170
ep_peb           1b0    1b0    1a8    3f8    550    550    508    338    3e8    17c
ep_name          1fc    174    16c    450    5a8    5a8    560    2e0    438    1ac
ep_create         88     70     a0    308    468    468    420    168    2d0    100
et_size          248    258    2b8    810    898    900    910    498    778    4e0
et_cid           1e0    1ec    22c    638    478    4c8    4e8    3b0    620    2ac
et_start         230    224    218    610    450    4a0    4c0    388    5f8    298
et_w32start      234    228    260    690    4d0    520    540    410    678    2dc
et_irplist         -    210    24c    670    4b0    500    520    3e8    658    2cc
kt_initstack      18     18     28     28     28     28     28     28     28     20
kt_stklimit       1c     1c     2c     30     30     30     30     30     30     24
kt_stkbase         -    168    190     38     38     38     38    278     38     28
kt_kernstack      28     28     30     58     58     58     58     38     58     48
kt_teb            20     20     88     f0     f0     f0     e8     b8     f0     a8
kt_state          2d     2d     68    184    184    184    17c    164    184     90
kt_waitreason      -     5b    187    283    283    283    2a3    26b    283    18b
kt_process         -      -    150    220    220    220      -    210    220    150
kt_apcstate       34     34     40     98     98     98     90     50     98     70
kt_priority       33     33     57     c3     c3     c3      -     7b     c3     87
kt_trapframe       -    134    128     90     90     90      -    1d8     90     6c
kt_nextproc        -    12b     58    218    218    218    238     7c    218    148
kt_queue           -      -      -    208    208    208    200      -    208      -
pr_size          9f0    c50   3628   7ec0   af00   b2c0   9680   4d00   5d80   5f00
pr_current         4      4      4      8      8      8      8      8      8      4
pr_next            8      8      8     10     10     10     10     10     10      8
pr_idle            c      c      c     18     18     18     18     18     18      c
pr_number         10     10    3cc     24     24     24     24     24     24    3cc
pr_mhz             -    910    3c0     44     44     44    6f4    5f4    5f4    3c0
pr_cputype        18     18     14     40     40     40    6f0    5f0    5f0     14
pr_vendor          -    900   336c   6290   8590   8790    890   4bb8   5958   3d3c
pr_frame          1c     1c     18    1f0    1f0    1f0    360    120    120     18
pr_special       2e8    2e8    2e4    100    100    100     40     40     40    2e4
pr_context         -      -   3618   62c0   85c0   87c0    8a0   4bd8   5980   4168
pr_dpcstack        -    868   1908   2e50   3110   3410    af8   21c0   2dd0   2210
pr_isrstack        -      -      -   62d8   85d8   87d8   18e0      -   5998   429c
pr_dpcactive       -    874   1932   2e6a   312a   342a    b1a   21da   2dea   223a
pr_normaldpc       -      -   1934   2e6c   312c   342c    b1c   21dc   2dec   223c
pcr_size           -    d70   3748   8040   b080   b440   a000   4e80   5f00   6020
pcr_prcb         120    120    120    180    180    180    980    180    180    120
"""


def _columns() -> dict[str, dict[str, int]]:
    head, *rows = _TABLE.strip("\n").splitlines()
    builds = head.split()
    columns: dict[str, dict[str, int]] = {build: {} for build in builds}
    for row in rows:
        name, *values = row.split()
        for build, value in zip(builds, values, strict=True):
            if value != "-":
                columns[build][name] = int(value, 16)
    return columns


_COLUMNS = _columns()


@dataclass(frozen=True)
class Windows:
    """A build: what its dumps say about it, and where its kernel keeps things.

    Attributes:
        name: As people call it.
        build: MinorVersion of the header.
        bits: 32 or 64.
        machine: MachineImageType.
        build_lab: The NtBuildLab string; empty where the dump holds none.
        service_pack: ServicePackBuild (service pack in bits 8-15).
        offsets: Field offsets by short name (`ep_pid`, `kt_stkbase`, …); a missing name is an unknown field.
    """

    name: str
    build: int
    bits: int
    machine: int
    build_lab: str = ""
    service_pack: int = 0
    offsets: Mapping[str, int] = field(default_factory=dict)

    @property
    def word(self) -> int:
        """Bytes of a pointer."""
        return self.bits // 8

    @property
    def kdbg_size(self) -> int:
        """KDBG.Header.Size; 0 for a Windows without KDBG in small dumps."""
        return self.offsets["kdbg_size"]

    def at(self, name: str) -> int | None:
        """Offset of a field, None where unknown."""
        return self.offsets.get(name)


WIN2000 = Windows("Windows 2000", 2195, 32, 0x14C, offsets=_COLUMNS["2195"])
XP_SP3 = Windows("Windows XP SP3", 2600, 32, 0x14C, "2600.xpsp.080413-2111", 0x300, _COLUMNS["2600"])
WIN7_X86 = Windows(
    "Windows 7 SP1", 7601, 32, 0x14C, "7601.17514.x86fre.win7sp1_rtm.101119-1850", 0x100, _COLUMNS["7601x"]
)
WIN7_X64 = Windows(
    "Windows 7 SP1", 7601, 64, 0x8664, "7601.17514.amd64fre.win7sp1_rtm.101119-1850", 0x100, _COLUMNS["7601"]
)
WIN81_X64 = Windows("Windows 8.1", 9600, 64, 0x8664, "9600.17415.amd64fre.winblue_r4.141028-1500", 0, _COLUMNS["9600"])
WIN10_X86 = Windows("Windows 10 2004", 19041, 32, 0x14C, "19041.1.x86fre.vb_release.191206-1406", 0, _COLUMNS["19041x"])
WIN10_1809 = Windows(
    "Windows 10 1809", 17763, 64, 0x8664, "17763.1.amd64fre.rs5_release.180914-1434", 0, _COLUMNS["17763"]
)
WIN10_2004 = Windows(
    "Windows 10 2004", 19041, 64, 0x8664, "19041.1.amd64fre.vb_release.191206-1406", 0, _COLUMNS["19041"]
)
WIN11_22H2 = Windows(
    "Windows 11 22H2", 22621, 64, 0x8664, "22621.1.amd64fre.ni_release.220506-1250", 0, _COLUMNS["22621"]
)
WIN11_ARM64 = Windows(
    "Windows 11 21H2 on ARM64", 22000, 64, 0xAA64, "22000.1.arm64fre.co_release.210604-1628", 0, _COLUMNS["22000a"]
)
