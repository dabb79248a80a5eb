"""Figures drawn by other processes are those drawn here, and nothing is missing when these fail."""

from pathlib import Path

import pytest

from harness.report.figures import apart
from harness.report.figures.apart import drawn_apart
from harness.report.figures.catalog import draw
from harness.report.figures.figure import NARROW, Figure, FigureData
from harness.report.figures.render import drawing_of, write
from harness.report.visual import Figures, figures_written
from tests.report.figures.figure_runs import priced

pytest.importorskip("vl_convert")
STEMS = ("key_figure", "direct_scaling", "rag_uplift")


@pytest.fixture(scope="module")
def figures() -> Figures:
    data = priced(4, ("direct", "rag"), 40)
    return Figures(wide=drawn(data), narrow=drawn(data, NARROW))


def drawn(data: FigureData, *width: int) -> dict[str, Figure]:
    found = {stem: draw(stem, data, *width) for stem in STEMS}
    return {stem: figure for stem, figure in found.items() if isinstance(figure, Figure)}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def here(figures: Figures, folder: Path) -> dict[str, bytes]:
    for figure in figures.wide.values():
        write(figure, folder)
    return contents(folder)


def test_files_and_drawings_are_the_same_bytes_as_here(figures: Figures, tmp_path: Path) -> None:
    with figures_written(figures, tmp_path, apart=True) as texts:
        assert not texts
    assert contents(tmp_path / "figures") == here(figures, tmp_path / "here")
    every = [*figures.wide.values(), *figures.narrow.values()]
    assert len(every) == 2 * len(STEMS)
    assert {figure: drawing_of(figure) for figure in every} == texts


def test_figures_of_processes_that_fail_are_written_all_the_same(
    figures: Figures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "MODULE", "no.such.module")
    with figures_written(figures, tmp_path, apart=True) as texts:
        pass
    assert not texts
    assert contents(tmp_path / "figures") == here(figures, tmp_path / "here")


def test_an_error_meanwhile_ends_the_processes(
    figures: Figures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    start = apart._start
    monkeypatch.setattr(apart, "_start", lambda *told: started.append(start(*told)) or started[-1])
    with pytest.raises(RuntimeError, match="disk"), drawn_apart(tuple(figures.wide.values()), (), tmp_path, {}):
        raise RuntimeError("disk full")
    assert len(started) == apart.PROCESSES
    assert all(process.returncode is not None for process in started)


def test_a_process_that_hangs_is_not_waited_for(
    figures: Figures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "PATIENCE_S", 0.0)
    with figures_written(figures, tmp_path, apart=True):
        pass
    assert contents(tmp_path / "figures") == here(figures, tmp_path / "here")
