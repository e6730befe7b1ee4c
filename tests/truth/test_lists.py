"""The lists that come with the samples: what each dump is, and what each engine-written one was made of."""

from __future__ import annotations

import csv
import json
from datetime import datetime
from pathlib import Path
from typing import Any

from smalldump.model import Absent
from smalldump.model.times import from_filetime, from_ticks
from tests.truth.conftest import Case, sample_dumps

_MACHINES = {"0x14c": "x86", "0x8664": "x64", "0xaa64": "ARM64"}


def rows(path: Path, key: str) -> dict[str, dict[str, str]]:
    """The lines of a table by the column that names the sample."""
    with path.open(encoding="utf-8", newline="") as lines:
        return {row[key]: row for row in csv.DictReader(lines)}


def test_every_listed_dump_is_compared(samples: Path) -> None:
    listed = {name for name, row in rows(samples / "manifest.csv", "id").items() if row["dump_type"]}
    for index in ("index.csv", "index64.csv"):
        table = rows(samples / "engine-written" / index, "name")
        listed |= {name for name, row in table.items() if row["file_size"]}
    assert listed == set(sample_dumps(samples))
    assert len(listed) >= 43


def test_manifest(real: Case, samples: Path) -> None:
    row, ours = rows(samples / "manifest.csv", "id")[real.name], real.ours
    major, minor = map(int, row["build"].split("."))
    assert ours.file.header.major_version == major
    assert (len(ours.file.data), ours.system.build) == (int(row["bytes"]), minor)
    assert bytes(ours.file.data[:8]).decode() == row["signature"]
    assert ours.file.header.dump_type == int(row["dump_type"])
    assert ours.machine.name == _MACHINES[row["machine"]]
    assert ours.bug_check.stored_code == int(row["bug_check"], 16)
    assert ours.bug_check.parameters == tuple(int(word, 16) for word in row["parameters"].split())
    assert (ours.dump.writer, len(ours.modules)) == (row["writer"], int(row["drivers"]))


def index_row(written: Case, samples: Path) -> dict[str, str]:
    folder = samples / "engine-written"
    return (rows(folder / "index.csv", "name") | rows(folder / "index64.csv", "name"))[written.name]


def test_index(written: Case, samples: Path) -> None:
    row, ours = index_row(written, samples), written.ours
    triage = ours.file.triage
    assert triage is not None
    assert (ours.system.build, ours.system.processors) == (int(row["build"]), int(row["cpus"]))
    assert ours.file.bits == int(row.get("bits", "64"))
    assert ours.system.pae == {"True": True, "False": False, "": Absent.NOT_APPLICABLE}[row.get("pae", "")]
    assert ours.bug_check.stored_code == int(row["bugcheck"], 16)
    assert triage.driver_count == int(row["drivers"])
    assert not isinstance(ours.unloaded_modules, Absent)
    assert len(ours.unloaded_modules) == int(row["unloaded"])
    assert len(ours.data_blocks) == int(row["data_blocks"])
    assert (triage.size_of_dump, len(ours.file.data)) == (int(row["size_of_dump"], 16), int(row["file_size"], 16))
    assert ours.dump.required_dump_space == int(row["required_dump_space"], 16)
    assert triage.service_pack_build == int(row["service_pack"], 16)
    assert (ours.dump.writer, ours.dump.writer_status) == ("dbgeng", int(row["writer_status"]))


def test_stack_and_debugger_data(written: Case, samples: Path) -> None:
    row, ours = index_row(written, samples), written.ours
    assert not isinstance(ours.stack, Absent)
    assert (ours.stack.start, len(ours.stack.data)) == (int(row["stack_va"], 16), int(row["stack_size"], 16))
    block = ours.structures["KDDEBUGGER_DATA64"]
    # The engine writes 0x368 bytes whatever the block's own header says; the smaller of the two counts.
    section, own = int(row["kdbg_section"], 16), int(row["kdbg_header_size"], 16)
    assert len(block.data) == min(section, own)
    assert not isinstance(ours.debugger_data, Absent)
    assert ours.debugger_data["size"] == own
    assert ("offset_prcb_number" in ours.debugger_data) == (own >= 0x2C0)


def test_synthetic_process_thread_and_processor(written: Case) -> None:
    process, thread, processor = written.ours.process, written.ours.thread, written.ours.processor
    assert not isinstance(process, Absent)
    assert not isinstance(thread, Absent)
    assert not isinstance(processor, Absent)
    if written.name == "win10_x64_19041_overflow":  # not made by the usual tool, and but half filled
        assert (process.name, process.pid) == ("test.exe", 500)
        return
    assert (process.name, process.pid, process.parent_pid) == ("synthetic.exe", 0x1A4, 4)
    assert (thread.pid, thread.tid, thread.state) == (0x1A4, 0x8B4, 2)
    # Windows XP keeps no second process pointer whose place is known.
    assert process.attached is (Absent.UNSUPPORTED if written.ours.system.build == 2600 else False)
    assert (processor.vendor, processor.number) == ("GenuineIntel", 0)
    assert thread.address == processor.current_thread


def number(text: str) -> int:
    return int(text, 16)


def description(described: Case, samples: Path) -> Any:
    return json.loads((samples / "engine-written" / f"{described.name}.truth.json").read_text("utf-8"))


def test_machine_behind_the_dump(described: Case, samples: Path) -> None:
    """Facts of the synthetic machines themselves: what the engine should have saved, and we should read."""
    truth, ours = description(described, samples), described.ours
    assert ours.system.kernel_base == number(truth["kernel_base"])
    assert ours.dump.fields["kd_debugger_data_block"] == number(truth["kdbg"])
    assert ours.dump.fields["directory_table_base"] == number(truth["dtb"])
    assert ours.system.product_type == truth["product_type"]
    assert ours.system.suite_mask == number(truth["suite"])
    assert (ours.dump.time, ours.dump.uptime) == (
        from_filetime(number(truth["system_time"])),
        from_ticks(number(truth["up_time"])),
    )
    assert isinstance(ours.dump.time, datetime)
    assert isinstance(ours.bug_check.parameters, tuple)
    assert [ours.bug_check.code, *ours.bug_check.parameters] == [number(word) for word in truth["bugcheck"]]


def test_objects_behind_the_dump(described: Case, samples: Path) -> None:
    truth, ours = description(described, samples), described.ours
    thread, process, processor = ours.thread, ours.process, ours.processor
    assert not isinstance(thread, Absent)
    assert not isinstance(process, Absent)
    assert not isinstance(processor, Absent)
    cpu = truth["cpus"][truth["crash_cpu"]]
    assert thread.address == number(truth["ethread"])
    assert process.address == number(truth["eprocess"])
    assert processor.number == cpu["number"]
    assert processor.address in (number(cpu["prcb"]), Absent.NOT_CAPTURED)
    assert thread.stack_base == number(truth["stack"]["base"])
    assert not isinstance(processor.control, Absent)
    assert (processor.control["gdtr"], processor.control["idtr"]) == (number(cpu["gdt"]), number(cpu["idt"]))
    words = ours.debugger_data
    assert not isinstance(words, Absent)
    known = {name.lower(): number(value) for name, value in truth["kernel_variables"].items()}
    ours_by_name = {name.replace("_", ""): value for name, value in words.items()}
    shared = known.keys() & ours_by_name.keys()
    assert len(shared) >= 60
    assert {name: ours_by_name[name] for name in shared} == {name: known[name] for name in shared}
