"""One cell at a time: prompts -> answers -> store. An answer that is stored is never asked for again."""

import json
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice

from harness.errors import HarnessError
from harness.planning import Planned, Planner, Sources
from harness.prompts.render import messages
from harness.providers.base import Provider, Source
from harness.records import Answer, Case, Cell
from harness.store import Request, ScoreRow, Store, Stored
from harness.study import Study

DEFAULT_BATCH_SIZE = 16
SCORES_PER_WRITE = 200
NO_ANSWER = "the provider returned fewer answers than prompts"

Progress = Callable[[int, int, str], None]
"""Called with answers made, answers wanted and the cell's label, after each batch."""


def failed(reason: str) -> Answer:
    """The answer that was not given."""
    return Answer(text="", prompt_tokens=0, output_tokens=0, latency_s=0.0, finish_reason="error", error=reason)


def _is_out_of_memory(error: Exception) -> bool:
    """Torch's own error on a GPU, its plain RuntimeError on a CPU; told apart without importing torch."""
    return type(error).__name__ == "OutOfMemoryError" or "DefaultCPUAllocator" in str(error)


def _length(plan: Planned) -> int:
    prompt = plan.prompt
    return len(prompt.question) + sum(len(passage.text) for passage in prompt.passages)


@dataclass(slots=True)
class Loaded:
    """The one model that this process holds."""

    source: Source | None = None
    provider: Provider | None = None
    loads: int = 0
    failures: dict[str, str] = field(default_factory=dict)

    def of(self, wanted: Source) -> Provider:
        """The provider of a source; the one held before is freed first. Weights that failed once are not tried again.

        Raises:
            HarnessError: the weights could not be loaded.
        """
        if self.provider is None or self.source is not wanted:
            self.close()
            self.provider, self.source = self._load(wanted), wanted
            self.loads += 1
        return self.provider

    def _load(self, wanted: Source) -> Provider:
        if wanted.fingerprint in self.failures:
            raise HarnessError(self.failures[wanted.fingerprint])
        try:
            return wanted.load()
        except Exception as error:
            reason = str(error) if isinstance(error, HarnessError) else f"{type(error).__name__}: {error}"
            self.failures[wanted.fingerprint] = f"the model could not be loaded: {reason}"
            raise HarnessError(self.failures[wanted.fingerprint]) from error

    def close(self) -> None:
        """Free the model that is held, if any."""
        if self.provider is not None:
            self.provider.close()
        self.provider = self.source = None


class Engine:
    """Answers cases through the store. The first case of a group makes all of the group's missing answers."""

    def __init__(self, study: Study, store: Store, *, rerun: bool = False) -> None:
        self.study = study
        self.store = store
        self.sources = Sources(study)
        self.planner = Planner(study, self.sources)
        self.loaded = Loaded()
        self.answered = 0
        self.progress: Progress | None = None
        self.start_share = 0.0
        self._groups: dict[str, tuple[Case, ...]] = {}
        self._planned: dict[str, Planned] = {}
        self._stored: dict[str, Stored] = {}
        self._errors: dict[str, str] = {}
        self._scores: list[ScoreRow] = []
        self._settled: set[str] = set()
        self._older_than = store.last_answer_id() if rerun else 0
        self._batch_sizes: dict[str, int] = {}

    def select(self, groups: Iterable[Sequence[Case]], *, start_share: float = 0.0) -> None:
        """Say which cases are answered together; a case outside any group is answered alone.

        `start_share`, in [0, 1), says how far into a group's queue this process begins: several that were given
        cases of one group then begin at different places, and leave out what they find answered on their way.
        """
        self._groups = {case.label: tuple(group) for group in groups for case in group}
        self.start_share = start_share

    def answer(self, case: Case) -> Answer:
        """The case's answer, stored or new; a failure is an Answer with an error."""
        if case.label not in self._settled:
            self._settle(self._groups.get(case.label, (case,)))
        planned = self._planned[case.label]
        if planned.key in self._stored:
            return self._stored[planned.key].answer
        reason = self._errors.get(planned.key, NO_ANSWER)
        return failed(reason)

    def planned(self, case: Case) -> Planned:
        """The case's prompt and key; planned once."""
        if case.label not in self._planned:
            self._planned[case.label] = self.planner.plan(case)
        return self._planned[case.label]

    def record(self, rows: Iterable[ScoreRow]) -> None:
        """Keep scores; written with the next flush."""
        self._scores.extend(rows)
        if len(self._scores) >= SCORES_PER_WRITE:
            self.flush()

    def answer_id(self, case: Case) -> int | None:
        """The store's row of the case's answer, None for a failure."""
        stored = self._stored.get(self._planned[case.label].key)
        return None if stored is None else stored.id

    def flush(self) -> None:
        """Write the scores that wait."""
        rows, self._scores = self._scores, []
        if rows:
            self.store.add_scores(rows)

    def close(self) -> None:
        """Free the model and write what waits."""
        self.loaded.close()
        self.flush()

    def _settle(self, cases: Sequence[Case]) -> None:
        planned = [self.planned(case) for case in cases]
        references = {plan.key: plan.prompt.reference for plan in planned}
        self._look_up(references)
        missing = list({plan.key: plan for plan in planned if plan.key not in self._stored}.values())
        if missing:
            self._generate(missing)
        self._measure_losses([plan for plan in planned if self._lacks_loss(plan)])
        self._settled.update(case.label for case in cases)

    def _look_up(self, references: dict[str, str | None]) -> None:
        stored = self.store.answers(references)
        self._stored.update({key: kept for key, kept in stored.items() if kept.id > self._older_than})

    def _lacks_loss(self, plan: Planned) -> bool:
        stored = self._stored.get(plan.key)
        return stored is not None and plan.prompt.reference is not None and not stored.loss_known

    def _generate(self, missing: Sequence[Planned]) -> None:
        cell = missing[0].case.cell
        try:
            provider = self.loaded.of(self.sources.of(cell))
        except HarnessError as error:
            self._keep(missing, [failed(str(error))] * len(missing))
            return
        ordered = sorted(missing, key=_length, reverse=True)
        start = int(len(ordered) * self.start_share)
        waiting = ordered[start:] + ordered[:start]
        while waiting:
            size = self._batch_size(cell)
            batch, waiting = self._not_stored(waiting[:size]), waiting[size:]
            if batch:
                self._run_batch(provider, batch)
            if self.progress is not None:
                self.progress(len(ordered) - len(waiting), len(ordered), cell.label)

    def _not_stored(self, batch: Sequence[Planned]) -> list[Planned]:
        """What no other process has answered since the group was looked up."""
        self._look_up({plan.key: plan.prompt.reference for plan in batch})
        return [plan for plan in batch if plan.key not in self._stored]

    def _batch_size(self, cell: Cell) -> int:
        wanted = self.study.batch_size or cell.model.batch_size or DEFAULT_BATCH_SIZE
        return min(wanted, self._batch_sizes.get(cell.label, wanted))

    def _run_batch(self, provider: Provider, batch: Sequence[Planned]) -> None:
        """Answer a batch and keep it; a batch that fails as a whole is answered in halves, down to the one at fault."""
        try:
            prompts = [plan.prompt for plan in batch]
            answers = list(islice(provider.generate(prompts, self.study.decoding), len(batch)))
        except Exception as error:  # noqa: BLE001 - whatever a model raises is that prompt's failure, told and counted
            if len(batch) > 1:
                self._run_halves(provider, batch, error)
                return
            answers = [failed(f"{type(error).__name__}: {error}")]
        answers += [failed(NO_ANSWER)] * (len(batch) - len(answers))
        self._keep(batch, answers)

    def _run_halves(self, provider: Provider, batch: Sequence[Planned], error: Exception) -> None:
        middle = len(batch) // 2
        if _is_out_of_memory(error):
            self._batch_sizes[batch[0].case.cell.label] = middle
        self._run_batch(provider, batch[:middle])
        self._run_batch(provider, batch[middle:])

    def _keep(self, batch: Sequence[Planned], answers: Sequence[Answer]) -> None:
        requests = [self._request(plan) for plan in batch]
        references = [plan.prompt.reference for plan in batch]
        ids = self.store.add_answers(list(zip(requests, answers, strict=True)), references)
        for plan, answer, row in zip(batch, answers, ids, strict=True):
            if answer.error is None:
                self._stored[plan.key] = Stored(id=row, answer=answer, loss_known=True)
                self.answered += 1
            else:
                self._errors[plan.key] = answer.error

    def _request(self, plan: Planned) -> Request:
        cell = plan.case.cell
        turns = [[message.role, message.content] for message in messages(plan.prompt)]
        return Request(
            key=plan.key,
            model=cell.model.name,
            condition=cell.condition.name,
            fingerprint=self.sources.of(cell).fingerprint,
            prompt=json.dumps(turns, ensure_ascii=False),
            passages=tuple(passage.id for passage in plan.prompt.passages),
            decoding=json.dumps(asdict(self.study.decoding), sort_keys=True),
        )

    def _measure_losses(self, plans: Sequence[Planned]) -> None:
        """Measure what a stored answer lacks: its question's gold answer has changed since, or is new."""
        if not plans:
            return
        try:
            provider = self.loaded.of(self.sources.of(plans[0].case.cell))
        except HarnessError as error:
            warnings.warn(f"loss of {len(plans)} reference answers not measured: {error}", stacklevel=2)
            return
        ordered = sorted({plan.key: plan for plan in plans}.values(), key=_length, reverse=True)
        size = self._batch_size(plans[0].case.cell)
        for start in range(0, len(ordered), size):
            self._keep_losses(provider, ordered[start : start + size])

    def _keep_losses(self, provider: Provider, batch: Sequence[Planned]) -> None:
        try:
            losses = list(provider.reference_nll([plan.prompt for plan in batch]))
        except Exception as error:  # noqa: BLE001 - the answers stand; the loss stays unmeasured and is tried next time
            warnings.warn(f"loss of {len(batch)} reference answers not measured: {error}", stacklevel=2)
            return
        self.store.add_losses(
            [(plan.key, plan.prompt.reference or "", nll) for plan, nll in zip(batch, losses, strict=True)]
        )
        for plan, nll in zip(batch, losses, strict=True):
            kept = self._stored[plan.key]
            self._stored[plan.key] = replace(kept, answer=replace(kept.answer, reference_nll=nll), loss_known=True)
