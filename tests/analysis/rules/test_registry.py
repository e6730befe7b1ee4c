from __future__ import annotations

from collections import Counter

import pytest

from smalldump.analysis.rules import registry
from smalldump.analysis.rules.general import rule as general
from smalldump.analysis.rules.live_dump import rule as live
from smalldump.analysis.rules.registry import FAMILIES, rule_for
from smalldump.knowledge.catalog import bug_check


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_there_and_knows_its_bug_checks(family: str) -> None:
    for code in FAMILIES[family]:
        entry = bug_check(code)
        assert entry is not None, hex(code)
        assert rule_for(entry).__module__ == f"{registry.__package__}.{family}"


def test_no_bug_check_has_two_families() -> None:
    counted = Counter(code for codes in FAMILIES.values() for code in codes)
    assert [hex(code) for code, count in counted.items() if count > 1] == []


def test_others_go_by_what_holds_for_all() -> None:
    assert rule_for(None) is general
    assert rule_for(bug_check(0x1CA)) is general
    assert rule_for(bug_check(0x1CC)) is live
