"""Data sets by their spec: a file, a data set of a hub, or a built-in name."""

from pathlib import Path

from harness.datasets.assemble import assembled, together
from harness.datasets.builtin import builtin_dataset
from harness.datasets.files import read_contents, shown
from harness.datasets.formats import rows_contents
from harness.datasets.hub import PREFIX, hub_rows
from harness.datasets.parse import Contents
from harness.errors import StudyError
from harness.records import Dataset, DatasetSpec


def load_dataset(spec: DatasetSpec, *, download: bool = False) -> Dataset:
    """Read a data set, all of it or nothing.

    `path` is a file or `hub:OWNER/NAME[:SPLIT]`; `corpus` and `shots` are files; all are relative to `base`. The
    paragraphs of a SQuAD file are its corpus, and a corpus beside it is added to them.

    Args:
        spec: where it comes from.
        download: whether a data set of a hub may be fetched.

    Returns:
        The data set with a hash that covers all its content.

    Raises:
        StudyError: the spec does not name exactly one of path and builtin, or gives files to a built-in one.
        DataError: a file cannot be read, or something in it is wrong: one line with the first five places.
        UnknownName: no built-in data set has the name, or no question has the field of `cluster`.
        MissingExtra: a file is Parquet and pyarrow is not installed.
    """
    if (spec.path is None) == (spec.builtin is None):
        raise StudyError(f"data set {spec.name!r} needs either path or builtin: give one of the two")
    if spec.builtin is not None:
        if spec.corpus or spec.shots:
            raise StudyError(f"data set {spec.name!r} is built in with its own corpus and shots: leave those keys out")
        return builtin_dataset(spec)
    source, base = str(spec.path), Path(spec.base)
    if source.startswith(PREFIX):
        contents, file = rows_contents((hub_rows(source, download=download), ()), "questions"), source
    else:
        contents, file = read_contents(base / source, "questions"), shown(base / source)
    corpus = read_contents(base / spec.corpus, "passages") if spec.corpus else Contents()
    shots = read_contents(base / spec.shots, "shots") if spec.shots else Contents()
    hint = f"{file} --corpus {shown(base / spec.corpus)}" if spec.corpus else file
    return assembled(spec, together(contents, corpus, shots), hint)
