"""Records drawn for people: figures and tables."""
