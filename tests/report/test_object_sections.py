"""Objects of the bug check in a report, as JSON and as text."""

from __future__ import annotations

from smalldump.analysis.objects import Fact, StopObject
from smalldump.report.object_sections import driver_lines, object_lines, objects_section
from smalldump.report.report import Report

_CHILD = StopObject("device_object", 0xFFFFC00000004000, None, (Fact("driver", "holder"),), driver="holder")
_IRP = StopObject("irp", 0xFFFFC00000001000, 4, (Fact("location", "2 of 2"),), (_CHILD,), driver="holder")
_LOST = StopObject("thread", 0xFFFFC00000002000, 3, missing="The ETHREAD is not in the dump.")


def report(*objects: StopObject) -> Report:
    return Report({"file": {"bits": 64}, "objects": objects_section(objects)})


def test_objects_have_one_form_at_every_depth() -> None:
    (irp,) = objects_section([_IRP])
    (child,) = irp["children"]
    assert irp.keys() == child.keys()
    assert (irp["address"], irp["parameter"], child["parameter"]) == ("0xffffc00000001000", 4, None)
    assert child["facts"] == [{"name": "driver", "value": "holder"}]


def test_text_puts_each_object_below_the_one_that_leads_to_it() -> None:
    assert object_lines(report(_IRP, _LOST), 100) == [
        "IRP ffffc000`00001000 (parameter 4)",
        "  location: 2 of 2",
        "  DEVICE_OBJECT ffffc000`00004000",
        "    driver: holder",
        "THREAD ffffc000`00002000 (parameter 3)",
        "  The ETHREAD is not in the dump.",
    ]


def test_first_screen_has_a_line_for_each_driver() -> None:
    assert list(driver_lines(report(_IRP, _LOST))) == ["IRP of parameter 4: leads to holder"]


def test_what_came_out_of_the_dump_is_escaped() -> None:
    hostile = _IRP._replace(driver="a\x1b[2J", children=())
    assert "\x1b" not in "".join(driver_lines(report(hostile)))
