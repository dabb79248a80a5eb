"""Seconds from the last answer to the written report, for some tens of thousands of stored cases, as JSON.

The cases are the planted study's five models and three conditions over many made-up questions; medians of runs.
Run: python benchmarks/measure_report.py [questions] [runs]
"""

import json
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from harness.datasets.planted import planted_dataset
from harness.engine import Engine
from harness.planning import Planner, Sources
from harness.records import Case, Selection
from harness.report.door import Target, write_report
from harness.results import case_results, rescore
from harness.store import Store
from harness.study import Study, build_study
from harness.studyfile import builtin_text, parse_study


def large_study(questions: int) -> Study:
    """The planted study over that many questions."""
    small = build_study(parse_study(builtin_text("planted"), "planted"), Selection(), Path())
    data = planted_dataset(n=questions, n_clusters=max(12, questions // 10))
    cases = tuple(
        Case(cell=cell, question=question, label=f"{cell.label}-{question.id}".replace(":", "-"))
        for cell in small.cells
        for question in data.questions
    )
    return replace(small, datasets={"planted": data}, cases=cases, batch_size=256)


def answered(study: Study, path: Path) -> float:
    started = time.perf_counter()
    with Store(path) as store:
        engine = Engine(study, store)
        engine.select([[case for case in study.cases if case.cell.label == cell.label] for cell in study.cells])
        for case in study.cases:
            engine.answer(case)
        engine.close()
        # a run scores each answer as it comes: what is measured here is what follows the last of them
        rescore(study, Planner(study, Sources(study)), store, study.cases)
    return time.perf_counter() - started


def reported(study: Study, path: Path, folder: Path) -> tuple[float, float]:
    started = time.perf_counter()
    with Store(path) as store:
        results = case_results(study, Planner(study, Sources(study)), store, study.cases)
    read = time.perf_counter()
    write_report(study, results, Target(run="r", folder=folder / "r", root=folder, hardware="-", weights={}))
    return read - started, time.perf_counter() - read


def main() -> None:
    questions, runs = (int(value) for value in (sys.argv[1:] + ["3334", "3"][len(sys.argv) - 1 :])[:2])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        study = large_study(questions)
        answering = answered(study, folder / "answers.sqlite")
        pairs = [reported(study, folder / "answers.sqlite", folder) for _ in range(runs)]
    found = {
        "cases": len(study.cases),
        "answering_s": round(answering, 2),
        "reading_and_scoring_s": round(statistics.median(one for one, _ in pairs), 2),
        "report_s": round(statistics.median(other for _, other in pairs), 2),
        "runs": runs,
    }
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
