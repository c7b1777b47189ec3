"""Benchmarks, one folder each, in lmms-eval's own YAML."""
