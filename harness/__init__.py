"""pytest-scaling: what model size buys on your questions, and what retrieval buys instead."""

__version__ = "0.1.0"
