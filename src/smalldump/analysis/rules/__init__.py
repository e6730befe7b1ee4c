"""The rules by which a bug check leads to its culprit: one module for each family of bug checks.

    rule.py       what a rule gets (Case) and gives (Opinion, with Evidence and perhaps a Conclusion)
    registry.py   bug check code to family; a family is imported when one of its bug checks turns up
    clues.py      pieces of evidence that many families look for
    general.py    the family of every bug check that has none of its own

A family module offers `rule(case) -> Opinion`. Weights are in `analysis/weights.py`, words of advice in
`analysis/advice.py`; `analysis/verdict.py` combines.
"""

from __future__ import annotations

__all__: list[str] = []
