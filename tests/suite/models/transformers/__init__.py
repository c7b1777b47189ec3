"""Tests of suite/models/transformers/."""
