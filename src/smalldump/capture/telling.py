"""What happens to guests, as events: one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

from smalldump.capture.taking import Taken
from smalldump.model import BugCheck
from smalldump.writing import Written

__all__ = ["Tell", "bug_check_words", "dump_facts", "event_line"]

Tell = Callable[..., str]
"""Takes the guest's name, the kind of event and its facts; gives the line that was told."""


def event_line(guest: str, event: str, **facts: object) -> str:
    """The event as a line of JSON, ASCII alone, with the time of the host in UTC."""
    moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"time": moment, "guest": guest, "event": event} | facts)


def bug_check_words(stop: BugCheck | None) -> dict[str, object] | None:
    """Code and parameters as hex strings."""
    return stop and {"code": f"{stop.stored_code:#x}", "parameters": [f"{word:#x}" for word in stop.parameters]}


def dump_facts(taken: Taken, written: Written, why_reserve: str) -> dict[str, object]:
    """The facts of the event `dump`."""
    return {
        "path": str(written.path),
        "size": written.size,
        "profile": written.profile,
        "bug_check": bug_check_words(taken.bug_check),
        "processors": taken.processors,
        "memory": {
            "by": taken.way.name,
            "needs": taken.way.needs,
            "passed_over": [{"by": way.name, "why": why, "needs": way.needs} for way, why in taken.passed_over],
        },
        "limits": taken.limits or None,
        "reserve": {"why": why_reserve, "slots_left": written.slots_left} if why_reserve else None,
    }
