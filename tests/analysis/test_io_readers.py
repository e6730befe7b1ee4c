"""0x9F: from the parameters to who has the request and who stands in the stack of devices."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from smalldump.analysis import analyse
from smalldump.analysis.stop_object import StopObject
from tests.analysis.buckets import DRIVER, IRP, OTHER, PDO, built
from tests.synth.io_objects import device, driver_object, irp

FUNCTION_DEVICE, FIRST, SECOND = 0xFFFFC00000004000, 0xFFFFC00000005000, 0xFFFFC00000006000


def objects(memory: Mapping[int, bytes], *, first: int = 3) -> tuple[StopObject, ...]:
    machine = built(0x9F, (first, PDO, 0, IRP), "holder.sys", other="pci.sys", memory=memory)
    return analyse(machine).objects


def stack() -> Mapping[int, bytes]:
    return {
        **irp(IRP, (PDO, FUNCTION_DEVICE), 2),
        **device(PDO, SECOND, above=FUNCTION_DEVICE),
        **device(FUNCTION_DEVICE, FIRST, below=PDO),
        **driver_object(FIRST, DRIVER, "\\Driver\\holder"),
        **driver_object(SECOND, OTHER, "\\Driver\\pci"),
    }


def facts(found: StopObject) -> dict[str, str]:
    return dict(found.facts)


def test_request_names_its_holder() -> None:
    pdo, request = objects(stack())
    assert (pdo.kind, pdo.parameter, pdo.driver) == ("device_object", 2, "pci")
    assert (request.kind, request.parameter, request.driver, request.missing) == ("irp", 4, "holder", None)
    (current,) = request.children
    assert facts(current)["function"] == "IRP_MJ_POWER, IRP_MN_SET_POWER"
    assert facts(current)["power"] == "device power state D3 (off)"
    assert facts(request)["location"] == "2 of 2"
    assert facts(request)["status"] == "STATUS_NOT_SUPPORTED"


def test_drivers_above_the_current_one_wait() -> None:
    memory = {**stack(), **irp(IRP, (PDO, FUNCTION_DEVICE), 1)}
    request = objects(memory)[1]
    assert request.driver == "pci"
    assert [facts(each)["number"] for each in request.children] == ["1 (current)", "2 (waiting)"]
    assert request.children[1].driver == "holder"


def test_devices_above_and_below() -> None:
    upper = objects(stack())[0].children[1]
    assert (facts(upper)["stack"], upper.driver) == ("above", "holder")
    swapped = {**stack(), **device(PDO, SECOND, below=FUNCTION_DEVICE)}
    lower = objects(swapped)[0].children[1]
    assert (facts(lower)["stack"], lower.driver) == ("below", "holder")


def test_driver_has_its_name_and_its_image() -> None:
    driver = objects(stack())[0].children[0]
    assert facts(driver) == {"name": "\\Driver\\pci", "image": f"{OTHER:#x} (pci+0x0)"}


def test_what_is_missing_is_named() -> None:
    pdo, request = objects({})
    assert pdo.missing == f"The DEVICE_OBJECT at {PDO:#x} is not in the dump."
    assert request.missing == f"The IRP at {IRP:#x} is not in the dump."
    without_device = objects(irp(IRP, (FUNCTION_DEVICE,), 1))[1]
    gap = f"Which driver has the IRP is not told: The DEVICE_OBJECT at {FUNCTION_DEVICE:#x} is not in the dump."
    assert without_device.missing == gap


def test_stacks_that_bite_their_tail_end() -> None:
    pdo = objects({**stack(), **device(FUNCTION_DEVICE, FIRST, above=PDO, below=FUNCTION_DEVICE)})[0]
    assert len(pdo.children) == 2


@given(st.binary(min_size=0x200, max_size=0x200), st.integers(1, 6))
def test_noise_is_read_without_harm(noise: bytes, first: int) -> None:
    memory = {PDO: b"\3\0" + noise, IRP: b"\6\0" + noise}
    for found in objects(memory, first=first):
        assert found.facts or found.missing
