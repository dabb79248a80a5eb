"""From a study and what the store holds of it to the written report: the one way in for plugin and command."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.analysis.extras import require
from harness.analysis.run import RunInfo, retrieval_factors
from harness.metrics.table import metric
from harness.records import CaseResult
from harness.report.actions import tell_github
from harness.report.manifest import Stamps, manifest
from harness.report.sections_verdicts import Claimed
from harness.report.terminal import Wider, render
from harness.report.write import FORMATS, HTML_PACKAGES, PACKAGES, Told, Written, figure_data, write_run
from harness.results import scores_again
from harness.retrieval.base import build_retriever
from harness.study import Study

FIRST = ("index.html", "report.md")
# of a selection: where weights may come from, and what describes a model instead of choosing it
UNTOLD = ("download", "extra_models")
PRIMARY_AUTO = "exact match (text) or value accuracy (other types)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a report goes and how it is shown; `root` is the project's folder, `width` and `colour` the terminal's.

    `hardware` names the machine, `weights` maps a model's name to the fingerprint of what answered.
    """

    run: str
    folder: Path
    root: Path
    hardware: str
    weights: Mapping[str, str]
    width: int = 80
    colour: bool = False
    formats: Sequence[str] = FORMATS
    claims: Sequence[Claimed] = ()


def write_report(study: Study, results: Sequence[CaseResult], target: Target) -> list[str]:
    """Write the report of a run; returns the lines for the terminal.

    Raises:
        HarnessError: nothing to report, packages missing, or the folder cannot be replaced.
    """
    told = Told(
        again=scores_again(study, results),
        claims=target.claims,
        templates=study.templates,
        formats=target.formats,
    )
    written = write_run(results, run_info(study, results, target), target.folder, told)
    wider = Wider(analysis=written.analysis, claims=target.claims)
    text = render(
        written.summary, width=target.width, colour=target.colour, places=_places(written, target.root), wider=wider
    )
    return [*text.splitlines(), *tell_github(written.report, target.claims)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plots:
    """Which figures to draw, where to, and in which of svg, png and pdf."""

    names: Sequence[str]
    folder: Path
    formats: Sequence[str]


def plot(study: Study, results: Sequence[CaseResult], target: Target, plots: Plots) -> list[str]:
    """Draw figures of a run; returns a line for each: its files, or why it cannot be drawn.

    Raises:
        UnknownName: there is no such figure, or no such format.
        HarnessError: as write_report.
    """
    require(*PACKAGES, *HTML_PACKAGES)
    from harness.report.visual import draw_files  # needs altair

    data = figure_data(results, run_info(study, results, target))
    return draw_files(data, plots.names, plots.folder, plots.formats)


def _places(written: Written, root: Path) -> list[str]:
    """Where to look first, then the whole folder, from the project's folder where it lies below that."""
    place = os.path.relpath(written.folder, root)
    shown = place if not place.startswith("..") else str(written.folder)
    first = next((name for name in FIRST if name in written.files), "")
    return [f"{shown}/{name}" for name in dict.fromkeys((first, ""))]


def run_info(study: Study, results: Sequence[CaseResult], target: Target) -> RunInfo:
    """What the analysis must know of the run."""
    better = {name: metric(name).higher_is_better for name, version in _versions(results) if version}
    return RunInfo(
        run=target.run,
        study=study.name,
        primary=PRIMARY_AUTO if study.primary == "auto" else study.primary,
        planned=len(study.cases),
        correct_at=study.correct_at,
        margin=study.margin,
        seed=study.seed,
        manifest=manifest(_stamps(study, results, target), rootdir=target.root),
        higher_is_better={name: higher for name, higher in better.items() if higher is not None},
        gammas={name: data.gamma for name, data in study.datasets.items()},
        factors=retrieval_factors((cell.condition for cell in study.cells), study.retriever),
    )


def _stamps(study: Study, results: Sequence[CaseResult], target: Target) -> Stamps:
    return Stamps(
        hardware=target.hardware,
        seeds={"study": study.seed, "decoding": study.decoding.seed},
        data={name: data.hash for name, data in study.datasets.items()},
        prompts={f"{name}: {template.name}": template.hash for name, template in study.templates.items()},
        weights=target.weights,
        retriever={study.retriever.kind: build_retriever(study.retriever, ()).hash},
        metrics=dict(_versions(results)),
        settings={
            "decoding": asdict(study.decoding),
            "retrieval": asdict(study.retriever),
            "runtime": asdict(study.runtime),
            "batch_size": study.batch_size,
            "selection": {
                name: value for name, value in asdict(study.selection).items() if value and name not in UNTOLD
            },
        },
    )


def _versions(results: Sequence[CaseResult]) -> list[tuple[str, int]]:
    """Each metric with its version; version 0 is a value that a test of the user's recorded."""
    return sorted({(score.metric, score.version) for result in results for score in result.scores})
