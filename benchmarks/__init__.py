"""Benchmarks: ratios against a reference measured in the same run, never tests."""

from __future__ import annotations
