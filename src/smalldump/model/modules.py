"""The module list: in load order, and by address."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from smalldump.memory import RangeMap
from smalldump.model.records import Module

__all__ = ["ModuleList"]


class ModuleList(Sequence[Module]):
    """Loaded modules in load order (the kernel first)."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self._modules = tuple(modules)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        return self._modules[index]

    @cached_property
    def _map(self) -> RangeMap[Module]:
        return RangeMap((module.base, module.end, module) for module in self._modules)

    def at(self, address: int) -> Module | None:
        """The module whose image holds `address`."""
        return self._map.at(address)

    def named(self, name: str) -> Module | None:
        """The first module of that name or file name, whatever the case."""
        wanted = name.lower()
        return next((m for m in self._modules if wanted in (m.name.lower(), m.file.lower())), None)
