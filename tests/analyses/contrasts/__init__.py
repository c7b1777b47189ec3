"""Tests of analyses/contrasts/."""
