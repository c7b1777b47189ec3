"""Tests of suite/base/."""
