"""What goes wrong by a user's hand, each told in one line: what, the value, what is allowed, what to do."""

from collections.abc import Iterable
from difflib import get_close_matches


class HarnessError(Exception):
    """A mistake that its user can mend; the text is one line and is all that is shown."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class UnknownName(HarnessError):
    """A name that none of the known ones equals."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        super().__init__(f"unknown {kind} {name!r}: {hint}known: {', '.join(names) or 'none'}")


class StudyError(HarnessError):
    """A study file, or the options over it, that cannot be run."""


class DataError(HarnessError):
    """A file of questions or passages that cannot be read as it stands."""


class WeightsMissing(HarnessError):
    """A model whose weights are not on this machine."""


class ModelTooLarge(HarnessError):
    """A model that cannot fit the memory it would be loaded into."""


class MissingExtra(HarnessError):
    """A part that needs packages which are not installed."""

    def __init__(self, part: str, extra: str, packages: Iterable[str]) -> None:
        super().__init__(
            f"{part} needs {', '.join(packages)}, not installed here: pip install 'pytest-scaling[{extra}]'"
        )


class StoreError(HarnessError):
    """A store file that is not one, comes from a newer version, or cannot be opened."""
