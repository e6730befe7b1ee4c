"""What each kind of evidence weighs, and why: the one place where that is decided.

The weights are judgement, not statistics: they order the kinds, so that one strong piece outweighs one weak piece, and
two that agree outweigh one. What a parameter or a saved register proves comes before what lies on a stack, an exact
place before a scanned one, and a driver that merely owns damaged memory last.
"""

from __future__ import annotations

from enum import Enum

__all__ = ["EXACT", "Kind"]

EXACT = 3
"""From this weight on, evidence tells a place or a name, not only a neighbourhood: below it confidence stays low."""


class Kind(Enum):
    """The kinds of evidence.

    Attributes:
        label: The report's name for it.
        weight: What it adds to a candidate's score.
        proof: Whether a parameter or a proved frame says so; without such a piece confidence never becomes high.
        reason: Why it weighs so much and no more.
    """

    UNLOADED_DRIVER = (
        "unloaded-driver",
        5,
        True,
        "a parameter points to where the driver lay: nobody else has had that range",
    )
    UNLOADED_CODE = (
        "code-of-unloaded-driver",
        4,
        True,
        "its code was executed after it was gone; a later driver may have had the range too",
    )
    BROKEN_DRIVER = (
        "named-by-windows",
        4,
        True,
        "the kernel saw the live machine; damaged memory misleads it",
    )
    NAMED_PARAMETER = ("parameter-names-driver", 4, True, "the component that stopped the machine wrote the name")
    OBJECT_OWNER = (
        "object-leads-to-driver",
        4,
        True,
        "a parameter leads over an IRP or device to its driver, which may wait for another one",
    )
    VERIFIED_CALL = (
        "driver-verifier-caught-it",
        4,
        True,
        "Driver Verifier stops in the call that breaks the rule; a wrapper may make that call",
    )
    PLUGIN = ("plug-in", 4, False, "somebody wrote a rule for this very driver, but nothing here checks it")
    PARAMETER = ("parameter-points-into-driver", 3, True, "a place in it, where it may only have met bad data")
    FAULTING_INSTRUCTION = (
        "faulting-instruction",
        3,
        True,
        "registers prove where it failed, not whose data it was",
    )
    BUG_CHECK_CALLER = (
        "called-the-bug-check",
        3,
        False,
        "it stopped the machine, perhaps for another's mistake",
    )
    STUCK_THREAD = (
        "first-driver-on-named-thread",
        3,
        True,
        "a parameter names the thread; its saved stack shows who keeps it",
    )
    HUNG_PROCESSOR = (
        "first-driver-on-hung-processor",
        3,
        True,
        "a parameter names the processor; its registers show what it was executing",
    )
    RUNNING_ROUTINE = (
        "running-when-the-watchdog-fired",
        3,
        False,
        "the watchdog interrupted it; it may have waited for its device",
    )
    OVERRAN_STACK = (
        "above-the-security-check",
        3,
        False,
        "the function whose cookie was destroyed lies right above its check",
    )
    CALLER_OF_KERNEL = (
        "called-the-failing-kernel-service",
        3,
        False,
        "a frame that unwinding proved called the service that found the mistake",
    )
    STACK_CONSUMER = ("uses-most-of-the-stack", 2, False, "many frames fill a stack; the largest share is a hint")
    FRAMEWORK_CLIENT = (
        "client-of-framework",
        2,
        False,
        "the framework runs for its client; on a stack the next one may be a neighbour",
    )
    FILTER = (
        "in-the-stack-of-the-device",
        2,
        False,
        "the request passes it; whether it keeps it, its own memory would tell",
    )
    FRAME = ("first-driver-frame", 2, False, "it took part in what failed; who else did, one stack does not show")
    POOL_OWNER = (
        "owns-the-damaged-pool",
        1,
        False,
        "the owner of a damaged block is as often a victim",
    )
    SCANNED_FRAME = (
        "first-driver-frame-scanned",
        1,
        False,
        "what scanning finds may be left over from earlier calls",
    )

    def __init__(self, label: str, weight: int, proof: bool, reason: str) -> None:
        self.label, self.weight, self.proof, self.reason = label, weight, proof, reason
