"""How right verdicts are: culprits against labels that others gave, and what a confidence is worth.

    python -m benchmarks.verdicts [SAMPLES]

SAMPLES (else the variable SMALLDUMP_SAMPLES) is a folder with `dumps/ID.dmp`. The labels and the posted cases are those
of `tests/truth/verdict_cases.toml`. A verdict is right that blames whom the label blames, undecided that blames nobody;
where the label says that nobody can be blamed, undecided is right and every name is wrong.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tests.truth.verdict_cases import Outcome, Ranked, built_cases, posted_cases, sample_cases

__all__ = ["groups", "main"]

_RESULTS = ("right", "wrong", "undecided")
_CONFIDENCES = ("high", "medium", "low", "none")
_KERNEL = ("ntoskrnl.exe", "nt", "hal.dll")


def groups(samples: Path) -> Mapping[str, Sequence[tuple[Ranked, Outcome]]]:
    """All labelled cases with our outcome, by where they come from; samples only where there are some."""
    found: dict[str, Iterable[Ranked]] = {"samples": sample_cases(samples)} if (samples / "dumps").is_dir() else {}
    found |= {"posted": posted_cases(), "posted, beset": posted_cases(stale=True), "built": built_cases()}
    return {name: [(case, case.outcome()) for case in cases] for name, cases in found.items()}


def main(samples: Path) -> None:
    """Print a line for each group, a table of confidence, and by name what is not right."""
    found = groups(samples)
    print(f"{'group':15} {'cases':>5} {'right':>6} {'wrong':>6} {'undecided':>9} {'ntoskrnl':>8}")
    for name, cases in found.items():
        outcomes = [outcome for _, outcome in cases]
        results = Counter(outcome.result for outcome in outcomes)
        kernel = sum(outcome.named.lower() in _KERNEL for outcome in outcomes)
        figures = f"{results['right']:6} {results['wrong']:6} {results['undecided']:9} {kernel:8}"
        print(f"{name:15} {len(outcomes):5} {figures}")
    _calibration(found)
    _not_right(found)


def _calibration(found: Mapping[str, Sequence[tuple[Ranked, Outcome]]]) -> None:
    print()
    print(f"{'group':15} {'confidence':10} {'cases':>5} " + " ".join(f"{result:>9}" for result in _RESULTS))
    for name, cases in found.items():
        tallies = Counter((outcome.confidence, outcome.result) for _, outcome in cases)
        for confidence in _CONFIDENCES:
            row = [tallies[confidence, result] for result in _RESULTS]
            if sum(row):
                print(f"{name:15} {confidence:10} {sum(row):5} " + " ".join(f"{count:9}" for count in row))


def _not_right(found: Mapping[str, Sequence[tuple[Ranked, Outcome]]]) -> None:
    print()
    for name, cases in found.items():
        for case, outcome in cases:
            if outcome.result != "right":
                wanted = case.label.culprit or case.label.kind
                print(f"{name:15} {case.label.name:18} {outcome.words:15} {outcome.named}, not {wanted}")


if __name__ == "__main__":
    folder = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("SMALLDUMP_SAMPLES")
    if not folder:
        sys.exit("name the folder of samples, or set SMALLDUMP_SAMPLES")
    main(Path(folder))
