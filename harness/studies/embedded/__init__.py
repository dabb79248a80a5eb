"""The embedded study: an invented region, questions about it, and the generator of those that need reckoning."""
