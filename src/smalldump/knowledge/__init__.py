"""What is known about Windows in general, as data: nothing here has seen a dump.

    catalog.py         bug checks: meaning of the code, of its parameters, sub-codes, where the culprit shows
    conditions.py      the conditions on parameters that choose a sub-code
    status.py          NTSTATUS and exception names
    drivers.py         kernel-mode modules: who makes them, what they do, how readily blame passes them
    windows.py         build numbers, product types, suites, service packs
    bucket_forms.py    how Microsoft's tools name the failures of each bug check
    skipped_frames.py  functions that only handle failures
    flags.py           IRQL and access kinds in bug check parameters
    table.py           sorted text tables, read a few lines at a time

Tables beside the code: `ntstatus.txt`, `drivers.toml` and `skipped_frames.txt` are edited by hand;
`tools/build_knowledge.py` derives `drivers.txt` from the second, and `bug_checks.txt` and `subcodes.txt` from
`knowledge-sources/bug-checks/*.toml`. They are read an entry at a time: one run looks at one bug check out of 556.
"""

from __future__ import annotations

__all__: list[str] = []
