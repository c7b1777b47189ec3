"""NIGHTS: which of two images people find more similar to a third (arXiv:2306.09344)."""
