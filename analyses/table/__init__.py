"""The tidy table as matrices."""
