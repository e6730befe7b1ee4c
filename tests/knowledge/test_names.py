from __future__ import annotations

from smalldump.knowledge.names import codes_named, names_like
from smalldump.knowledge.status_bits import StatusBits, status_bits


def test_names_lead_to_codes_whatever_their_case() -> None:
    assert codes_named("irql_not_less_or_equal") == [0xA]
    assert codes_named("STATUS_ACCESS_VIOLATION") == codes_named("Access_Violation") == [0xC0000005]
    assert codes_named("nothing of the kind") == []


def test_names_that_are_much_alike_are_found() -> None:
    assert names_like("IRQL_NOT_LES_OR_EQUAL")[0] == "IRQL_NOT_LESS_OR_EQUAL"
    assert "WHEA_UNCORRECTABLE_ERROR" in names_like("whea_")
    assert names_like("~" * 30) == []


def test_the_bits_of_a_status() -> None:
    assert status_bits(0xC0000005) == StatusBits("error", False, 0, None, 5)
    assert status_bits(0x80000003).severity == "warning"
    assert status_bits(0xC01E0001).facility_name == "graphics kernel"
    assert status_bits(0xE0434352).customer
