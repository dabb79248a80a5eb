"""Questions and passages, read from files."""
