"""Tests of the benchmarks, on files of their true schema that the tests make."""
