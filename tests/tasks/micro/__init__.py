"""Tests of tasks/micro/."""
