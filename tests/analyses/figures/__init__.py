"""Tests of analyses/figures/."""
