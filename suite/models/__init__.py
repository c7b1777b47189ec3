"""Which checkpoints there are, and who answers: a file a backend."""
