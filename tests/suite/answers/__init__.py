"""Tests of suite/answers/."""
