"""Benchmarks, run by hand: `python -m tests.benchmarks.NAME`. Their output is in results/."""
