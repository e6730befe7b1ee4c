from __future__ import annotations

from smalldump.images.identity import image_key


def test_the_time_stamp_is_padded_and_upper_case_the_size_neither() -> None:
    assert image_key("ntoskrnl.exe", 0xFC9570F0, 0x1046000) == "ntoskrnl.exe/FC9570F01046000/ntoskrnl.exe"
    assert image_key("a.sys", 0xBEEF, 0xC1A0) == "a.sys/0000BEEFc1a0/a.sys"
