"""Tests of analyses/stats/."""
