"""A run's directory: what it holds, and of what it is made."""
