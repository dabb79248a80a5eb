"""The figures of the report: each one specification, its finding in words, and what its intervals are."""
