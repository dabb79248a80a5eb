"""Pure functions from one case to a number."""
