"""Analyses of scored answers: frame in, frame out. Nothing here imports `suite`."""
