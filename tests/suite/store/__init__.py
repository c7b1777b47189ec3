"""Tests of suite/store/."""
