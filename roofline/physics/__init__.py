"""Pure arithmetic on records: theory, statistics and what physics forbids."""
