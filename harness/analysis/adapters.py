"""From the case tables to dense arrays, and what may stand beside what."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.analysis.arms import Arm, CaseGrid, Questions
from harness.analysis.case_rows import Places, case_rows, places_of, value_codes
from harness.analysis.cells import LOSS, answered_rows, correct_rows
from harness.analysis.comparable import Marks, left_out_cells
from harness.analysis.frame import CaseTables, as_read, folded, metric_columns
from harness.analysis.intervals import FloatArray, IntArray
from harness.analysis.model_sizes import ModelSize
from harness.analysis.order import condition_key
from harness.analysis.question_table import CORRECT
from harness.errors import HarnessError
from harness.records import ModelSpec
from harness.registry.catalog import tier

if TYPE_CHECKING:
    from pandas import DataFrame, Series

MEASURED = ("primary", "confidence", LOSS, "latency_s", "concurrency")
MARKS = ("question_hash", "scorer", "rubric", "dataset_hash", "cluster", "task")
UNJUDGED = ("scorer", "rubric")  # which a case without an answer does not have
MEASURED_MOST = 1e100  # whatever was measured is smaller, and squares of larger values overflow
CONTEXTS = ("none", "retrieved", "gold", "distractor")


def case_grid(tables: CaseTables) -> CaseGrid:
    """The cases as arrays, cells in study order; what cannot stand beside the others is left out with the reason.

    The question set is the one that most cells were asked. A cell with another set, or without any answer, or whose
    questions have another text, gold answer, scorer, cluster or task under the same id, is left out; none is cut down
    to what it shares with the others. Exact repeats of a case count once.

    Args:
        tables: the case and detail columns on the same rows, in any order; none gives a grid without arms.

    Raises:
        HarnessError: a case stands twice with different values, a row names no model, condition, data set or question,
            a model has two sizes, or a condition two contexts.
    """
    cases, details = case_rows(tables)
    places = places_of(cases)
    marks = _marks(cases, details, places)
    arms, order = _arms(tables, cases, details, places)
    answered = np.asarray(places.dense(answered_rows(cases).astype(np.float64), 0.0), dtype=np.float64)
    asked = np.asarray(places.dense(np.ones(len(cases), dtype=np.bool_), 0), dtype=np.bool_)
    judged = left_out_cells(asked[order], answered[order] > 0, {name: codes[order] for name, codes in marks.items()})
    labels = _labels([arms[cell] for cell in order], cases["repeat"].to_numpy()[places.first_of_cell][order])
    kept = order[judged.kept]
    rows = np.asarray(places.dense(np.arange(len(cases)), 0), dtype=np.intp)
    columns = {name: array[kept][:, judged.questions] for name, array in _columns(cases, places).items()}
    unique = tuple(dict.fromkeys(arms[cell] for cell in kept))
    return CaseGrid(
        arms=unique,
        arm_of=np.array([unique.index(arms[cell]) for cell in kept], dtype=np.intp),
        repeats=cases["repeat"].to_numpy(dtype=np.intp)[places.first_of_cell][kept],
        questions=_questions(cases, details, rows[kept[:1]][:, judged.questions].ravel()),
        columns=columns | {"flipped": _flipped(details, places)[kept][:, judged.questions]},
        metrics=metric_columns(cases),
        answers=_answers(tables, cases, details, places, (kept, judged.questions)),
        sources=_sources(cases),
        left_out=tuple((labels[place], why) for place, why in judged.reasons),
    )


def _marks(cases: "DataFrame", details: "DataFrame", places: Places) -> Marks:
    made = {}
    for name in MARKS:
        table = details if name in details.columns else cases
        if name in table.columns:
            # a question without a cluster or a task is one that has none
            codes = value_codes(table[name])[0] + (name not in UNJUDGED)
            made[name] = np.asarray(places.dense(codes, -1), dtype=np.intp)
    return made


def _columns(cases: "DataFrame", places: Places) -> dict[str, FloatArray]:
    named = {
        CORRECT: correct_rows(cases).astype(np.float64),
        "answered": answered_rows(cases).astype(np.float64),
    }
    there = named["answered"] == 1
    for name in (*metric_columns(cases), *(name for name in MEASURED if name in cases.columns)):
        values = cases[name].to_numpy(dtype=np.float64, na_value=np.nan)
        named[name] = np.where((np.abs(values) <= MEASURED_MOST) & there, values, np.nan)
    if "confidence_source" in cases.columns:
        codes = value_codes(cases["confidence_source"])[0].astype(np.float64)
        named["source"] = np.where(codes >= 0, codes, np.nan)
    made = {name: places.dense(values, np.nan) for name, values in named.items()}
    return {name: np.asarray(array, dtype=np.float64) for name, array in made.items()}


def _flipped(details: "DataFrame", places: Places) -> FloatArray:
    empty = np.full(len(places.cell), np.nan)
    values = details["flipped"].to_numpy(dtype=np.float64, na_value=np.nan) if "flipped" in details.columns else empty
    return np.asarray(places.dense(values, np.nan), dtype=np.float64)


def _arms(
    tables: CaseTables, cases: "DataFrame", details: "DataFrame", places: Places
) -> tuple[list[Arm], NDArray[np.intp]]:
    """The arm of each cell, and the cells in study order."""
    specs = {result.case.model: result.case.cell.model for result in tables.results}
    sizes = _sizes(cases, specs)
    names = ("context", "quantisation", "adapter")
    settings = {name: _one_per_cell(details, places, name) for name in names if name in details.columns}
    models, conditions = (cases[name].to_numpy(dtype=object)[places.first_of_cell] for name in ("model", "condition"))
    arms = []
    for cell, (model, condition) in enumerate(zip(models, conditions, strict=True)):
        size = sizes[str(model)]
        usable = size.params_b is not None and isfinite(size.params_b) and size.params_b > 0
        found = {name: values[cell] for name, values in settings.items()}
        if found["context"] not in CONTEXTS:
            raise HarnessError(
                f"condition {condition!r} has context {found['context']!r}: one of {', '.join(CONTEXTS)}"
            )
        arms.append(
            Arm(
                size=size,
                condition=str(condition),
                context=found["context"] or "",
                tier=tier(size.params_b) if usable else None,
                quantisation=found.get("quantisation"),
                adapter=found.get("adapter"),
            )
        )
    repeats = cases["repeat"].to_numpy(dtype=np.intp)[places.first_of_cell]
    order = sorted(range(len(arms)), key=lambda cell: (_arm_key(arms[cell]), int(repeats[cell])))
    return arms, np.array(order, dtype=np.intp)


def _arm_key(arm: Arm) -> tuple[object, ...]:
    size = arm.size.params_b
    known = size is not None and isfinite(size)
    return (not known, size if known else 0.0, arm.model, condition_key(arm.condition, arm.context))


def _sizes(cases: "DataFrame", specs: Mapping[str, ModelSpec]) -> dict[str, ModelSize]:
    codes, names = value_codes(cases["model"])
    params = cases["params_b"].to_numpy(dtype=np.float64, na_value=np.nan)
    made = {}
    for code, name in enumerate(names):
        found = np.unique(params[codes == code])  # NaN is one value
        if len(found) > 1:
            raise HarnessError(f"model {name!r} has two sizes, {found[0]:g} and {found[1]:g} billion: report one run")
        spec = specs.get(str(name))
        made[str(name)] = ModelSize(
            model=str(name),
            params_b=None if np.isnan(found[0]) else float(found[0]),
            active_params_b=None if spec is None else spec.active_params_b,
            family=(spec.family or None) if spec is not None else None,
        )
    return made


def _one_per_cell(details: "DataFrame", places: Places, name: str) -> list[str | None]:
    codes, found = value_codes(details[name])
    first = codes[places.first_of_cell]
    if (unlike := np.flatnonzero(codes != first[places.cell])).size:
        two = sorted(
            str(found[code]) if code >= 0 else "none" for code in {first[places.cell[unlike[0]]], codes[unlike[0]]}
        )
        raise HarnessError(f"one cell has {name} {two[0]!r} and {two[1]!r} at once: report one run")
    return [None if code < 0 else str(found[code]) for code in first]


def _labels(arms: Sequence[Arm], repeats: NDArray[np.generic]) -> list[str]:
    several = {arm for arm in arms if sum(arm == other for other in arms) > 1} if len(set(arms)) < len(arms) else set()
    return [
        f"{arm.label} repeat {repeat}" if arm in several else arm.label
        for arm, repeat in zip(arms, repeats, strict=True)
    ]


def _questions(cases: "DataFrame", details: "DataFrame", rows: IntArray) -> Questions:
    part = cases.iloc[rows]
    datasets, ids = (tuple(str(name) for name in part[column]) for column in ("dataset", "question_id"))
    clusters, tasks = (
        part[name].tolist() if name in part.columns else [None] * len(rows) for name in ("cluster", "task")
    )
    names = [
        f"{dataset}\x1f" + (f"question {question}" if _is_missing(cluster) else f"cluster {cluster}")
        for dataset, question, cluster in zip(datasets, ids, clusters, strict=True)
    ]
    guess = np.zeros(len(rows))
    if "guess" in details.columns:
        values = details["guess"].to_numpy(dtype=np.float64, na_value=np.nan)[rows]
        guess = np.where((values >= 0) & (values < 1), values, 0.0)
    return Questions(
        datasets=datasets,
        ids=ids,
        tasks=tuple(None if _is_missing(task) else str(task) for task in tasks),
        clusters=np.unique(np.array(names, dtype=np.str_), return_inverse=True)[1].astype(np.intp),
        guess=guess,
    )


def _answers(
    tables: CaseTables, cases: "DataFrame", details: "DataFrame", places: Places, kept: tuple[IntArray, IntArray]
) -> IntArray | None:
    texts = _texts(tables, cases, details)
    if texts is None:
        return None
    codes = np.asarray(places.dense(value_codes(texts)[0], -1), dtype=np.intp)
    return np.asarray(codes[kept[0]][:, kept[1]])


def _texts(tables: CaseTables, cases: "DataFrame", details: "DataFrame") -> "Series | None":
    """The answers as read, folded so that case and spaces do not tell them apart; nothing for a blank."""
    from pandas import Series

    if "answer" in details.columns:
        said = details["answer"].tolist()
    elif tables.results:
        said = [as_read(tables.results[int(place)]) for place in cases.index]
    else:
        return None
    codes, texts = value_codes(Series(said, dtype="object"))
    known = np.array([folded(str(text)) for text in texts] + [None], dtype=object)
    return Series(known[codes], dtype="object")  # a missing one has code -1, the last


def _sources(cases: "DataFrame") -> tuple[str, ...]:
    named = "confidence_source" in cases.columns
    return tuple(str(name) for name in value_codes(cases["confidence_source"])[1]) if named else ()


def _is_missing(value: object) -> bool:
    return value is None or (value == value) is not True  # noqa: PLR0124 - NaN and NA are not equal to themselves
