"""Shared fixtures: where the sample dumps are, and the property-test profile."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("smalldump", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("smalldump")


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of sample dumps with their ground truth: real ones, which never enter the repository."""
    folder = os.environ.get("SMALLDUMP_SAMPLES")
    if not folder:
        if os.environ.get("SMALLDUMP_CI"):
            pytest.fail("SMALLDUMP_SAMPLES is unset: the gate must run with the sample dumps")
        pytest.skip("SMALLDUMP_SAMPLES is unset: it names the folder of sample dumps (see CONTRIBUTING.md)")
    return Path(folder)
