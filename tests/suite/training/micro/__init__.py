"""Tests of suite/training/micro/."""
