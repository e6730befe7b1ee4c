"""KDDEBUGGER_DATA64, field by field, as literal offsets (format reference §4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.synth.paper import pack
from tests.synth.windows import Windows

__all__ = ["POINTERS", "WORDS", "kdbg_bytes", "variables"]

_POINTERS = """
020 BreakpointWithStatus     038 KiCallUserMode            040 KeUserCallbackDispatcher   048 PsLoadedModuleList
050 PsActiveProcessHead      058 PspCidTable               060 ExpSystemResourcesList     068 ExpPagedPoolDescriptor
070 ExpNumberOfPagedPools    078 KeTimeIncrement           080 KeBugCheckCallbackListHead 088 KiBugcheckData
090 IopErrorLogListHead      098 ObpRootDirectoryObject    0A0 ObpTypeObjectType          0A8 MmSystemCacheStart
0B0 MmSystemCacheEnd         0B8 MmSystemCacheWs           0C0 MmPfnDatabase              0C8 MmSystemPtesStart
0D0 MmSystemPtesEnd          0D8 MmSubsectionBase          0E0 MmNumberOfPagingFiles      0E8 MmLowestPhysicalPage
0F0 MmHighestPhysicalPage    0F8 MmNumberOfPhysicalPages   100 MmMaximumNonPagedPoolInBytes 108 MmNonPagedSystemStart
110 MmNonPagedPoolStart      118 MmNonPagedPoolEnd         120 MmPagedPoolStart           128 MmPagedPoolEnd
130 MmPagedPoolInformation   140 MmSizeOfPagedPoolInBytes  148 MmTotalCommitLimit         150 MmTotalCommittedPages
158 MmSharedCommit           160 MmDriverCommit            168 MmProcessCommit            170 MmPagedPoolCommit
178 MmExtendedCommit         180 MmZeroedPageListHead      188 MmFreePageListHead         190 MmStandbyPageListHead
198 MmModifiedPageListHead   1A0 MmModifiedNoWritePageListHead 1A8 MmAvailablePages       1B0 MmResidentAvailablePages
1B8 PoolTrackTable           1C0 NonPagedPoolDescriptor    1C8 MmHighestUserAddress       1D0 MmSystemRangeStart
1D8 MmUserProbeAddress       1E0 KdPrintCircularBuffer     1E8 KdPrintCircularBufferEnd   1F0 KdPrintWritePointer
1F8 KdPrintRolloverCount     200 MmLoadedUserImageList     208 NtBuildLab                 210 KiNormalSystemCall
218 KiProcessorBlock         220 MmUnloadedDrivers         228 MmLastUnloadedDriver       230 MmTriageActionTaken
238 MmSpecialPoolTag         240 KernelVerifier            248 MmVerifierData             250 MmAllocatedNonPagedPool
258 MmPeakCommitment         260 MmTotalCommitLimitMaximum 268 CmNtCSDVersion             270 MmPhysicalMemoryBlock
278 MmSessionBase            280 MmSessionSize             288 MmSystemParentTablePage    290 MmVirtualTranslationBase
2C8 KdPrintCircularBufferPtr 2D0 KdPrintBufferSize         2D8 KeLoaderBlock              308 IopNumTriageDumpDataBlocks
310 IopTriageDumpDataBlocks  318 VfCrashDataBlock          320 MmBadPagesDetected
328 MmZeroedPageSingleBitErrorsDetected                    330 EtwpDebuggerData
"""
_words = _POINTERS.split()
POINTERS: Mapping[str, int] = {name: int(offset, 16) for offset, name in zip(_words[::2], _words[1::2], strict=True)}

# What current 64-bit kernels no longer fill in.
_EMPTY_64 = (0x40, 0x68, 0x70, *range(0xA8, 0xC0, 8), *range(0xC8, 0x138, 8), *range(0x148, 0x170, 8))
_EMPTY_64 += (*range(0x178, 0x1B8, 8), 0x1C0, 0x200, 0x210, *range(0x250, 0x268, 8), *range(0x278, 0x298, 8))
_EMPTY_64 += (0x318, 0x320, 0x328)

# 16-bit words: {offset of the word: field whose offset it states}.
_OFFSET_WORDS = {
    0x298: "kt_nextproc",
    0x29A: "kt_teb",
    0x29C: "kt_kernstack",
    0x29E: "kt_initstack",
    0x2A2: "kt_state",
    0x2A8: "ep_size",
    0x2AA: "ep_peb",
    0x2AC: "ep_parent",
    0x2AE: "ep_dtb",
    0x2B0: "pr_size",
    0x2B2: "pr_dpcactive",
    0x2B4: "pr_current",
    0x2B6: "pr_mhz",
    0x2B8: "pr_cputype",
    0x2BA: "pr_vendor",
    0x2BC: "pr_frame",
    0x2BE: "pr_number",
    0x2C0: "et_size",
    0x2E0: "pcr_size",
    0x2E6: "pcr_prcb",
    0x2F2: "pr_special",
    0x338: "pr_context",
    0x350: "pr_idle",
    0x352: "pr_normaldpc",
    0x354: "pr_dpcstack",
    0x356: "pr_isrstack",
    0x35C: "kt_waitreason",
}
WORDS: Mapping[str, int] = {
    "OffsetKThreadApcProcess": 0x2A0,
    "SizeEProcess": 0x2A8,
    "OffsetEprocessPeb": 0x2AA,
    "OffsetEprocessParentCID": 0x2AC,
    "SizePrcb": 0x2B0,
    "OffsetPrcbCurrentThread": 0x2B4,
    "OffsetPrcbMhz": 0x2B6,
    "OffsetPrcbCpuType": 0x2B8,
    "OffsetPrcbVendorString": 0x2BA,
    "OffsetPrcbProcStateContext": 0x2BC,
    "OffsetPrcbNumber": 0x2BE,
    "SizeEThread": 0x2C0,
    "OffsetPrcbProcStateSpecialReg": 0x2F2,
    "OffsetPrcbContext": 0x338,
}
"""16-bit words of KDBG that tests may want to break."""

_CONSTANTS = {
    0x8664: {
        0x2E2: 0x18,
        0x2E4: 0x20,
        0x2F4: 0x10,
        0x2F6: 0x18,
        0x2FA: 0x33,
        0x2FC: 0x2B,
        0x302: 0x40,
        0x304: 0x23,
        0x306: 0x53,
    }
    | {0x358: 0x50, 0x35A: 0x2A0},
    0xAA64: {0x2E2: 0x18, 0x33A: 0x898, 0x33C: 0x89C, 0x358: 0x10, 0x35A: 0x2A0},
    0x14C: {
        0x2E2: 0x1C,
        0x2E4: 0x20,
        0x2F4: 8,
        0x2F6: 0x10,
        0x2F8: 0x30,
        0x2FA: 0x1B,
        0x2FC: 0x23,
        0x2FE: 0x3B,
        0x300: 0x48,
        0x302: 0x28,
    },
}


def variables(windows: Windows, kernel_base: int, data_rva: int) -> dict[str, int]:
    """Addresses of the kernel variables that KDBG names: one after the other in the kernel's data."""
    return {
        name: kernel_base + data_rva + 0x100 * i
        for i, (name, offset) in enumerate(POINTERS.items())
        if windows.bits == 32 or offset not in _EMPTY_64
    }


def kdbg_bytes(
    windows: Windows, address: int, kernel_base: int, where: Mapping[str, int], *, pae: bool, pte_base: int
) -> bytes:
    """The block as a small dump stores it: decoded; 32-bit pointers sign-extended, its own list zero-extended."""
    size = windows.kdbg_size
    data = bytearray(max(size, 0x3B0))

    def put(offset: int, code: str, value: int) -> None:
        raw = pack(code, value)
        data[offset : offset + len(raw)] = raw

    def pointer(offset: int, value: int) -> None:
        put(offset, "Q", value | 0xFFFFFFFF00000000 if windows.bits == 32 and value >> 31 else value)

    head = where.get("BreakpointWithStatus", address) + 0x40
    put(0x00, "Q", head)
    put(0x08, "Q", head)
    data[0x10:0x14] = b"KDBG"
    put(0x14, "I", size)
    pointer(0x18, kernel_base)
    put(0x36, "H", int(pae) if windows.machine != 0xAA64 else 0x10)
    put(0x138, "Q", 0x1000)
    for name, offset in POINTERS.items():
        if name in where:
            pointer(offset, where[name])
    _words_of(windows, put)
    if size >= 0x368:
        put(0x360, "Q", pte_base)
    return bytes(data[:size])


def _words_of(windows: Windows, put: Callable[[int, str, int], None]) -> None:
    apc = windows.at("kt_apcstate")
    if apc is not None:
        put(0x2A0, "H", apc + (0x20 if windows.bits == 64 else 0x10))
    for offset, name in _OFFSET_WORDS.items():
        put(offset, "H", windows.at(name) or 0)
    for offset, value in _CONSTANTS[windows.machine].items():
        put(offset, "H", value)
    for offset, name in ((0x340, "kt_stklimit"), (0x344, "kt_stkbase"), (0x348, "kt_queue"), (0x34C, "et_irplist")):
        put(offset, "I", windows.at(name) or 0)
