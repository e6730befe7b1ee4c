"""Names as debuggers show them: against what Microsoft's undecorator says, and by hand."""

from __future__ import annotations

import pytest

from smalldump.symbols.undecorate import undecorated
from tests.symbols.undecorate.table import NAMES


def test_the_table_is_there() -> None:
    assert len(NAMES) > 380


def test_names_are_microsofts() -> None:
    assert {each.decorated: undecorated(each.decorated) for each in NAMES} == {
        each.decorated: each.name for each in NAMES
    }


def test_declarations_are_microsofts() -> None:
    assert {each.decorated: undecorated(each.decorated, full=True) for each in NAMES} == {
        each.decorated: each.declaration for each in NAMES
    }


@pytest.mark.parametrize(
    ("decorated", "shown"),
    [
        ("?Start@Engine@motor@@QEAAXXZ", "motor::Engine::Start"),
        (
            "?push_back@?$vector@HV?$allocator@H@std@@@std@@QEAAXAEBH@Z",
            "std::vector<int,std::allocator<int> >::push_back",
        ),
        ("??0Engine@motor@@QEAA@XZ", "motor::Engine::Engine"),
        ("??1?$Box@H@@UEAA@XZ", "Box<int>::~Box<int>"),
        ("??_7Engine@motor@@6B@", "motor::Engine::`vftable'"),
        ("?helper@?A0x1234abcd@motor@@YAXXZ", "motor::`anonymous namespace'::helper"),
        ("?count@?1??Start@Engine@motor@@QEAAXXZ@4HA", "`motor::Engine::Start'::`2'::count"),
        ("??R<lambda_1>@?0??Start@Engine@@QEAAXXZ@QEBA@XZ", "`Engine::Start'::`1'::<lambda_1>::operator()"),
        ("??BEngine@@QEBA_NXZ", "Engine::operator bool"),
        ("??_C@_05CJBACGMB@hello?$AA@", "`string'"),
        ("??$max@N@@YANNN@Z", "max<double>"),
    ],
)
def test_the_common_kinds(decorated: str, shown: str) -> None:
    assert undecorated(decorated) == shown


def test_what_digits_refer_to() -> None:
    """Names of scopes, types of parameters, arguments of a template: each kind of its own."""
    assert undecorated("?f@Foo@@QEAAXAEBV1@PEAH1@Z", full=True) == (
        "public: void __cdecl Foo::f(class Foo const & __ptr64,int * __ptr64,int * __ptr64) __ptr64"
    )
    assert undecorated("??$f@PEAH0@ns@@YAXPEAD0@Z", full=True) == (
        "void __cdecl ns::f<int * __ptr64,int * __ptr64>(char * __ptr64,char * __ptr64)"
    )


def test_anonymous_namespaces_are_readable_when_referred_to() -> None:
    """Microsoft's undecorator writes `A0x1234::B` here, which nobody has declared."""
    assert undecorated("?f@?A0x1234@@YAXVB@1@@Z", full=True) == (
        "void __cdecl `anonymous namespace'::f(class `anonymous namespace'::B)"
    )


def test_the_name_alone_does_not_depend_on_types_to_come() -> None:
    assert undecorated("?f@Foo@@QEAAX_~@Z") == "Foo::f"
    assert undecorated("??0Foo@@QEAAX_~@Z") == "Foo::Foo"
    assert undecorated("?f@Foo@@QEAAX_~@Z", full=True) == "?f@Foo@@QEAAX_~@Z"


@pytest.mark.parametrize(
    ("decorated", "shown"),
    [
        ("_DriverEntry@8", "DriverEntry"),
        ("_start", "start"),
        ("@ExInterlocked@12", "ExInterlocked"),
        ("blend@@32", "blend"),
        ("__C_specific_handler", "_C_specific_handler"),
        ("_ZwClose@4", "ZwClose"),
        ("_RtlZeroMemory@8", "RtlZeroMemory"),
        ("KeBugCheckEx", "KeBugCheckEx"),
        ("_", "_"),
        ("@", "@"),
        ("", ""),
    ],
)
def test_public_names_of_c(decorated: str, shown: str) -> None:
    """As dbghelp 10.0.15063 shows the publics of PDBs, of x86 and x64 alike."""
    assert undecorated(decorated, public=True) == shown
    assert undecorated(decorated) == decorated


@pytest.mark.parametrize(
    ("decorated", "shown"),
    [
        ("__imp_ZwClose", "_imp_ZwClose"),
        ("__imp__ZwClose@4", "_imp__ZwClose"),
        ("__imp_?f@ns@@YAXXZ", "_imp_ns::f"),
        ("__imp_?", "__imp_?"),
    ],
)
def test_import_slots(decorated: str, shown: str) -> None:
    assert undecorated(decorated) == shown


@pytest.mark.parametrize(
    "name",
    ["_ZN3foo3barEv", "_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE", "_RNvC6_123foo3bar", "_RINvCs1_3foo3barlE"],
)
def test_names_of_other_compilers_stay(name: str) -> None:
    assert undecorated(name) == undecorated(name, public=True) == name


@pytest.mark.parametrize(
    "name",
    [
        "?",
        "??",
        "?f",
        "?f@",
        "?f@@",
        "?A0x17268360",
        "?f@9@YAXXZ",
        "??$f@H",
        "??$f@H@@",
        "??_Z@YAXXZ",
        "??0@@QEAA@XZ",
        "??@0123456789abcdef0123456789abcdef@",
        "?x@?BAAAAAAAAAAAAAAAAAAA@??f@@YAXXZ@4HA",
        "plain",
        "",
    ],
)
def test_what_is_no_decorated_name_stays(name: str) -> None:
    assert undecorated(name) == name
    assert undecorated(name, full=True) == name


@pytest.mark.parametrize("name", ["?f@@YAXXZ$x", "?f@@YAX0@Z", "?f@@ZZ", "?f@Foo@@$6A@A@EAAXXZ", "?x@@3HE"])
def test_malformed_declarations_stay(name: str) -> None:
    assert undecorated(name, full=True) == name
