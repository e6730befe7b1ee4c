"""Invented machines, each with the story of one crash: the example dumps, and the presets of the tests."""

from __future__ import annotations
