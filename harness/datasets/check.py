"""Everything that is wrong in a file of questions, passages or worked examples."""

from pathlib import Path

from harness.datasets.assemble import all_problems, together
from harness.datasets.files import read_contents, shown
from harness.datasets.problems import Problem


def check_file(path: Path, *, corpus: Path | None = None) -> tuple[Problem, ...]:
    """All problems of a file, in its order; none means that it can be used.

    What it should hold is told by the fields of its first row: questions, passages, or worked examples.

    Args:
        path: the file, of any format that a data set may have.
        corpus: the passages that its questions are asked over; without it, gold passages are not looked up unless
            the file brings its own.

    Raises:
        DataError: a file is not there, is a folder, or may not be read.
        MissingExtra: a file is Parquet and pyarrow is not installed.
    """
    contents = read_contents(path)
    parts = [contents] if corpus is None else [contents, read_contents(corpus, "passages")]
    problems = all_problems(together(*parts))
    if not problems and not (contents.questions or contents.passages or contents.shots):
        return (Problem(place=shown(path), message="holds no rows"),)
    return problems
