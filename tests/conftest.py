"""Shared fixtures: where the sample dumps are, and the property-test profile."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("smalldump", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("smalldump")

_SKIPPED_IN_THE_GATE = ("root may read everything",)
"""Reasons that hold there, too: the gate runs as root on Linux. What else is skipped there is a hole in the gate."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In the gate a test that is skipped has failed, unless its reason is one that must hold there."""
    report = yield
    if report.skipped and os.environ.get("SMALLDUMP_CI") and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not any(allowed in reason for allowed in _SKIPPED_IN_THE_GATE):
            report.outcome, report.longrepr = "failed", f"{item.nodeid} is skipped in the gate: {reason}"
    return report


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of sample dumps with their ground truth: real ones, which never enter the repository."""
    folder = os.environ.get("SMALLDUMP_SAMPLES")
    if not folder:
        if os.environ.get("SMALLDUMP_CI"):
            pytest.fail("SMALLDUMP_SAMPLES is unset: the gate must run with the sample dumps")
        pytest.skip("SMALLDUMP_SAMPLES is unset: it names the folder of sample dumps (see CONTRIBUTING.md)")
    return Path(folder)
