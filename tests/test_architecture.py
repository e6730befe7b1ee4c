"""The architecture, enforced: who may import whom, no cycles, late imports only where they are a decision.

A room is a folder or a single module right under `smalldump`; `errors` and `addresses` are open to all.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import smalldump

ROOT = Path(smalldump.__file__).parent
MAX_LINES = 400

FOR_ALL = {"errors", "addresses", "escape", "version"}
# Room -> rooms that it may import, from the ground up. `cli`, the public face and its functions may import all below.
TABLE = """
addresses
escape
version
errors      addresses
layout
memory
model       memory
knowledge
images      layout memory
decode      layout
intake      memory
sources     layout memory images model decode
unwind      layout memory images model
symbols     layout memory images model
writer      layout memory images model decode
minidumps   layout memory images model sources
analysis    unwind symbols images decode knowledge layout memory model
checking    sources layout memory model
collect     unwind analysis images layout memory model
compose     collect writer unwind model
writing     compose collect writer minidumps memory model
report      analysis checking unwind images decode knowledge layout memory model
capture     writing compose collect writer minidumps sources layout memory model
fleet       report analysis checking intake sources model
"""
MAY_IMPORT = {line.split()[0]: set(line.split()[1:]) for line in TABLE.strip().splitlines()}
TOP = ("api", "cli", "__init__", "__main__")
MAY_IMPORT |= {"api": set(MAY_IMPORT)}
MAY_IMPORT |= {"cli": {*MAY_IMPORT}, "__init__": {"api", "errors", "model", "report", "sources"}, "__main__": {"cli"}}

# Where a function may import from ourselves: what is needed late, or by some commands only.
LATE = {
    "analysis/objects": "the registry of readers of objects: most dumps need those of one family at most",
    "analysis/rules/registry": "the registry of rules: a family is imported when one of its bug checks turns up",
    "__init__": "the public face: types are imported when somebody asks for them",
    "api": "the public face: a function imports what it needs",
    "checking/verdict": "small dumps do without the checks of those that hold pages",
    "report/report": "a page is made for those who ask for one",
    "sources/detect": "the registry of sources",
    "unwind/registry": "the registry of architectures",
}
LATE_ROOMS = {"cli": "a command imports what it needs"}


@dataclass(frozen=True)
class Module:
    """A module of ours: its path without suffix, from the package's folder."""

    name: str
    path: Path

    @property
    def room(self) -> str:
        return self.name.partition("/")[0]

    @property
    def tree(self) -> ast.Module:
        return _tree(self.path)


@dataclass(frozen=True)
class Import:
    """An import of one of our own modules.

    Attributes:
        target: The module, by path without suffix.
        late: Whether it stands in a function.
        typing: Whether only type checkers see it.
    """

    target: str
    late: bool
    typing: bool

    @property
    def room(self) -> str:
        return self.target.partition("/")[0]


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


MODULES = {
    name: Module(name, path)
    for path in sorted(ROOT.rglob("*.py"))
    for name in [path.relative_to(ROOT).with_suffix("").as_posix()]
}


def imports(module: Module) -> list[Import]:
    return list(_imports(module.tree, module, late=False, typing=False))


def _imports(node: ast.AST, module: Module, *, late: bool, typing: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            for target in _targets(child, module):
                yield Import(target, late, typing)
        within = late or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        checked = typing or (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING")
        yield from _imports(child, module, late=within, typing=checked)


def _targets(node: ast.Import | ast.ImportFrom, module: Module) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (_located(alias.name) for alias in node.names if alias.name.split(".")[0] == "smalldump")
        return
    assert not node.level, f"{module.name} imports relatively"
    if node.module and node.module.split(".")[0] == "smalldump":
        for alias in node.names:
            inner = f"{node.module}.{alias.name}".partition(".")[2].replace(".", "/")
            yield inner if inner in MODULES else _located(node.module)


def _located(dotted: str) -> str:
    inside = dotted.partition(".")[2].replace(".", "/")
    if inside in MODULES:
        return inside
    package = f"{inside}/__init__".lstrip("/")
    assert package in MODULES, f"no such module: {dotted}"
    return package


def test_there_are_modules_and_imports() -> None:
    assert len(MODULES) > 60
    assert sum(len(imports(module)) for module in MODULES.values()) > 200


def test_all_ways_to_import_are_seen(tmp_path: Path) -> None:
    """The walk itself: plain, from a package, late, for type checkers only, and others' modules passed over."""
    path = tmp_path / "example.py"
    path.write_text(
        """
import os, smalldump.errors
from smalldump.layout import dump
from smalldump.model import Module
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from smalldump.sources.small import SmallDump
def late():
    import smalldump.memory as memory
    class Inner:
        from smalldump import addresses
"""
    )
    assert imports(Module("example", path)) == [
        Import("errors", late=False, typing=False),
        Import("layout/dump", late=False, typing=False),
        Import("model/__init__", late=False, typing=False),
        Import("sources/small", late=False, typing=True),
        Import("memory/__init__", late=True, typing=False),
        Import("addresses", late=True, typing=False),
    ]


def test_every_room_is_in_the_table() -> None:
    assert {module.room for module in MODULES.values()} <= set(MAY_IMPORT)


def test_the_table_goes_downward() -> None:
    order = list(MAY_IMPORT)
    for room, targets in MAY_IMPORT.items():
        if room not in TOP:
            assert all(order.index(target) < order.index(room) for target in targets), room


def test_rooms_import_only_what_the_table_says() -> None:
    strangers = [
        f"{module.name} -> {found.target}"
        for module in MODULES.values()
        for found in imports(module)
        if found.room not in allowed(module.room)
    ]
    assert not strangers


def allowed(room: str) -> set[str]:
    return MAY_IMPORT[room] | {room} | (set() if room in FOR_ALL else FOR_ALL)


def test_nobody_imports_the_command_line() -> None:
    others = [module for module in MODULES.values() if module.room not in ("cli", "__main__")]
    assert not [module.name for module in others for found in imports(module) if found.room == "cli"]


def may_import_late(module: Module) -> bool:
    return module.name in LATE or module.room in LATE_ROOMS


def test_late_imports_are_decisions() -> None:
    others = [module for module in MODULES.values() if not may_import_late(module)]
    assert not [f"{module.name} -> {found.target}" for module in others for found in imports(module) if found.late]


def test_imports_by_name_are_decisions() -> None:
    """`import_module` hides an import from all other tests here."""
    others = [module for module in MODULES.values() if not may_import_late(module)]
    assert not [module.name for module in others if called(module) & {"import_module", "__import__"}]


def called(module: Module) -> set[str]:
    calls = [node for node in ast.walk(module.tree) if isinstance(node, ast.Call)]
    return {ast.unparse(call.func).rpartition(".")[2] for call in calls}


def test_no_cycles() -> None:
    """Those for types alone count too, and what functions import late (those that `LATE` names aside)."""
    graph = {
        module.name: {
            found.target
            for found in imports(module)
            if not (found.late and module.name in LATE) and found.target != module.name
        }
        for module in MODULES.values()
    }
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the cycle


def test_modules_are_small() -> None:
    lines = {module.name: module.path.read_text("utf-8").count("\n") for module in MODULES.values()}
    assert {name: count for name, count in lines.items() if count >= MAX_LINES} == {}


def test_modules_introduce_themselves() -> None:
    """A docstring, then the future import."""
    for module in MODULES.values():
        assert ast.get_docstring(module.tree), module.name
        first = module.tree.body[1]
        assert isinstance(first, ast.ImportFrom), module.name
        assert first.module == "__future__", module.name


def test_modules_say_what_they_offer() -> None:
    """Every name of `__all__` is there; a package of nothing but words needs none."""
    for module in MODULES.values():
        if module.name == "__main__" or len(module.tree.body) == 2:
            continue
        found = offered(module)
        assert found is not None, module.name
        assert len(found) == len(set(found)), module.name
        assert set(found) <= set(defined(module.tree)), module.name


def offered(module: Module) -> list[str] | None:
    for node in module.tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value and ast.unparse(targets[0] or node) == "__all__":
            return list(ast.literal_eval(node.value))
    return None


def defined(tree: ast.AST) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif not isinstance(node, ast.expr) or isinstance(node, ast.Tuple):
            yield from defined(node)


def test_public_things_are_explained() -> None:
    bare = [
        f"{module.name}.{node.name}"
        for module in MODULES.values()
        for node in module.tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
        if not ast.get_docstring(node)
    ]
    assert not bare
