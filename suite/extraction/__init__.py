"""Training data for perception: conversations -> statements -> descriptions -> training rows."""
