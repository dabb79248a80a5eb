"""Models and hardware: what exists, how large it is, what fits."""
