"""Where the fields in use lie in EPROCESS, ETHREAD and KPRCB, by Windows build.

The tables are the third choice, behind the debugger data block's own words and the rules in `structures`; on
Windows 2000 to 7 they are the first, since the words came late. A row is valid for the builds that it names (first
and last of those that were looked at) and for no other.

Source: Microsoft's public symbols of 51 kernels (format reference §8.1 and §8.2); ARM64 from one real dump;
26100 from one public listing. `-`: the field does not exist there or its offset is not known.
"""

from __future__ import annotations

from functools import cache

from smalldump.layout.dump import MachineType

__all__ = ["described_builds", "table_offset"]

_TABLES = {
    (MachineType.X86, "EPROCESS"): """
first last  unique_process_id inherited_from image_file_name create_time directory_table_base threads
2600  2600   84               14C            174              70         18                   50
3790  3790   94               138            164              80         18                   50
6000  6002   9C               124            14C              88         18                   50
7600  7601   B4               140            16C              A0         18                   2C
9200  9600   B4               134            170              A8         18                   2C
10240 10240  B4               138            170              C8         18                   2C
10586 14393  B4               138            174              C8         18                   2C
15063 18362  B4               140            17C              D0         18                   2C
19041 19045  E4               170            1AC             100         18                   2C
""",
    (MachineType.X64, "EPROCESS"): """
first last  unique_process_id inherited_from image_file_name create_time directory_table_base threads
3790  3790   D8               218            268              C0         28                   70
6000  6002   E0               1F0            238              C8         28                   70
7600  7601  180               290            2E0             168         28                   30
9200  9600  2E0               3D0            438             2D0         28                   30
10240 10240 2E8               3E0            448             308         28                   30
10586 14393 2E8               3E0            450             308         28                   30
15063 17763 2E0               3E0            450             308         28                   30
18362 18362 2E8               3E8            450             310         28                   30
19041 19045 440               540            5A8             468         28                   30
22000 22631 440               540            5A8             468         28                   30
26100 26100 1D0               -              338             -           28                   -
""",
    (MachineType.ARM64, "EPROCESS"): """
first last  unique_process_id inherited_from image_file_name create_time directory_table_base threads
22000 22000 3F8               4F8            560             -           28                   -
""",
    (MachineType.X86, "ETHREAD"): """
first last  cid start win32 created initial limit base kernel teb state wait priority trap apc_process process links
2600  2600  1EC 224   228   -       18      1C    168  28     20  2D    5B   33       134  44          -       1B0
3790  3790  1E4 21C   220   -       18      1C    158  20     74  4C    5A   5B       110  38          128     1A8
6000  6002  20C 1F8   240   1E0     28      2C    174  30     84  5C    6C   4F       120  48          144     1C4
7600  7601  22C 218   260   200     28      2C    190  30     88  68    187  57       128  50          150     1E0
9200  9200  214 200   244   1E8     20      24    28   48     A8  90    18B  87       6C   80          150     1D4
9600  9600  364 350   394   338     20      24    28   48     A8  90    18B  87       6C   80          150     1D4
10240 14393 374 360   3A4   348     20      24    28   48     A8  90    18B  87       6C   80          150     1D4
15063 17763 37C 368   3AC   350     20      24    28   48     A8  90    18B  87       6C   80          150     1D4
18362 18362 384 370   3B4   358     20      24    28   48     A8  90    18B  87       6C   80          150     1D4
19041 19045 2AC 298   2DC   280     20      24    28   48     A8  90    18B  87       6C   80          150     1D4
""",
    (MachineType.X64, "ETHREAD"): """
first last  cid start win32 created initial limit base kernel teb state wait priority trap apc_process process links
3790  3790  358 3C0   3C8   -       28      30    240  38     B0  154   92   93       1C8  68          1E8     2C0
6000  6002  380 358   3E0   330     28      30    250  38     B0  154   94   73       1C8  68          1F8     2D0
7600  7601  3B0 388   410   360     28      30    278  38     B8  164   26B  7B       1D8  70          210     2F8
9200  9200  398 370   3F0   348     28      30    38   58     F0  184   283  C3       90   B8          220     2F8
9600  9600  620 5F8   678   5D0     28      30    38   58     F0  184   283  C3       90   B8          220     2F8
10240 10586 628 600   680   5D8     28      30    38   58     F0  184   283  C3       90   B8          220     2F8
14393 14393 630 608   688   5E0     28      30    38   58     F0  184   283  C3       90   B8          220     2F8
15063 15063 638 610   690   5E8     28      30    38   58     F0  184   283  C3       90   B8          220     2F8
16299 17763 638 610   690   5F0     28      30    38   58     F0  184   283  C3       90   B8          220     2F8
18362 18362 648 620   6A0   600     28      30    38   58     F0  184   283  C3       90   B8          220     2F8
19041 19045 478 450   4D0   430     28      30    38   58     F0  184   283  C3       90   B8          220     2F8
22000 22631 4C8 4A0   520   480     28      30    38   58     F0  184   283  C3       90   B8          220     2F8
""",
    (MachineType.ARM64, "ETHREAD"): """
first last  cid start win32 created initial limit base kernel teb state wait priority trap apc_process process links
22000 22000 4E8 -     -     -       28      30    38   58     E8  17C   -    -        -    B0          -       -
""",
    (MachineType.X86, "KPRCB"): """
first last  size current next idle number mhz  cpu_type vendor context special frozen dpc_stack isr_stack dpc_active
2600  2600  C50  4       8    C    10     910  18       900    1C      2E8     -      868       -         874
3790  3790  EC0  4       8    C    10     B70  18       B60    1C      2E8     -      948       -         95A
6000  6000  1F98 4       8    C    10     1BBC 18       1BAC   1C      2E8     -      1988      -         199A
6001  6002  2008 4       8    C    10     3C4  18       1C2C   1C      2E8     -      1A08      -         1A1A
7600  7601  3628 4       8    C    3CC    3C0  14       336C   18      2E4     3618   1908      -         1932
9200  9200  4160 4       8    C    3CC    3C0  14       3C7C   18      2E4     4028   2208      -         2232
9600  9600  46B8 4       8    C    3CC    3C0  14       3C7C   18      2E4     4068   2210      419C      223A
10240 15063 4900 4       8    C    3CC    3C0  14       3CFC   18      2E4     40E8   2210      421C      223A
16299 16299 4940 4       8    C    3CC    3C0  14       3CFC   18      2E4     4128   2210      425C      223A
17134 18362 5F00 4       8    C    3CC    3C0  14       3CFC   18      2E4     4128   2210      425C      223A
19041 19045 5F00 4       8    C    3CC    3C0  14       3D3C   18      2E4     4168   2210      429C      223A
""",
    (MachineType.X64, "KPRCB"): """
first last  size current next idle number mhz  cpu_type vendor context special frozen dpc_stack isr_stack dpc_active
3790  3790  2480 8       10   18   4      5F4  5F0      22B4   120     40      -      1F40      -         1F5E
6000  6000  3A20 8       10   18   4      5F4  5F0      38BC   120     40      -      3340      -         335E
6001  6002  3B20 8       10   18   4      5F4  5F0      399C   120     40      -      3440      -         345E
7600  7601  4D00 8       10   18   24     5F4  5F0      4BB8   120     40      4BD8   21C0      -         21DA
9200  9200  5B80 8       10   18   24     5F4  5F0      5948   120     40      5968   2DC0      -         2DDA
9600  9600  5D80 8       10   18   24     5F4  5F0      5958   120     40      5980   2DD0      5998      2DEA
10240 14393 6900 8       10   18   24     5F4  5F0      6258   120     40      6280   2DD0      6298      2DEA
15063 15063 6A40 8       10   18   24     44   40       6358   1F0     100     6380   2E50      6398      2E6A
16299 16299 6980 8       10   18   24     44   40       6290   1F0     100     62C0   2E50      62D8      2E6A
17134 17763 7EC0 8       10   18   24     44   40       6290   1F0     100     62C0   2E50      62D8      2E6A
18362 18362 8F00 8       10   18   24     44   40       6290   1F0     100     62C0   2E50      62D8      2E6A
19041 19045 -    8       10   18   24     44   40       -      1F0     100     -      -         -         -
22000 22631 -    8       10   18   24     44   40       -      1F0     100     -      -         -         -
""",
    (MachineType.ARM64, "KPRCB"): """
first last  size current next idle number mhz  cpu_type vendor context special frozen dpc_stack isr_stack dpc_active
22000 22000 9680 8       10   18   24     6F4  6F0      -      360     -       8A0    -         -         -
""",
}


def table_offset(machine: int, structure: str, field: str, build: int) -> int | None:
    """Byte offset of `field` in `structure` on a build that was looked at; None where that is not known."""
    for first, last, offsets in _rows(machine, structure):
        if first <= build <= last:
            return offsets.get(field)
    return None


def described_builds(machine: int, structure: str = "ETHREAD") -> tuple[tuple[int, int], ...]:
    """Spans of builds (first, last; both inclusive) whose `structure` is described for `machine`."""
    return tuple((first, last) for first, last, _ in _rows(machine, structure))


@cache
def _rows(machine: int, structure: str) -> tuple[tuple[int, int, dict[str, int]], ...]:
    text = _TABLES.get((MachineType(machine), structure)) if machine in _MACHINES else None
    if text is None:
        return ()
    head, *lines = text.split("\n")[1:-1]
    names = head.split()[2:]
    return tuple(_row(names, line.split()) for line in lines)


def _row(names: list[str], cells: list[str]) -> tuple[int, int, dict[str, int]]:
    offsets = {name: int(cell, 16) for name, cell in zip(names, cells[2:], strict=True) if cell != "-"}
    return int(cells[0]), int(cells[1]), offsets


_MACHINES = frozenset(machine for machine, _ in _TABLES)
