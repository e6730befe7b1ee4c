"""Microsoft's buckets: the posted hashes, and for each posted form a machine that yields it."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalldump.analysis import analyse
from smalldump.analysis.bucket import Bucket, BucketKind, bucket_hash
from smalldump.model import Absent, BugCheck, Registers, Snapshot, StackWindow, UnloadedModule
from smalldump.model.execution import ProcessorState, ThreadState
from smalldump.model.symbols import SymbolOrigin
from smalldump.sources.builder import SnapshotBuilder
from tests.analysis.buckets import (
    DRIVER,
    GONE,
    IRP,
    KERNEL,
    OTHER,
    PDO,
    STACK,
    Named,
    built,
    named_analysis,
    power_objects,
    unicode_string,
)
from tests.analysis.machines import analysed
from tests.synth import x64_dump

# Bucket and hash as posts have them; some were quoted only in part.
POSTED = {
    "AV_ndis!ndisQueueIoWorkItem": "10686423-afa1-4852-ad1b-9324ac44ac96",
    "AV_OVSExt!OvsWaitEventIoctl": "07550bfb-c3b5-0412-b95d-f89a5c4671a9",
    "AV_kbase!RequestXXXDetectedCreate": "f120e0af-",
    "AV_o2micro_sdhost!unknown_function": "675c0c01-465e-ed53-efc7-4c82b345b89c",
    "AV_CODE_AV_PAGED_IP_TestDriver!AccessPageableMemory": "2463ca34-5d68-cb7c-6807-dd2087a41e36",
    "AV_myfault!unknown_function": "9745090a-9bce-ccba-c096-ca6e9ca04c64",
    "AV_fileinfo!FIPfFileFSOpPostCreate": "b4048e5d-9388-9a34-9958-ec36d87bbe12",
    "0x3B_C0000006_VRF_nt!HvpGetCellPaged": "7a661e2f-534d-3e96-ba17-ba22422da673",
    "0x1E_c0000005_R_nt!CmpCreateKeyBody": "c4b33015-",
    "0xD5_VRF_win32k!hbmSelectBitmap+ca": "c18afd13-",
    "X64_0x3B_win32k!NtUserGetDCEx+b7": "c08a00a3-",
    "X64_0x7E_MAN+1ce7": "ceed7a1b-",
    "0x19_22_Driver!unknown_function": "13274a29-",
    "0x9F_3_RtsPer_IMAGE_pci.sys": "ce555a86-e2a6-4bdd-cc96-f64b1a03e85a",
    "0x9F_4_OpenZFS!zfs_unload_stage_1": "fc14382a-",
    "0x116_IMAGE_nvlddmkm.sys": "c89bfe8c-ed39-f658-ef27-f2898997fdbd",
    "0x124_16_GenuineIntel__UNKNOWN_IMAGE_GenuineIntel.sys": "37af9407-",
    "0x133_DPC_gwdrv!unknown_function": "229a5753-",
    "CLOCK_WATCHDOG_TIMEOUT_nvlddmkm!unknown_function": "5efc291b-",
    "MEMORY_CORRUPTION_ONE_BIT": "e3faf315-c3d0-81db-819a-6c43d23c63a7",
    "LKD_0x193_dxgkrnl!DxgCreateLiveDumpWithWdLogs2": "f51452f1-",
    "0x5C_HAL_INTERRUPT_REMAPPING_SETUP_FAILURE_nt!InitBootProcessor": "85a33624-",
}
STATUS = 0xFFFFFFFFC0000005
VERIFIED = {"memory_manager": {"mm_verify_driver_level": 0x9BB}}
INTEL, AMD = {"processor": {"vendor": "GenuineIntel"}}, {"processor": {"vendor": "AuthenticAMD"}}
GRAPHICS = {"other": "nvlddmkm.sys"}


class Case(NamedTuple):
    """A posted bucket, without the offset of old debuggers; the rest as for `built`. A bucket names its function."""

    bucket: str
    code: int
    parameters: tuple[int, int, int, int]
    file: str = ""
    facts: dict[str, Any] = {}  # noqa: RUF012

    @property
    def function(self) -> str:
        """`module!function`, for the symbols; empty where the post has no function."""
        module, _, function = self.bucket.partition("!")
        known = function not in ("", "unknown_function")
        return f"{module.rpartition('_')[2]}!{function}" if known else ""

    def analysed(self) -> Bucket:
        found = named_analysis(built(self.code, self.parameters, self.file, **self.facts), self.function).bucket
        assert found is not None
        return found


AT = DRIVER + 0x1010
CASES = [
    Case("AV_ndis!ndisQueueIoWorkItem", 0x0A, (0x28, 2, 0, AT), "ndis.sys"),
    Case("AV_OVSExt!OvsWaitEventIoctl", 0xD1, (0x28, 2, 1, AT), "OVSExt.sys"),
    Case("AV_CODE_AV_PAGED_IP_TestDriver!AccessPageableMemory", 0xD1, (AT, 2, 8, AT), "TestDriver.sys"),
    Case("AV_fileinfo!FIPfFileFSOpPostCreate", 0xD1, (0x28, 2, 1, AT), "fileinfo.sys"),
    Case("AV_R_(null)_win32kbase!WmsgpConnect", 0x50, (GONE, 0, AT, 2), "win32kbase.sys"),
    Case("0x50_VRF_myfault64!unknown_function", 0x50, (GONE, 0, AT, 2), "myfault64.sys", VERIFIED),
    Case("AV_nt!ExpPoolTrackerChargeEntry", 0x1E, (STATUS, KERNEL + 0x1010, 0, 0x14)),
    Case("AV_btrfs!unknown_function", 0x3B, (0xC0000005, AT, 0, 0), "btrfs.sys"),
    Case("0x3B_C0000006_VRF_nt!HvpGetCellPaged", 0x3B, (0xC0000006, KERNEL + 0x1010, 0, 0), "", VERIFIED),
    Case("AV_kbase!RequestXXXDetectedCreate", 0x7E, (STATUS, AT, 0, 0), "kbase.sys"),
    Case("AV_o2micro_sdhost!unknown_function", 0x1000007E, (STATUS, AT, 0, 0), "o2micro_sdhost.sys"),
    Case("0x8E_VRF_aswSnx!unknown_function", 0x8E, (0xC0000005, AT, 0, 0), "aswSnx.sys", VERIFIED),
    Case("0x7f_8_nt!KiUnlockDispatcherDatabase", 0x7F, (8, 0, 0, 0)),
    Case("0x139_3_CORRUPT_LIST_ENTRY_PROCMON24!unknown_function", 0x139, (3, 0, 0, 0), "PROCMON24.SYS"),
    Case("0x139_3_CORRUPT_LIST_ENTRY_nt!KiFastFailDispatch", 0x139, (3, 0, 0, 0)),
    Case("0x139_1d_INVALID_BALANCED_TREE_Driver!unknown_function", 0x139, (0x1D, 0, 0, 0), "Driver.sys"),
    Case("0x19_22_Driver!unknown_function", 0x19, (0x22, 1, 0, 0), "Driver.sys"),
    Case("0xC5_2_nt!ExDeferredFreePool", 0xC5, (8, 2, 1, KERNEL + 0x1010)),
    Case("0xC5_2_VBoxNetFlt!unknown_function", 0xC5, (8, 2, 1, KERNEL + 0x1010), "VBoxNetFlt.sys"),
    Case("0xc4_IrqlExApcLte1_XDV_VRF_MyDriver!OnInterrupt", 0xC4, (0x20005, 0, 0, 0), "MyDriver.sys"),
    Case("0xD5_VRF_win32k!hbmSelectBitmap", 0xD5, (GONE, 0, AT, 0), "win32k.sys"),
    Case("0x133_DPC_gwdrv!unknown_function", 0x133, (0, 0x501, 0x500, 0), "gwdrv.sys"),
    Case("0x133_DPC_nt!KeAccumulateTicks", 0x133, (0, 0x501, 0x500, 0)),
    Case("0x133_ISR_nvlddmkm!unknown_function", 0x133, (1, 0x1E00, 0, 0), "nvlddmkm.sys"),
    Case("0x116_IMAGE_nvlddmkm.sys", 0x116, (IRP, OTHER + 0x2000, 0, 4), "dxgkrnl.sys", GRAPHICS),
    Case("LKD_0x117_IMAGE_igdkmd64.sys", 0x117, (IRP, OTHER, 0, 0), "", {"other": "igdkmd64.sys"}),
    Case("LKD_0x141_IMAGE_nvlddmkm.sys", 0x141, (IRP, OTHER, 0, 0), "", GRAPHICS),
    Case("LKD_0x193_dxgkrnl!DxgCreateLiveDumpWithWdLogs2", 0x193, (0x100, 0, 0, 0), "dxgkrnl.sys"),
    Case("0x124_16_GenuineIntel__UNKNOWN_IMAGE_GenuineIntel.sys", 0x124, (16, IRP, 0, 0), "", INTEL),
    Case("0x80_4F4454_AuthenticAMD_NOERRREC_IMAGE_AuthenticAMD.sys", 0x80, (0x4F4454, 0, 0, 0), "", AMD),
    Case("MEMORY_CORRUPTION_ONE_BIT", 0x1A, (0x41792, 0xFFFFF68000001000, 1 << 46, 0), "ndis.sys"),
    Case("0x109_19_ANALYSIS_INCONCLUSIVE!unknown_function", 0x109, (1, 2, KERNEL, 0x19), "Driver.sys"),
    Case("0x44_USBXHCI!Completed", 0x44, (IRP, 0, 0, 0), "USBXHCI.SYS"),
    Case("0x20_NULLAPC_KAPC_NEGATIVE_nt!PspExitThread", 0x20, (0, 0xFFFF, 0, 1)),
    Case("0xCA_13_nt!PiDmaGuardProcessPreStart", 0xCA, (0x13, 0, 0, 0)),
    Case("0xC_mydriver!unknown_function", 0xC, (0, 0, 0, 0), "mydriver.sys"),
    Case("0xFE_FiioE17!unknown_function", 0xFE, (5, 0, 0, 0), "FiioE17.sys"),
    Case(
        "0x9F_3_RtsPer_IMAGE_pci.sys",
        0x9F,
        (3, PDO, 0, IRP),
        "RtsPer.sys",
        {"other": "pci.sys", "memory": power_objects(DRIVER, OTHER)},
    ),
    Case(
        "0xCE_IMAGE_ufx01000.sys",
        0xCE,
        (GONE + 0x10, 0, GONE + 0x10, 0),
        "",
        {"unloaded_modules": [UnloadedModule("ufx01000.sys", GONE, GONE + 0x8000, False)]},
    ),
]


@pytest.mark.parametrize("bucket", POSTED)
def test_the_hash_is_that_of_posted_pairs(bucket: str) -> None:
    assert bucket_hash(bucket).startswith(POSTED[bucket])


def test_the_hash_does_not_depend_on_case() -> None:
    assert bucket_hash("0x3b_c0000006_VRF_NT!hvpgetcellpaged") == bucket_hash("0x3B_C0000006_VRF_nt!HvpGetCellPaged")


@given(st.text(st.characters(), max_size=40))
def test_any_text_has_a_hash(text: str) -> None:
    assert len(bucket_hash(text)) == 36


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.bucket)
def test_a_machine_like_the_posted_one_yields_the_posted_bucket(case: Case) -> None:
    found = case.analysed()
    assert found.words == case.bucket
    assert found.hash.startswith(POSTED.get(case.bucket, ""))


@pytest.mark.parametrize("case", [case for case in CASES if case.function], ids=lambda case: case.bucket)
def test_without_symbols_the_module_alone_is_named_and_a_driver_of_windows_is_marked(case: Case) -> None:
    found = analyse(built(case.code, case.parameters, case.file, **case.facts)).bucket
    assert found is not None
    assert found.words == f"{case.bucket.partition('!')[0]}!unknown_function"
    assert found.kind is BucketKind.MODULE
    third_party = case.file in ("OVSExt.sys", "TestDriver.sys", "kbase.sys", "MyDriver.sys")
    assert any("symbols" in gap for gap in found.gaps) != third_party


def test_the_name_of_an_export_is_no_exact_name() -> None:
    machine = built(0xD1, (0x28, 2, 1, AT), "ndis.sys")
    found = analyse(machine, Named("ndis!NdisFreeMemory", SymbolOrigin.EXPORT)).bucket
    assert found is not None
    assert found.words == "AV_ndis!unknown_function"


def bucket(code: int, *parameters: int, file: str = "", **facts: Any) -> Bucket:
    first, second, third, fourth = (*parameters, 0, 0, 0, 0)[:4]
    found = analyse(built(code, (first, second, third, fourth), file, **facts)).bucket
    assert found is not None
    return found


# Parts of buckets that were posted only as BUGCHECK_STR, with the image or function elsewhere.
@pytest.mark.parametrize(
    ("begins", "code", "parameters"),
    [
        ("0xc2_7_CKBJ_", 0xC2, (7, int.from_bytes(b"CKBJ", "little"), 0, IRP)),
        ("0xc2_d_", 0xC2, (0xD, IRP, 0, 0)),
        ("0x1a_61941_", 0x1A, (0x61941, IRP, 0xD, 0)),
        ("0xc4_f6_VRF_", 0xC4, (0xF6, 4, 0, AT)),
    ],
)
def test_posted_classes(begins: str, code: int, parameters: tuple[int, int, int, int]) -> None:
    assert bucket(code, *parameters, file="Driver.sys").words == f"{begins}Driver!unknown_function"


def test_the_driver_that_leaks_pool_is_named_by_its_string() -> None:
    found = bucket(0xC4, 0x62, IRP, memory=unicode_string(IRP, "echosrv.sys"))
    assert (found.words, found.kind) == ("0xc4_62_VRF_IMAGE_echosrv.sys", BucketKind.IMAGE)


def test_a_string_that_is_no_name_names_nobody() -> None:
    found = bucket(0xEA, 0, 0, IRP, memory=unicode_string(IRP, "\u508b\uc48f"))
    assert (found.words, found.kind) == ("0xEA", BucketKind.CLASS)
    assert any("name" in gap for gap in found.gaps)


def test_a_pool_tag_that_is_none_is_left_out_and_marked() -> None:
    found = bucket(0xC2, 7, 0, 0, IRP, file="Driver.sys")
    assert found.words == "0xc2_7_Driver!unknown_function"
    assert any("tag" in gap for gap in found.gaps)


@pytest.mark.parametrize("damaged", [IRP, IRP + 0x100, IRP + 0x800, IRP + 0xC00])
def test_a_power_request_that_is_not_in_the_dump_leaves_the_bare_class(damaged: int) -> None:
    memory = {at: data for at, data in power_objects(DRIVER, OTHER).items() if at != damaged}
    found = bucket(0x9F, 3, PDO, 0, IRP, file="RtsPer.sys", other="pci.sys", memory=memory)
    assert (found.words, found.kind) == ("0x9F_3", BucketKind.CLASS)
    assert any("IRP" in gap for gap in found.gaps)


def test_a_power_request_whose_device_is_not_in_the_dump_names_its_holder() -> None:
    memory = {at: data for at, data in power_objects(DRIVER, OTHER).items() if at != PDO}
    found = bucket(0x9F, 3, PDO, 0, IRP, file="RtsPer.sys", other="pci.sys", memory=memory)
    assert found.words == "0x9F_3_IMAGE_RtsPer.sys"
    assert found.gaps


ELSEWHERE = Registers(SnapshotBuilder().machine, {"rip": OTHER + 0x1010, "rsp": STACK + 0x8000}, "frozen")
ELSEWHERE_STACK = StackWindow(STACK + 0x8000, memoryview(bytes(0x100)), Absent.NOT_APPLICABLE)


def test_the_thread_that_holds_the_lock_is_looked_at() -> None:
    machine = built(0x9F, (4, 300, IRP, 0), "Driver.sys", other="OpenZFS.sys")
    assert not isinstance(machine.thread, Absent)
    thread = machine.thread._replace(address=IRP)
    machine.threads = (ThreadState(thread, None, ELSEWHERE, ELSEWHERE_STACK),)
    found = named_analysis(machine, "OpenZFS!zfs_unload_stage_1").bucket
    assert found is not None
    assert found.words == "0x9F_4_OpenZFS!zfs_unload_stage_1"
    assert found.hash.startswith(POSTED[found.words])


def test_a_thread_that_is_not_in_the_dump_is_not_replaced_by_another() -> None:
    found = bucket(0x9F, 4, 300, IRP, file="Driver.sys")
    assert found.words == "0x9F_4"
    assert found.gaps


def hung(number: int) -> Snapshot:
    machine = built(0x101, (0x18, 0, IRP, 1), "Driver.sys", other="nvlddmkm.sys")
    state = ProcessorState(number, False, IRP, Absent.NOT_CAPTURED, False, ELSEWHERE, ELSEWHERE_STACK)
    machine.processors = (state,)
    return machine


def test_the_processor_that_hangs_is_looked_at() -> None:
    found = analyse(hung(1)).bucket
    assert found is not None
    assert found.words == "CLOCK_WATCHDOG_TIMEOUT_nvlddmkm!unknown_function"
    assert found.hash.startswith(POSTED[found.words])


def test_the_processor_that_noticed_is_not_blamed_for_the_one_that_hangs() -> None:
    found = analyse(hung(2)).bucket
    assert found is not None
    assert (found.words, found.kind) == ("CLOCK_WATCHDOG_TIMEOUT", BucketKind.CLASS)
    assert found.gaps


def test_a_driver_that_windows_names_comes_before_the_stack() -> None:
    facts = {"broken_driver": "nvlddmkm.sys", "other": "nvlddmkm.sys"}
    assert bucket(0xD1, 0x28, 2, 1, AT, file="Driver.sys", **facts).words == "AV_IMAGE_nvlddmkm.sys"


def test_a_bug_check_without_a_posted_form_gets_its_code_and_a_mark() -> None:
    found = bucket(0x12C, 1, 2, file="Driver.sys")
    assert found.words == "0x12C_Driver!unknown_function"
    assert any("posted" in gap for gap in found.gaps)


@pytest.mark.parametrize("code", [0xC, 0x7F, 0x8E, 0xC5, 0xD5, 0xFE])
def test_forms_that_only_old_debuggers_were_seen_to_print_are_marked(code: int) -> None:
    assert any("old debuggers" in gap for gap in bucket(code, 2, 2, 2, 2, file="Driver.sys").gaps)


@pytest.mark.parametrize("code", [0xE2, 0x1C8])
def test_a_stop_on_purpose_blames_nobody(code: int) -> None:
    assert bucket(code, file="Driver.sys").words == f"0x{code:X}"


def test_a_critical_process_is_named_but_not_how_it_ended() -> None:
    process = x64_dump().facts.process
    found = analysed(x64_dump(bug_check=(0xEF, process.address, 0, 0, 0))).bucket
    assert found is not None
    assert found.words == f"0xEF_{process.name}_BUGCHECK_CRITICAL_PROCESS"
    assert found.gaps


@pytest.mark.parametrize(("level", "words"), [(0, "AV"), (0xFFFFFFFF, "AV"), (0x9BB, "AV_VRF")])
def test_driver_verifier_is_on_by_its_level(level: int, words: str) -> None:
    found = bucket(0xD1, 0x28, 2, 1, AT, file="Driver.sys", memory_manager={"mm_verify_driver_level": level})
    assert found == (f"{words}_Driver!unknown_function", BucketKind.MODULE, ())


def test_where_it_is_not_told_whether_verifier_is_on_the_bucket_is_marked() -> None:
    machine = built(0xD1, (0x28, 2, 1, AT), "Driver.sys")
    machine.memory_manager = Absent.NOT_CAPTURED
    found = analyse(machine).bucket
    assert found is not None
    assert any("Verifier" in gap for gap in found.gaps)


def test_no_bug_check_no_bucket() -> None:
    machine = built(0xD1, (0, 0, 0, 0))
    machine.bug_check = Absent.NOT_CAPTURED
    found = analyse(machine)
    assert (found.bucket, found.signature) == (None, None)


@given(st.integers(0, 0xFFFFFFFF), st.tuples(*[st.integers(0, (1 << 64) - 1)] * 4))
def test_any_bug_check_has_a_bucket(code: int, parameters: tuple[int, int, int, int]) -> None:
    machine = built(0xD1, parameters, "Driver.sys")
    machine.bug_check = BugCheck(code, parameters)
    found = analyse(machine).bucket
    assert found is not None
    assert found.words
    assert found.hash == bucket_hash(found.words)
