"""From a case to what is asked: passages, prompt, and the key under which the answer is kept."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from harness.prompts.render import prompt_bytes
from harness.providers.base import Source, source
from harness.records import Case, Cell, Passage, Prompt, Question, Runtime
from harness.retrieval.found import find
from harness.retrieval.select import gold_lookup, pool_size, select_passages
from harness.store import digest
from harness.study import Study


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One case with its prompt and the key under which its answer is kept."""

    case: Case
    prompt: Prompt
    key: str


def runtime_of(study: Study, cell: Cell) -> Runtime:
    """How the cell's weights are loaded: the study's runtime, with the condition's own precision and adapter if any."""
    condition = cell.condition
    return replace(
        study.runtime, quantisation=condition.quantisation or study.runtime.quantisation, adapter=condition.adapter
    )


class Sources:
    """The models of a study as found on this machine, each looked for once; nothing is loaded here."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._found: dict[tuple[str, Runtime], Source] = {}

    def of(self, cell: Cell) -> Source:
        """The source of a cell's model.

        Raises:
            HarnessError: the model cannot be loaded here; one line with the way out.
        """
        runtime = runtime_of(self._study, cell)
        name = (cell.model.name, runtime)
        if name not in self._found:
            self._found[name] = source(cell.model, runtime)
        return self._found[name]


class Planner:
    """Cases -> prompts and keys, the same in every process; passages are retrieved once per data set."""

    def __init__(self, study: Study, sources: Sources) -> None:
        self._study = study
        self._sources = sources
        self._decoding = json.dumps(asdict(study.decoding), sort_keys=True)
        self._fingerprints: dict[str, str] = {}
        self._pools: dict[tuple[str, int], Mapping[str, tuple[Passage, ...]]] = {}
        self._gold = {name: gold_lookup(data.passages) for name, data in study.datasets.items()}

    def plan(self, case: Case) -> Planned:
        """The case's prompt and key."""
        question, study = case.question, self._study
        template = study.templates[question.dataset]
        prompt = Prompt(
            template=template,
            question=question.text,
            passages=self._shown(case),
            condition=case.cell.condition.name,
            reference=_reference(question),
        )
        return Planned(case=case, prompt=prompt, key=self._key(case, prompt))

    def warm(self) -> None:
        """Search what every process needs, so that it is kept on disk before several processes search for it."""
        top_k = self._study.retriever.top_k
        contexts = {cell.condition.context for cell in self._study.cells} & {"retrieved", "distractor"}
        for size in sorted({pool_size(context, top_k) for context in contexts}):
            for name in self._study.datasets:
                self._retrieved(name, size)

    def _key(self, case: Case, prompt: Prompt) -> str:
        found = self._sources.of(case.cell)
        return digest(
            "answer 1",
            case.cell.model.provider,
            self._fingerprint(case.cell),
            str(case.cell.model.context_length),
            prompt_bytes(prompt).hex(),
            self._decoding,
            str(case.cell.repeat),
            *((case.cell.condition.name, prompt.reference or "") if found.reads_reference else ()),
        )

    def _fingerprint(self, cell: Cell) -> str:
        if cell.label not in self._fingerprints:
            self._fingerprints[cell.label] = self._sources.of(cell).fingerprint
        return self._fingerprints[cell.label]

    def _shown(self, case: Case) -> tuple[Passage, ...]:
        context, question, top_k = case.cell.condition.context, case.question, self._study.retriever.top_k
        if context == "none":
            return ()
        gold = self._gold[question.dataset]
        retrieved: tuple[Passage, ...] = ()
        if context != "gold" or not question.answerable:
            retrieved = self._retrieved(question.dataset, pool_size(context, top_k))[question.id]
        return select_passages(context, question, retrieved, gold, top_k)

    def _retrieved(self, dataset: str, size: int) -> Mapping[str, tuple[Passage, ...]]:
        """What is found for every question of the data set; searched once for each size that is needed."""
        if (dataset, size) not in self._pools:
            data = self._study.datasets[dataset]
            found = find(self._study.retriever, data.passages, [question.text for question in data.questions], size)
            self._pools[dataset, size] = {
                question.id: passages for question, passages in zip(data.questions, found, strict=True)
            }
        return self._pools[dataset, size]


def _reference(question: Question) -> str | None:
    return question.answers[0] if question.answerable and question.answers else None
