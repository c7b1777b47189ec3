"""Tests of analyses/paper/."""
