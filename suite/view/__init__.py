"""The item browser: a run's items in a web browser, served on this machine alone."""
