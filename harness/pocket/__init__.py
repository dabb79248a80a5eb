"""The pocket ladder: five small models of a made-up world, and all that makes them again from a seed."""
