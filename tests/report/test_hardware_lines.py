"""What the first screen says of failing hardware."""

from __future__ import annotations

from pathlib import Path

import smalldump
from tests.synth.error_records import MCA, Section, mca_body, record
from tests.synth.parts import Block
from tests.synth.presets import x64_dump

AT = 0xFFFFC48F70000000


def first_screen(folder: Path, stop: tuple[int, ...], blocks: tuple[Block, ...] = ()) -> str:
    dump = x64_dump(bug_check=stop, blocks=blocks)
    (path := folder / "hardware.dmp").write_bytes(dump.bytes)
    return " ".join(str(smalldump.analyze(path)).split())


def test_the_failing_bank_is_on_the_first_screen(tmp_path: Path) -> None:
    block = Block(AT, record(Section(MCA, mca_body(0xBE00000000800400))))
    said = first_screen(tmp_path, (0x124, 0, AT, 0xBE000000, 0x00800400), (block,))
    assert "Uncorrected machine check in bank 5: internal timer error" in said


def test_parameters_of_a_machine_check_exception_are_enough(tmp_path: Path) -> None:
    said = first_screen(tmp_path, (0x9C, 4, AT, 0xB2000000, 5))
    assert "Uncorrected machine check in bank 4: internal parity error" in said
