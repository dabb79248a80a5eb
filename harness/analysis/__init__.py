"""What the cases say: frame in, frozen results out."""
