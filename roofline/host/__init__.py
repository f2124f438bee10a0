"""What this host is, and the children that measure on it."""
