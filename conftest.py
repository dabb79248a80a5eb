"""Hypothesis profiles: quick and repeatable in CI, wider by hand with --hypothesis-profile=thorough."""

from importlib.util import find_spec

if find_spec("hypothesis") is not None:  # running the study alone needs no property tests
    from hypothesis import settings

    settings.register_profile("ci", max_examples=60, deadline=None, derandomize=True)
    settings.register_profile("thorough", max_examples=1000, deadline=None)
    settings.load_profile("ci")
