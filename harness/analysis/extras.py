"""The packages that the analysis needs and the core does not install."""

from importlib.util import find_spec

from harness.errors import MissingExtra


def require(*packages: str) -> None:
    """Raise MissingExtra when any of the packages cannot be imported here."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise MissingExtra("the report", "report", missing)
