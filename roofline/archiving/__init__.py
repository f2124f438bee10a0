"""What the archive commands do: records copied, checked, corrected, queried as one table."""
