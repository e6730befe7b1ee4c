from __future__ import annotations

from smalldump.knowledge.pool_tags import tag_owner
from smalldump.knowledge.table import table_path


def test_tags_lead_to_their_binary() -> None:
    assert tag_owner("Ntfr") == ("ntfs.sys", "NTFS file system")
    assert tag_owner("AfdB") == ("afd.sys", "sockets")
    assert tag_owner("CcPf") == ("nt", "prefetcher")
    assert tag_owner("CcSc") == ("nt", "cache manager")


def test_unknown_tags_have_no_owner() -> None:
    assert tag_owner("ZqXw") is None
    assert tag_owner("Af") is None
    assert tag_owner("Afd?") is None


def test_every_line_is_a_row_of_its_own() -> None:
    lines = [line for line in table_path("pool_tags.txt").read_text("ascii").splitlines() if not line.startswith("#")]
    rows = [line.split("\t") for line in lines]
    assert all(len(row) == 3 and len(row[0]) == 4 and all(row) for row in rows)
    assert len({row[0] for row in rows}) == len(rows) > 70
