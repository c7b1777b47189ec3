"""Tests of suite/training/vlm/."""
