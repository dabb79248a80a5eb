"""Hypothesis profiles: quick and repeatable in CI, wider by hand with --hypothesis-profile=thorough."""

from hypothesis import settings

settings.register_profile("ci", max_examples=60, deadline=None, derandomize=True)
settings.register_profile("thorough", max_examples=1000, deadline=None)
settings.load_profile("ci")
