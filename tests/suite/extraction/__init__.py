"""Tests of suite/extraction."""
