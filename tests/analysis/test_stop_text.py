from __future__ import annotations

from tests.analysis.machines import analysed
from tests.synth import win2000_dump, x64_dump


def test_the_blue_screen_of_a_64_bit_machine() -> None:
    driver = x64_dump().facts.drivers[5]
    dump = x64_dump(bug_check=(0x1000007E, 0xFFFFFFFFC0000005, driver.base + 0x10, 1, 2))
    at, base = f"{driver.base + 0x10:016X}", f"{driver.base:016X}"
    assert analysed(dump).stop_text == (
        f"STOP: 0x0000007E (0xFFFFFFFFC0000005, 0x{at}, 0x0000000000000001, 0x0000000000000002)",
        "SYSTEM_THREAD_EXCEPTION_NOT_HANDLED",
        f"{driver.name} - Address {at} base at {base}, DateStamp {driver.timestamp:08x}",
    )


def test_32_bit_machines_have_eight_digits() -> None:
    first = analysed(win2000_dump(bug_check=(0x1E, 0xC0000005, 1, 2, 3))).stop_text[0]
    assert first == "STOP: 0x0000001E (0xC0000005, 0x00000001, 0x00000002, 0x00000003)"


def test_a_driver_is_named_only_where_a_parameter_is_code() -> None:
    assert len(analysed(x64_dump(bug_check=(0xE2, 0, 0, 0, 0))).stop_text) == 2
    assert len(analysed(x64_dump(bug_check=(0xA0000001, 0, 0, 0, 0))).stop_text) == 1
