"""Conditions on bug check parameters, by which sub-codes are chosen.

Written as in the table of bug checks, numbers hexadecimal without prefix: `1=3`, `1=3,4` (either), `1&FF00=200`
(the masked bits), `3>=1`, `1<=3FFF`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple, Self

__all__ = ["Condition", "ParameterFacts"]

_ALL_BITS = (1 << 64) - 1
_LOW_WORD = 0xFFFFFFFF
_FORM = r"([1-4])(?:&([0-9A-F]+))?(=|>=|<=)([0-9A-F]+(?:,[0-9A-F]+)*)"


class Condition(NamedTuple):
    """A condition on one parameter.

    Attributes:
        param: Number of the parameter, 1 to 4.
        relation: `=`, `>=` or `<=`.
        values: The values to compare with; more than one only for `=`, any of which may be equal.
        mask: Bits of the parameter that count.
    """

    param: int
    relation: str
    values: tuple[int, ...]
    mask: int = _ALL_BITS

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the table's form.

        Raises:
            ValueError: The text has another form.
        """
        found = re.fullmatch(_FORM, text)
        if found is None:
            raise ValueError(f"not a condition on a bug check parameter: {text!r}")
        param, mask, relation, values = found.groups()
        numbers = tuple(int(value, 16) for value in values.split(","))
        return cls(int(param), relation, numbers, int(mask, 16) if mask else _ALL_BITS)

    def holds(self, value: int) -> bool:
        """Whether the condition holds for this value of its parameter."""
        bits = value & self.mask
        if self.relation == ">=":
            return bits >= self.values[0]
        if self.relation == "<=":
            return bits <= self.values[0]
        return bits in self.values

    def __str__(self) -> str:
        left = f"P{self.param}" if self.mask == _ALL_BITS else f"P{self.param} & {self.mask:#x}"
        return f"{left} {self.relation} {' or '.join(map(hex, self.values))}"


class ParameterFacts:
    """The four parameters of a bug check, ready for many conditions."""

    __slots__ = ("_equalities", "_values")

    def __init__(self, parameters: Sequence[int], is_status: Sequence[bool]) -> None:
        """Take the parameters; of those with `is_status` set only the low 32 bits count.

        Status codes arrive sign-extended in 64-bit dumps (0xFFFFFFFFC0000005).
        """
        self._values = tuple(
            value & (_LOW_WORD if status else _ALL_BITS) for value, status in zip(parameters, is_status, strict=True)
        )
        self._equalities = {f"{number}={value:X}" for number, value in enumerate(self._values, 1)}

    def satisfy(self, text: str) -> bool:
        """Whether the condition written as `text` holds."""
        # Nearly all conditions are plain equalities: comparing texts spares parsing hundreds of them.
        if text in self._equalities:
            return True
        if text[1] == "=" and "," not in text:
            return False
        condition = Condition.parse(text)
        return condition.holds(self._values[condition.param - 1])
