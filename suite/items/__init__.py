"""Which tasks there are and what they ask."""
