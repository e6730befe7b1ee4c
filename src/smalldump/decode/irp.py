"""Requests in words: what an IRP asks for, and when its completion routine is called.

Source: Microsoft's wdm.h and the documentation of the IRP function codes.
"""

from __future__ import annotations

__all__ = ["control_words", "function_words", "power_words"]

_MAJOR_NAMES = """
CREATE CREATE_NAMED_PIPE CLOSE READ WRITE QUERY_INFORMATION SET_INFORMATION QUERY_EA SET_EA FLUSH_BUFFERS
QUERY_VOLUME_INFORMATION SET_VOLUME_INFORMATION DIRECTORY_CONTROL FILE_SYSTEM_CONTROL DEVICE_CONTROL
INTERNAL_DEVICE_CONTROL SHUTDOWN LOCK_CONTROL CLEANUP CREATE_MAILSLOT QUERY_SECURITY SET_SECURITY POWER
SYSTEM_CONTROL DEVICE_CHANGE QUERY_QUOTA SET_QUOTA PNP
"""
_POWER_NAMES = "WAIT_WAKE POWER_SEQUENCE SET_POWER QUERY_POWER"
_PNP_NAMES = """
START_DEVICE QUERY_REMOVE_DEVICE REMOVE_DEVICE CANCEL_REMOVE_DEVICE STOP_DEVICE QUERY_STOP_DEVICE
CANCEL_STOP_DEVICE QUERY_DEVICE_RELATIONS QUERY_INTERFACE QUERY_CAPABILITIES QUERY_RESOURCES
QUERY_RESOURCE_REQUIREMENTS QUERY_DEVICE_TEXT FILTER_RESOURCE_REQUIREMENTS - READ_CONFIG WRITE_CONFIG
EJECT SET_LOCK QUERY_ID QUERY_PNP_DEVICE_STATE QUERY_BUS_INFORMATION DEVICE_USAGE_NOTIFICATION
SURPRISE_REMOVAL QUERY_LEGACY_BUS_INFORMATION DEVICE_ENUMERATED
"""
_POWER, _PNP = 0x16, 0x1B
_MAJOR = _MAJOR_NAMES.split()
_MINOR = {_POWER: _POWER_NAMES.split(), _PNP: _PNP_NAMES.split()}
_CONTROL = {
    0x01: "pending returned",
    0x02: "error returned",
    0x20: "completion on cancel",
    0x40: "completion on success",
    0x80: "completion on error",
}
_SYSTEM_STATES = ("unspecified", "S0 (working)", "S1", "S2", "S3 (sleep)", "S4 (hibernation)", "S5 (shutdown)")
_DEVICE_STATES = ("unspecified", "D0 (on)", "D1", "D2", "D3 (off)")


def function_words(major: int, minor: int) -> str:
    """The function codes by Microsoft's names; unknown ones by number."""
    if major >= len(_MAJOR):
        return f"IRP_MJ {major:#x}, minor {minor:#x}"
    name = f"IRP_MJ_{_MAJOR[major]}"
    minors = _MINOR.get(major)
    if minors is not None and minor < len(minors) and minors[minor] != "-":
        return f"{name}, IRP_MN_{minors[minor]}"
    return f"{name}, minor {minor:#x}" if minors is not None or minor else name


def power_words(major: int, minor: int, power_type: int, state: int) -> str | None:
    """The power state that a set or query request is about; None for other requests and unknown states."""
    if major != _POWER or minor not in (2, 3) or power_type not in (0, 1):
        return None
    states = _DEVICE_STATES if power_type else _SYSTEM_STATES
    if state >= len(states):
        return None
    return f"{'device' if power_type else 'system'} power state {states[state]}"


def control_words(control: int) -> str:
    """The set bits of `IO_STACK_LOCATION.Control`."""
    known = [words for bit, words in _CONTROL.items() if control & bit]
    rest = control & ~sum(_CONTROL)
    return ", ".join([*known, *([f"{rest:#x}"] if rest else [])]) or "none"
