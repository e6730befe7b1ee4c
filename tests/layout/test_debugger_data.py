"""`KDDEBUGGER_DATA64` against the table of the format reference, §4."""

from __future__ import annotations

import pytest

from smalldump.layout.debugger_data import DebuggerDataHeader, KdDebuggerData64
from tests.layout.second_source import declared, plain, stated

_HEADER = "0 8 Flink, 8 8 Blink, 10 4 OwnerTag, 14 4 Size"
_FIELDS = """
18 8 KernBase, 20 8 BreakpointWithStatus, 28 8 SavedContext, 30 2 ThCallbackStack, 32 2 NextCallback,
34 2 FramePointer, 36 2 PaeEnabled, 38 8 KiCallUserMode, 40 8 KeUserCallbackDispatcher, 48 8 PsLoadedModuleList,
50 8 PsActiveProcessHead, 58 8 PspCidTable, 60 8 ExpSystemResourcesList, 68 8 ExpPagedPoolDescriptor,
70 8 ExpNumberOfPagedPools, 78 8 KeTimeIncrement, 80 8 KeBugCheckCallbackListHead, 88 8 KiBugcheckData,
90 8 IopErrorLogListHead, 98 8 ObpRootDirectoryObject, a0 8 ObpTypeObjectType, a8 8 MmSystemCacheStart,
b0 8 MmSystemCacheEnd, b8 8 MmSystemCacheWs, c0 8 MmPfnDatabase, c8 8 MmSystemPtesStart, d0 8 MmSystemPtesEnd,
d8 8 MmSubsectionBase, e0 8 MmNumberOfPagingFiles, e8 8 MmLowestPhysicalPage, f0 8 MmHighestPhysicalPage,
f8 8 MmNumberOfPhysicalPages, 100 8 MmMaximumNonPagedPoolInBytes, 108 8 MmNonPagedSystemStart,
110 8 MmNonPagedPoolStart, 118 8 MmNonPagedPoolEnd, 120 8 MmPagedPoolStart, 128 8 MmPagedPoolEnd,
130 8 MmPagedPoolInformation, 138 8 MmPageSize, 140 8 MmSizeOfPagedPoolInBytes, 148 8 MmTotalCommitLimit,
150 8 MmTotalCommittedPages, 158 8 MmSharedCommit, 160 8 MmDriverCommit, 168 8 MmProcessCommit,
170 8 MmPagedPoolCommit, 178 8 MmExtendedCommit, 180 8 MmZeroedPageListHead, 188 8 MmFreePageListHead,
190 8 MmStandbyPageListHead, 198 8 MmModifiedPageListHead, 1a0 8 MmModifiedNoWritePageListHead, 1a8 8 MmAvailablePages,
1b0 8 MmResidentAvailablePages, 1b8 8 PoolTrackTable, 1c0 8 NonPagedPoolDescriptor, 1c8 8 MmHighestUserAddress,
1d0 8 MmSystemRangeStart, 1d8 8 MmUserProbeAddress, 1e0 8 KdPrintCircularBuffer, 1e8 8 KdPrintCircularBufferEnd,
1f0 8 KdPrintWritePointer, 1f8 8 KdPrintRolloverCount, 200 8 MmLoadedUserImageList, 208 8 NtBuildLab,
210 8 KiNormalSystemCall, 218 8 KiProcessorBlock, 220 8 MmUnloadedDrivers, 228 8 MmLastUnloadedDriver,
230 8 MmTriageActionTaken, 238 8 MmSpecialPoolTag, 240 8 KernelVerifier, 248 8 MmVerifierData,
250 8 MmAllocatedNonPagedPool, 258 8 MmPeakCommitment, 260 8 MmTotalCommitLimitMaximum, 268 8 CmNtCSDVersion,
270 8 MmPhysicalMemoryBlock, 278 8 MmSessionBase, 280 8 MmSessionSize, 288 8 MmSystemParentTablePage,
290 8 MmVirtualTranslationBase, 298 2 OffsetKThreadNextProcessor, 29a 2 OffsetKThreadTeb,
29c 2 OffsetKThreadKernelStack, 29e 2 OffsetKThreadInitialStack, 2a0 2 OffsetKThreadApcProcess,
2a2 2 OffsetKThreadState, 2a4 2 OffsetKThreadBStore, 2a6 2 OffsetKThreadBStoreLimit, 2a8 2 SizeEProcess,
2aa 2 OffsetEprocessPeb, 2ac 2 OffsetEprocessParentCID, 2ae 2 OffsetEprocessDirectoryTableBase, 2b0 2 SizePrcb,
2b2 2 OffsetPrcbDpcRoutine, 2b4 2 OffsetPrcbCurrentThread, 2b6 2 OffsetPrcbMhz, 2b8 2 OffsetPrcbCpuType,
2ba 2 OffsetPrcbVendorString, 2bc 2 OffsetPrcbProcStateContext, 2be 2 OffsetPrcbNumber, 2c0 2 SizeEThread,
2c8 8 KdPrintCircularBufferPtr, 2d0 8 KdPrintBufferSize, 2d8 8 KeLoaderBlock, 2e0 2 SizePcr, 2e2 2 OffsetPcrSelfPcr,
2e4 2 OffsetPcrCurrentPrcb, 2e6 2 OffsetPcrContainedPrcb, 2e8 2 OffsetPcrInitialBStore, 2ea 2 OffsetPcrBStoreLimit,
2ec 2 OffsetPcrInitialStack, 2ee 2 OffsetPcrStackLimit, 2f0 2 OffsetPrcbPcrPage, 2f2 2 OffsetPrcbProcStateSpecialReg,
2f4 2 GdtR0Code, 2f6 2 GdtR0Data, 2f8 2 GdtR0Pcr, 2fa 2 GdtR3Code, 2fc 2 GdtR3Data, 2fe 2 GdtR3Teb, 300 2 GdtLdt,
302 2 GdtTss, 304 2 Gdt64R3CmCode, 306 2 Gdt64R3CmTeb, 308 8 IopNumTriageDumpDataBlocks, 310 8 IopTriageDumpDataBlocks,
318 8 VfCrashDataBlock, 320 8 MmBadPagesDetected, 328 8 MmZeroedPageSingleBitErrorsDetected, 330 8 EtwpDebuggerData,
338 2 OffsetPrcbContext, 33a 2 OffsetPrcbMaxBreakpoints, 33c 2 OffsetPrcbMaxWatchpoints, 340 4 OffsetKThreadStackLimit,
344 4 OffsetKThreadStackBase, 348 4 OffsetKThreadQueueListEntry, 34c 4 OffsetEThreadIrpList,
350 2 OffsetPrcbIdleThread, 352 2 OffsetPrcbNormalDpcState, 354 2 OffsetPrcbDpcStack, 356 2 OffsetPrcbIsrStack,
358 2 SizeKDPC_STACK_FRAME, 35a 2 OffsetKPriQueueThreadListHead, 35c 2 OffsetKThreadWaitReason, 360 8 PteBase,
368 8 RetpolineStubFunctionTable, 370 4 RetpolineStubFunctionTableSize, 374 4 RetpolineStubOffset,
378 4 RetpolineStubSize, 37c 2 OffsetEProcessMmHotPatchContext, 380 4 OffsetKThreadShadowStackLimit,
384 4 OffsetKThreadShadowStackBase, 388 8 ShadowStackEnabled, 390 8 PointerAuthMask, 398 2 OffsetPrcbExceptionStack,
3a0 8 PointerIgnoreBits
"""


def test_header() -> None:
    assert declared(DebuggerDataHeader) == stated(_HEADER)
    assert DebuggerDataHeader.SIZE == 0x18


def test_fields() -> None:
    table = stated(_HEADER) | stated(_FIELDS)
    assert len(table) == 163
    assert declared(KdDebuggerData64) == table
    assert KdDebuggerData64.SIZE == 0x3A8


@pytest.mark.parametrize(
    ("size", "last", "first_missing"),
    [
        (0x208, "mm_loaded_user_image_list", "nt_build_lab"),
        (0x290, "mm_system_parent_table_page", "mm_virtual_translation_base"),
        (0x318, "iop_triage_dump_data_blocks", "vf_crash_data_block"),
        (0x330, "mm_zeroed_page_single_bit_errors_detected", "etwp_debugger_data"),
        (0x340, "offset_prcb_max_watchpoints", "offset_kthread_stack_limit"),
        (0x360, "offset_kthread_wait_reason", "pte_base"),
        (0x368, "pte_base", "retpoline_stub_function_table"),
        (0x380, "offset_eprocess_mm_hot_patch_context", "offset_kthread_shadow_stack_limit"),
        (0x3A8, "pointer_ignore_bits", None),
    ],
)
def test_sizes_of_the_windows_versions_end_between_fields(size: int, last: str, first_missing: str | None) -> None:
    held = [field.name for field in KdDebuggerData64.FIELDS if field.end <= size]
    missing = [field.name for field in KdDebuggerData64.FIELDS if field.end > size]
    assert (held[-1], missing[0] if missing else None) == (last, first_missing)
    assert not any(field.offset < size < field.end for field in KdDebuggerData64.FIELDS)


def test_names_follow_microsofts() -> None:
    names = {plain(field.name) for field in KdDebuggerData64.FIELDS}
    assert {"offsetprcbprocstatespecialreg", "kibugcheckdata", "iopnumtriagedumpdatablocks"} <= names
