"""Tests of the analyses, and the simulator they share."""
