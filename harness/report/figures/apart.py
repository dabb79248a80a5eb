"""Figures drawn by processes of their own, beside whatever the caller does meanwhile.

The renderer holds the interpreter's lock while it draws, so that a thread would gain nothing.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from harness.report.figures.figure import Figure
from harness.report.figures.render import draw_spec, drawing_of, write

PROCESSES = 2
PATIENCE_S = 120.0
JOBS = "jobs.json"
MODULE = "harness.report.figures.apart"


class Drawers:
    """Processes that get ready to draw at once, and are ended with the context."""

    def __enter__(self) -> Self:
        """Start them."""
        self._place = TemporaryDirectory()
        self._processes = [_start(self._of(part)) for part in range(PROCESSES)]
        return self

    def __exit__(self, *_: object) -> None:
        """End those that still run."""
        for process in self._processes:
            process.kill()
            process.wait()
        self._place.cleanup()

    @contextmanager
    def drawing(
        self, files: Sequence[Figure], others: Sequence[Figure], folder: Path, drawn: dict[Figure, str]
    ) -> Iterator[None]:
        """Write the files of some figures into a folder and draw others too, while the body runs; once only.

        Behind the body `drawn` holds what the renderer made of each figure. One that its process could not draw is not
        there, and its files may be missing.
        """
        jobs = [(figure, figure in files) for figure in (*files, *others)]
        for part, process in enumerate(self._processes):
            _give(process, self._of(part), jobs[part::PROCESSES], folder)
        yield
        for part, process in enumerate(self._processes):
            _end(process)
            for number, (figure, _) in enumerate(jobs[part::PROCESSES]):
                if (path := self._of(part) / f"{number}.svg").is_file():
                    drawn[figure] = path.read_text(encoding="utf-8")

    def _of(self, part: int) -> Path:
        return Path(self._place.name, str(part))


def _start(place: Path) -> subprocess.Popen[bytes]:
    place.mkdir()
    return subprocess.Popen(  # noqa: S603 - this interpreter, this module, a folder of our own
        [sys.executable, "-P", "-m", MODULE, str(place)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _give(process: subprocess.Popen[bytes], place: Path, share: Sequence[tuple[Figure, bool]], folder: Path) -> None:
    told = {"folder": str(folder.absolute()), "figures": [[asdict(figure), has_files] for figure, has_files in share]}
    (place / JOBS).write_text(json.dumps(told), encoding="utf-8")
    if process.stdin is not None:
        with suppress(OSError):  # it ended before it was told
            process.stdin.write(b"draw\n")
            process.stdin.close()


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
    draw_spec({"mark": "point", "data": {"values": []}})  # the renderer's first drawing takes longest
    if sys.stdin.readline():  # nothing comes from a parent that is gone
        draw_share(Path(sys.argv[1]))
