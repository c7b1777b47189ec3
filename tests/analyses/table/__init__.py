"""Tests of analyses/table/."""
