"""Data sets of a hub, by `hub:OWNER/NAME[:SPLIT]`, and only with permission to download."""

import os
import re
from collections.abc import Sequence
from importlib import import_module

from harness.datasets.rows import Row
from harness.errors import DataError

PREFIX = "hub:"
DEFAULT_SPLIT = "test"
_ADDRESS = re.compile(r"hub:((?:[\w.-]+/)?[\w.-]+)(?::([\w.+\[\]%:-]+))?")
_YES = frozenset({"1", "true", "yes", "on"})


def hub_rows(address: str, *, download: bool) -> Sequence[Row]:
    """The rows of a split, `test` when none is named, each with its number, counted from 1, for a line.

    Args:
        address: `hub:OWNER/NAME` or `hub:OWNER/NAME:SPLIT`.
        download: whether the network may be used; HARNESS_DOWNLOAD=1 in the environment says so as well.

    Raises:
        DataError: the address is none, downloads are not permitted, the package `datasets` is not installed, or it
            cannot load the split.
    """
    found = _ADDRESS.fullmatch(address)
    if not found:
        raise DataError(f"{address!r} is no data set of a hub: write hub:OWNER/NAME or hub:OWNER/NAME:SPLIT")
    if not download and os.environ.get("HARNESS_DOWNLOAD", "").strip().lower() not in _YES:
        raise DataError(f"{address} would be downloaded: allow it with HARNESS_DOWNLOAD=1, or name a file instead")
    name, split = found[1], found[2] or DEFAULT_SPLIT
    return [Row(place=f"{address}:{number}", fields=item) for number, item in enumerate(_load(name, split), 1)]


def _load(name: str, split: str) -> list[dict[str, object]]:
    try:
        load_dataset = import_module("datasets").load_dataset
    except ImportError:
        raise DataError(
            f"the hub data set {name} needs the package datasets, not installed here: pip install datasets"
        ) from None
    try:
        return [dict(item) for item in load_dataset(name, split=split)]
    except Exception as error:  # noqa: BLE001  the package raises errors of many libraries, all the user's to mend
        raise DataError(f"split {split} of the hub data set {name} cannot be loaded: {error}") from None
