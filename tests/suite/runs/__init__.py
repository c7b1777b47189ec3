"""Tests of suite/runs/."""
