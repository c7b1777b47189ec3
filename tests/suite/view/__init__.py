"""Tests of suite/view/."""
