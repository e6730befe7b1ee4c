from __future__ import annotations

from smalldump.decode.irp import control_words, function_words, power_words


def test_functions_have_microsofts_names() -> None:
    assert function_words(0x16, 2) == "IRP_MJ_POWER, IRP_MN_SET_POWER"
    assert function_words(0x1B, 2) == "IRP_MJ_PNP, IRP_MN_REMOVE_DEVICE"
    assert function_words(0x1B, 0x17) == "IRP_MJ_PNP, IRP_MN_SURPRISE_REMOVAL"
    assert function_words(0x0E, 0) == "IRP_MJ_DEVICE_CONTROL"


def test_unknown_functions_keep_their_number() -> None:
    assert function_words(0x1B, 0x0E) == "IRP_MJ_PNP, minor 0xe"
    assert function_words(0x16, 9) == "IRP_MJ_POWER, minor 0x9"
    assert function_words(3, 0x20) == "IRP_MJ_READ, minor 0x20"
    assert function_words(0x1C, 1) == "IRP_MJ 0x1c, minor 0x1"


def test_power_states() -> None:
    assert power_words(0x16, 2, 1, 4) == "device power state D3 (off)"
    assert power_words(0x16, 3, 0, 4) == "system power state S3 (sleep)"
    assert power_words(0x16, 2, 1, 9) is None
    assert power_words(0x16, 0, 1, 4) is None
    assert power_words(0x1B, 2, 1, 4) is None


def test_control_bits() -> None:
    assert control_words(0xE1) == "pending returned, completion on cancel, completion on success, completion on error"
    assert control_words(0x10) == "0x10"
    assert control_words(0) == "none"
