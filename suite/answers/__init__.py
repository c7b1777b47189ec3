"""Reads and scores one text; knows no run."""
