"""Tests of suite/."""
