"""The published tables and their claims."""
