"""Tests of suite/engine/."""
