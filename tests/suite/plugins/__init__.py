"""Tests of suite/models/."""
