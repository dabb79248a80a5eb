"""From a study and what the store holds of it to the written report: the one way in for plugin and command."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.analysis.run import RunInfo
from harness.metrics.table import metric
from harness.records import CaseResult
from harness.report.manifest import Stamps, manifest
from harness.report.terminal import render
from harness.report.write import write_run
from harness.results import scores_again
from harness.retrieval.base import build_retriever
from harness.study import Study

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


def write_report(study: Study, results: Sequence[CaseResult], target: Target) -> list[str]:
    """Write the report of a run; returns the lines for the terminal.

    Raises:
        HarnessError: nothing to report, packages missing, or the folder cannot be replaced.
    """
    again = scores_again(study, results)
    written = write_run(results, run_info(study, results, target), target.folder, again=again)
    place = os.path.relpath(written.folder, target.root)
    shown = place if not place.startswith("..") else str(written.folder)
    text = render(written.summary, width=target.width, colour=target.colour, places=[f"{shown}/report.md", f"{shown}/"])
    return text.splitlines()


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
        },
    )


def _versions(results: Sequence[CaseResult]) -> list[tuple[str, int]]:
    """Each metric with its version; version 0 is a value that a test of the user's recorded."""
    return sorted({(score.metric, score.version) for result in results for score in result.scores})
