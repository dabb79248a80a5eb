"""Keys of services: taken from the environment only, and held so that nothing prints them."""

import os
from collections.abc import Iterable, Mapping
from typing import NoReturn

from harness.errors import HarnessError


class Key:
    """A secret with the name of its variable, which is all that is ever shown."""

    __slots__ = ("_value", "variable")

    def __init__(self, value: str, variable: str) -> None:
        self._value = value
        self.variable = variable

    def __repr__(self) -> str:
        return f"Key({self.variable})"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"the key of {self.variable} is not to be copied out of this process")

    def reveal(self) -> str:
        """The secret itself; only for the client that sends it."""
        return self._value


def find_key(variables: Iterable[str], environ: Mapping[str, str] | None = None) -> Key | None:
    """The key in the first of the variables that is set and not blank; None where there is none.

    Raises:
        HarnessError: the value cannot be sent in a header; it is not shown.
    """
    environ = os.environ if environ is None else environ
    for variable in variables:
        value = environ.get(variable, "").strip()
        if value:
            if not (value.isascii() and value.isprintable()) or " " in value:
                raise HarnessError(
                    f"{variable} holds characters that no key has (a line break, a space, a letter outside ASCII): "
                    "set it again"
                )
            return Key(value, variable)
    return None
