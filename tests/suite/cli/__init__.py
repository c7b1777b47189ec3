"""Tests of suite/cli/."""
