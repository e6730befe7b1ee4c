"""How Microsoft's debuggers name the bucket of each bug check: the words of its class, and what leads to its culprit.

A bucket is `[LKD_] CLASS [_sub] [_qualifier] [_VRF] (_module!function | _IMAGE_file)`; here stand the parts up to
the culprit. A form is *posted* where a bucket in public output of Microsoft's tools shows it; where none does, only the
code is used, and sub-codes that no post shows are left out.

Source: outputs of `!analyze -v` that people posted, and Microsoft's pages on single bug checks. Buckets of old
debuggers (`X64_0x7E_MAN+1ce7`) are no forms of their own: newer ones dropped prefix and offset.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple

__all__ = ["BucketForm", "Lead", "bucket_form"]

_NONE: Mapping[int, str] = MappingProxyType({})


class Lead(Enum):
    """What leads to the culprit of a bucket."""

    STACK = "the crash side of the stack"
    ADDRESS = "the module that holds an address"
    UNLOADED = "the unloaded driver whose old range holds an address"
    NAME = "a UNICODE_STRING with the driver's name"
    THREAD = "the stack of another thread"
    PROCESSOR = "the stack of another processor"
    MAKER = "the maker of the processor"
    INCONCLUSIVE = "nothing: the stack is no use"
    POWER_REQUEST = "a power IRP, and the device that it was sent to"
    OBJECTS = "objects that are not looked at"
    NOBODY = "nothing: no driver is to blame"


_NO_LEADS: Mapping[int, tuple[Lead, int]] = MappingProxyType({})


class BucketForm(NamedTuple):
    """The form of a bug check's buckets.

    Attributes:
        words: Its class with sub-codes, as far as parameters give them unchanged: a format over the parameters `p1` to
            `p4`; `s1` to `s4` are their low halves, for those that are a status.
        lead: What leads to the culprit.
        by: Number of the parameter that the lead follows; 0 for none.
        instruction: Number of the parameter that holds the failing instruction; 0 for none.
        cases: Other words for certain values of parameter 1; `leads` the same for lead and parameter.
        verified: Other words while Driver Verifier is on.
        always_verified: Whether only Driver Verifier raises it.
        raises: Whether parameter 1 is an exception code: access violations are of class AV whatever the bug check.
        posted: Whether a posted bucket shows the form; with `cases`, that of the other values.
        old: Whether those posts are all of old debuggers, which added the offset in the function.
    """

    words: str
    lead: Lead = Lead.STACK
    by: int = 0
    instruction: int = 0
    cases: Mapping[int, str] = _NONE
    leads: Mapping[int, tuple[Lead, int]] = _NO_LEADS
    verified: str = ""
    always_verified: bool = False
    raises: bool = False
    posted: bool = True
    old: bool = False


def bucket_form(code: int) -> BucketForm:
    """The form of a bug check's buckets, by its canonical code; no more than the code where no post shows any."""
    return _FORMS.get(code) or BucketForm(f"0x{code:X}", posted=False)


_FAST_FAILS = {3: "0x139_3_CORRUPT_LIST_ENTRY", 0x1D: "0x139_1d_INVALID_BALANCED_TREE"}
_POWER = {3: "0x9F_3", 4: "0x9F_4"}
_POWER_LEADS = {3: (Lead.POWER_REQUEST, 4), 4: (Lead.THREAD, 3)}

_FORMS = {
    0x0A: BucketForm("AV", instruction=4),
    0x0C: BucketForm("0xC", old=True),
    0x19: BucketForm("0x19_{p1:x}"),
    0x1A: BucketForm("0x1a_{p1:x}"),
    0x1E: BucketForm("0x1E_{s1:X}", instruction=2, raises=True),
    0x20: BucketForm("0x20", posted=False),
    0x3B: BucketForm("0x3B_{s1:X}", instruction=2, raises=True),
    0x44: BucketForm("0x44"),
    0x50: BucketForm("AV", instruction=3, verified="0x50"),
    0x5A: BucketForm("0x5A_{s4:x}", Lead.OBJECTS),
    0x7E: BucketForm("0x7E_{s1:X}", instruction=2, raises=True),
    0x7F: BucketForm("0x7f_{p1:x}", old=True),
    0x80: BucketForm("0x80_{p1:X}", Lead.MAKER, posted=False),
    0x8E: BucketForm("0x8E", instruction=2, old=True),
    0x9F: BucketForm("0x9F_{p1:x}", Lead.OBJECTS, cases=_POWER, leads=_POWER_LEADS, posted=False),
    0xC1: BucketForm("0xC1", posted=False),
    0xC2: BucketForm("0xc2_{p1:x}"),
    0xC4: BucketForm("0xc4_{p1:x}", leads={0x62: (Lead.NAME, 2)}, always_verified=True),
    0xC5: BucketForm("0xC5_{p2:x}", instruction=4, old=True),
    0xC9: BucketForm("0xC9", always_verified=True, posted=False),
    0xCA: BucketForm("0xCA_{p1:x}"),
    0xCE: BucketForm("0xCE", Lead.UNLOADED, 1),
    0xD1: BucketForm("AV", instruction=4),
    0xD5: BucketForm("0xD5", instruction=3, always_verified=True, old=True),
    0xD6: BucketForm("0xD6", instruction=3, always_verified=True, posted=False),
    0xD8: BucketForm("0xD8", Lead.NAME, 1, posted=False),
    0xE2: BucketForm("0xE2", Lead.NOBODY, posted=False),
    0xE6: BucketForm("0xE6", always_verified=True, posted=False),
    0xEA: BucketForm("0xEA", Lead.NAME, 3, posted=False),
    0xEF: BucketForm("0xEF", Lead.OBJECTS, posted=False),
    0xF4: BucketForm("0xF4", Lead.OBJECTS, posted=False),
    0xFE: BucketForm("0xFE", old=True),
    0x101: BucketForm("CLOCK_WATCHDOG_TIMEOUT", Lead.PROCESSOR, 4),
    0x109: BucketForm("0x109_{p4:x}", Lead.INCONCLUSIVE),
    0x116: BucketForm("0x116", Lead.ADDRESS, 2),
    0x117: BucketForm("0x117", Lead.ADDRESS, 2),
    0x124: BucketForm("0x124_{p1}", Lead.MAKER, posted=False),
    0x133: BucketForm("0x133", cases={0: "0x133_DPC", 1: "0x133_ISR"}, posted=False),
    0x139: BucketForm("0x139_{p1:x}", cases=_FAST_FAILS, posted=False),
    0x13A: BucketForm("0x13a_{p1:x}", posted=False),
    0x141: BucketForm("0x141", Lead.ADDRESS, 2),
    0x161: BucketForm("0x161", Lead.NOBODY, posted=False),
    0x193: BucketForm("0x193"),
    0x1C8: BucketForm("0x1C8", Lead.NOBODY, posted=False),
    0x1CC: BucketForm("0x1cc", Lead.OBJECTS, posted=False),
}
