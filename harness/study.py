"""A study made ready: models x conditions x questions, as cells and cases with labels that are looked up."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from harness.claimfile import AnyClaim, cells_of, labelled
from harness.datasets.load import load_dataset
from harness.errors import DataError, HarnessError, StudyError, UnknownName
from harness.metrics.table import usable
from harness.prompts.catalog import find_template
from harness.providers.base import PROVIDERS
from harness.records import (
    Case,
    Cell,
    Condition,
    Context,
    Dataset,
    DatasetSpec,
    Decoding,
    ModelSpec,
    Quantisation,
    Question,
    RetrieverSpec,
    Runtime,
    Selection,
    Template,
)
from harness.registry.catalog import load_catalog, match_models
from harness.registry.spec_fields import ADAPTERS
from harness.retrieval.base import build_retriever
from harness.studyfile import DatasetTable, StudyFile

CONDITIONS: Mapping[str, Context] = {
    "direct": "none",
    "rag": "retrieved",
    "oracle": "gold",
    "distractor": "distractor",
}
ADAPTED: Mapping[str, tuple[str, Context]] = {
    adapter if context == "none" else f"{adapter}+{base}": (adapter, context)
    for adapter in ADAPTERS
    for base, context in CONDITIONS.items()
}
"""The adapter and the context of the conditions `ft`, `ft+rag` and so on: without a context, the question alone."""
QUANTISATIONS = ("fp32", "bf16", "fp16", "8bit", "4bit")
Asked = Sequence[tuple[Cell, Sequence[str]]]
"""Cells with the names of the data sets whose questions they are asked."""
DEFAULT_METRICS = ("exact_match", "f1", "contains", "answer_words", "value_accuracy", "value_accuracy_wattbot")


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """Everything that a run asks, of which models, and how it is judged; the same in every process.

    `batch_size` is None where it follows from the memory. `claims` are those of the study file, by label; `elsewhere`
    names the cells, as MODEL:CONDITION, that the study file has and this run's options leave out, `unlike` those of
    them that are asked no data set of this run's cells. `selection` is what the options said.
    """

    name: str
    seed: int
    margin: float
    primary: str
    correct_at: float
    metrics: tuple[str, ...]
    datasets: Mapping[str, Dataset]
    cells: tuple[Cell, ...]
    cases: tuple[Case, ...]
    retriever: RetrieverSpec
    decoding: Decoding
    templates: Mapping[str, Template]
    runtime: Runtime
    batch_size: int | None
    claims: Mapping[str, AnyClaim] = field(default_factory=dict)
    elsewhere: tuple[str, ...] = ()
    unlike: frozenset[str] = frozenset()
    selection: Selection = field(default_factory=Selection)


def build_study(file: StudyFile, selection: Selection, base: Path) -> Study:
    """The study of a file under the options' selection; relative paths start from `base`.

    Raises:
        HarnessError: an unknown name, unreadable data, or a study without models, questions or conditions.
    """
    datasets = _datasets(file, selection, base)
    asked = _asked(file, selection, base, _cells(file, selection, base))
    cells = tuple(cell for cell, _ in asked)
    retriever = _retriever(file)
    batch_size = selection.batch_size or file.runtime.batch_size
    elsewhere = _elsewhere(file, selection, base, cells)
    here = {name for _, names in asked for name in names}
    return Study(
        name=file.study.name,
        seed=file.study.seed,
        margin=file.study.margin,
        primary=_primary(file.study.primary),
        correct_at=file.study.correct_at,
        metrics=_metrics(selection.metrics or tuple(file.study.metrics)),
        datasets=datasets,
        cells=cells,
        cases=_cases(asked, datasets, limit=selection.limit, seed=file.study.seed),
        retriever=retriever,
        decoding=_decoding(file),
        templates=_templates(file, datasets, base),
        runtime=_runtime(file, selection),
        batch_size=None if batch_size == "auto" else batch_size,
        claims=_claims(file, (*map(cell_name, cells), *elsewhere)),
        elsewhere=tuple(elsewhere),
        unlike=frozenset(cell for cell, names in elsewhere.items() if not names & here),
        selection=selection,
    )


def cell_name(cell: Cell) -> str:
    """MODEL:CONDITION, by which claims name a cell; all repeats have the same."""
    return f"{cell.model.name}:{cell.condition.name}"


def _elsewhere(
    file: StudyFile, selection: Selection, base: Path, cells: Sequence[Cell]
) -> Mapping[str, frozenset[str]]:
    """The cells that the options leave out, each with the names of its data sets."""
    if not (file.study.models and (selection.models or selection.conditions or selection.datasets)):
        return {}
    try:
        every = replace(selection, models=(), conditions=(), datasets=(), provider=None)
        planned = _asked(file, every, base, _cells(file, every, base))
    except HarnessError:  # what the options leave out need not be sound
        return {}
    here = {cell_name(cell) for cell in cells}
    return {name: frozenset(names) for cell, names in planned if (name := cell_name(cell)) not in here}


def _claims(file: StudyFile, names: Sequence[str]) -> Mapping[str, AnyClaim]:
    known = {*names, *(name.rpartition(":")[0] for name in names)}
    for claim in file.claims:
        for name in cells_of(claim):
            if name not in known or (":" not in name and claim.kind != "calibrated"):
                raise UnknownName(f"cell in [[claims]] kind {claim.kind!r}:", name, names)
    return labelled(file.claims)


def _primary(name: str) -> str:
    return name if name == "auto" else usable([name])[0].name


def _metrics(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(metric.name for metric in usable(names or DEFAULT_METRICS))


def _decoding(file: StudyFile) -> Decoding:
    table = file.decoding
    return Decoding(
        max_new_tokens=table.max_new_tokens,
        temperature=table.temperature,
        top_p=table.top_p,
        seed=table.seed,
        stop=tuple(table.stop),
    )


def _runtime(file: StudyFile, selection: Selection) -> Runtime:
    table = file.runtime
    return Runtime(
        dtype=table.dtype,
        device=table.device,
        quantisation=selection.quantisation or table.quantisation,
        download=selection.download,
        trust_remote_code=table.trust_remote_code,
    )


def _retriever(file: StudyFile) -> RetrieverSpec:
    table = file.retrieval
    spec = RetrieverSpec(kind=table.kind, top_k=table.top_k, options=dict(table.model_extra or {}))
    build_retriever(spec, ())
    return spec


def _datasets(file: StudyFile, selection: Selection, base: Path) -> Mapping[str, Dataset]:
    tables = file.datasets or [DatasetTable(builtin="embedded")]
    specs = [_dataset_spec(table, base) for table in tables]
    names = [spec.name for spec in specs]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise StudyError(f"data set name {twice[0]!r} stands twice: give each of the [[datasets]] its own name")
    for name in selection.datasets:
        if name not in names:
            raise UnknownName("data set", name, names)
    chosen = [spec for spec in specs if not selection.datasets or spec.name in selection.datasets]
    return {spec.name: load_dataset(spec, download=selection.download) for spec in chosen}


def _dataset_spec(table: DatasetTable, base: Path) -> DatasetSpec:
    if (table.path is None) == (table.builtin is None):
        raise StudyError("each [[datasets]] names either path = FILE or builtin = NAME, not both and not neither")
    name = table.name or table.builtin or Path(str(table.path)).stem
    return DatasetSpec(
        name=name,
        base=str(base),
        path=table.path,
        builtin=table.builtin,
        corpus=table.corpus,
        shots=table.shots,
        cluster=table.cluster,
        gamma=table.gamma,
    )


def _cells(file: StudyFile, selection: Selection, base: Path) -> tuple[Cell, ...]:
    catalog = load_catalog({**selection.extra_models, **file.models}, base=base)
    names = selection.models or tuple(file.study.models)
    if not names:
        raise StudyError("the study names no model: add models = [...] to [study] or give --model NAME")
    models = [_with_provider(model, selection.provider) for model in match_models(catalog, names)]
    conditions = [find_condition(name) for name in selection.conditions or tuple(file.study.conditions)]
    if not conditions:
        known = ", ".join((*CONDITIONS, *ADAPTED))
        raise StudyError(f"the study names no condition: add conditions = [...] to [study]; known: {known}")
    _require_adapters(models, conditions, selection)
    return tuple(
        Cell(model=model, condition=condition, repeat=repeat, label=_cell_label(model, condition, repeat))
        for model in models
        for condition in dict.fromkeys(conditions)
        if _can_adapt(model, condition)
        for repeat in range(file.study.repeats)
    )


def _can_adapt(model: ModelSpec, condition: Condition) -> bool:
    """Whether the model has the condition's adapter; a planted one answers under any condition."""
    return condition.adapter is None or condition.adapter in model.adapters or model.provider == "planted"


def _require_adapters(models: Sequence[ModelSpec], conditions: Sequence[Condition], selection: Selection) -> None:
    """Refuse a condition that no model can be asked; the file's are left out where the options name other models."""
    lacking = [each for each in conditions if not any(_can_adapt(model, each) for model in models)]
    meant = selection.conditions or not selection.models or len(lacking) == len(conditions)
    if lacking and meant:
        name, adapter = lacking[0].name, lacking[0].adapter
        raise StudyError(
            f"condition {name!r} needs an adapter {adapter!r}, and none of the chosen models has one: write "
            f"adapters = {{{adapter} = 'FOLDER'}} under [models.NAME], or leave it out"
        )


def _with_provider(model: ModelSpec, provider: str | None) -> ModelSpec:
    if provider is None:
        return model
    if provider not in PROVIDERS:
        raise UnknownName("provider", provider, PROVIDERS)
    return replace(model, provider=provider)


def find_condition(name: str) -> Condition:
    """The condition of that name: of CONDITIONS or ADAPTED, with an optional `@QUANTISATION`.

    Raises:
        UnknownName: neither the condition nor the quantisation is known.
    """
    kind, at, quantisation = name.partition("@")
    known = {**{base: (None, context) for base, context in CONDITIONS.items()}, **ADAPTED}
    if kind not in known:
        raise UnknownName("condition", kind, known)
    if at and quantisation not in QUANTISATIONS:
        raise UnknownName("quantisation", quantisation, QUANTISATIONS)
    adapter, context = known[kind]
    return Condition(
        name=name, context=context, quantisation=cast("Quantisation", quantisation) if at else None, adapter=adapter
    )


def _asked(file: StudyFile, selection: Selection, base: Path, cells: Sequence[Cell]) -> Asked:
    """The cells with the names of the data sets that each is asked; cells that are asked none are left out.

    Raises:
        StudyError: that leaves no cell.
    """
    catalog = load_catalog({**selection.extra_models, **file.models}, base=base)
    tables = _tables(file, base)
    own = {name: {model.name for model in match_models(catalog, table.models)} for name, table in tables.items()}
    named = frozenset[str]().union(*own.values())
    under = {name: {find_condition(each).name for each in table.conditions} for name, table in tables.items()}
    chosen = [name for name in tables if not selection.datasets or name in selection.datasets]

    def is_asked(cell: Cell, name: str) -> bool:
        meant = cell.model.name in own[name] if own[name] else cell.model.name not in named
        return meant and (not under[name] or cell.condition.name in under[name])

    asked = [(cell, tuple(name for name in chosen if is_asked(cell, name))) for cell in cells]
    found = tuple((cell, names) for cell, names in asked if names)
    if cells and not found:
        raise StudyError("no data set is asked of the chosen models under these conditions: see [[datasets]] models")
    return found


def _tables(file: StudyFile, base: Path) -> Mapping[str, DatasetTable]:
    """The `[[datasets]]` by name."""
    return {_dataset_spec(table, base).name: table for table in file.datasets or [DatasetTable(builtin="embedded")]}


def _templates(file: StudyFile, datasets: Mapping[str, Dataset], base: Path) -> Mapping[str, Template]:
    tables = _tables(file, base)
    prompts = {name: tables[name].prompt or file.decoding.prompt for name in datasets}
    return {name: find_template(prompts[name], data.shots, base=base) for name, data in datasets.items()}


def _cell_label(model: ModelSpec, condition: Condition, repeat: int) -> str:
    return f"{model.name}:{condition.name}" + (f"#{repeat + 1}" if repeat else "")


def _cases(asked: Asked, datasets: Mapping[str, Dataset], *, limit: int | None, seed: int) -> tuple[Case, ...]:
    drawn = {name: sample(data.questions, limit, seed) for name, data in datasets.items()}
    questions = [question for each in drawn.values() for question in each]
    if not questions:
        raise DataError("the study has no questions: name a data set with questions in [[datasets]]")
    labels = {
        (question.dataset, question.id): label
        for question, label in zip(questions, _question_labels(questions), strict=True)
    }
    return tuple(
        Case(
            cell=cell,
            question=question,
            label=f"{cell.label.replace(':', '-')}-{labels[question.dataset, question.id]}",
        )
        for cell, names in asked
        for name in names
        for question in drawn[name]
    )


def _question_labels(questions: Sequence[Question]) -> list[str]:
    """ASCII labels, unique over all data sets: the id where that is enough, else with the data set or a count."""
    plain = [re.sub(r"[^A-Za-z0-9._+-]+", "_", question.id)[:60] or "q" for question in questions]
    counts = Counter(plain)
    labels: list[str] = []
    taken: set[str] = set()
    for question, label in zip(questions, plain, strict=True):
        wanted = label if counts[label] == 1 else f"{question.dataset}.{label}"
        unique, number = wanted, 1
        while unique in taken:
            number += 1
            unique = f"{wanted}~{number}"
        taken.add(unique)
        labels.append(unique)
    return labels


def sample(questions: Sequence[Question], limit: int | None, seed: int) -> tuple[Question, ...]:
    """At most `limit` questions, in their own order: stratified by task, drawn by a seeded hash of the id.

    A smaller limit draws a part of what a larger one draws.
    """
    if limit is None or limit >= len(questions):
        return tuple(questions)
    by_task: dict[str, list[Question]] = {}
    for question in questions:
        by_task.setdefault(question.task, []).append(question)
    ranked = [entry for group in by_task.values() for entry in _ranked(group, seed)]
    chosen = {question.id for *_, question in sorted(ranked, key=lambda entry: entry[:2])[:limit]}
    return tuple(question for question in questions if question.id in chosen)


def _ranked(group: Iterable[Question], seed: int) -> list[tuple[float, str, Question]]:
    drawn = sorted(group, key=lambda question: _draw(question, seed))
    return [((rank + 0.5) / len(drawn), _draw(question, seed), question) for rank, question in enumerate(drawn)]


def _draw(question: Question, seed: int) -> str:
    return hashlib.sha256(f"{seed}\0{question.dataset}\0{question.id}".encode()).hexdigest()
