"""Tests of suite/items/."""
