"""Figures drawn by processes of their own, beside whatever the caller does meanwhile.

The renderer holds the interpreter's lock while it draws, so that a thread would gain nothing.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.report.figures.figure import Figure
from harness.report.figures.render import drawing_of, write

PROCESSES = 2
PATIENCE_S = 120.0
JOBS = "jobs.json"
MODULE = "harness.report.figures.apart"


@contextmanager
def drawn_apart(
    files: Sequence[Figure], others: Sequence[Figure], folder: Path, drawn: dict[Figure, str]
) -> Iterator[None]:
    """Write the files of some figures into a folder and draw others too, while the body runs.

    Behind the body `drawn` holds what the renderer made of each figure. One that its process could not draw is not
    there, and its files may be missing.
    """
    jobs = [(figure, figure in files) for figure in (*files, *others)]
    with TemporaryDirectory() as name:
        shares = [(Path(name, str(part)), jobs[part::PROCESSES]) for part in range(PROCESSES)]
        running = [_start(place, share, folder) for place, share in shares]
        try:
            yield
        except BaseException:
            for process in running:
                process.kill()
            raise
        finally:
            for process in running:
                _end(process)
        for place, share in shares:
            for number, (figure, _) in enumerate(share):
                if (path := place / f"{number}.svg").is_file():
                    drawn[figure] = path.read_text(encoding="utf-8")


def _start(place: Path, share: Sequence[tuple[Figure, bool]], folder: Path) -> subprocess.Popen[bytes]:
    place.mkdir()
    told = {"folder": str(folder.absolute()), "figures": [[asdict(figure), has_files] for figure, has_files in share]}
    (place / JOBS).write_text(json.dumps(told), encoding="utf-8")
    return subprocess.Popen(  # noqa: S603 - this interpreter, this module, a folder of our own
        [sys.executable, "-P", "-m", MODULE, str(place)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    """Wait for it, but not for ever: what it leaves undone is drawn by the caller."""
    try:
        process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def draw_share(place: Path) -> None:
    """Do the jobs of a folder: NUMBER.svg beside them is what the renderer drew, put there when it is whole."""
    told = json.loads((place / JOBS).read_text(encoding="utf-8"))
    for number, (fields, has_files) in enumerate(told["figures"]):
        figure = Figure(**fields)
        if has_files:
            write(figure, Path(told["folder"]))
        partial = place / f"{number}.part"
        partial.write_text(drawing_of(figure), encoding="utf-8")
        partial.rename(place / f"{number}.svg")


if __name__ == "__main__":
    draw_share(Path(sys.argv[1]))
