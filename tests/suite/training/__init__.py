"""Tests of suite/training/."""
