from __future__ import annotations

import pytest

from smalldump.knowledge.bucket_forms import _FORMS, BucketForm, Lead, bucket_form
from smalldump.knowledge.catalog import bug_check

_FOLLOWING = {Lead.ADDRESS, Lead.UNLOADED, Lead.NAME, Lead.THREAD, Lead.PROCESSOR}


@pytest.mark.parametrize("code", _FORMS, ids=hex)
def test_every_form_is_that_of_a_known_bug_check(code: int) -> None:
    form, values = bucket_form(code), {f"{letter}{number}": 0 for letter in "ps" for number in range(1, 5)}
    assert bug_check(code) is not None
    assert form.words.format(**values)
    assert (form.by > 0) == (form.lead in _FOLLOWING)


def test_a_bug_check_without_a_form_has_its_code() -> None:
    assert bucket_form(0x12C) == BucketForm("0x12C", posted=False)
