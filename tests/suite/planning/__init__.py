"""Tests of suite/planning/."""
