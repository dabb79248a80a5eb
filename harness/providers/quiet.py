"""Loading weights without bars and chatter on a terminal that belongs to someone else; imports transformers."""

from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from io import StringIO

from transformers.utils import logging


@contextmanager
def quiet() -> Iterator[None]:
    """Silence transformers' progress bars and warnings, and give them back as they were.

    What is written to `sys.stderr` meanwhile is dropped: some of its bars know no other switch.
    """
    verbosity = logging.get_verbosity()
    bars = logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        with redirect_stderr(StringIO()):
            yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
