"""One cell at a time: prompts -> answers -> store. An answer that is stored is never asked for again.

Cases come one by one, answers are made in batches: a case that asks first makes the batch that holds it, and the
others of that batch find theirs stored. A run that stops early, by -x or by hand, has made no batch that nobody asked
for.
"""

import json
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Protocol

from harness.asking import NO_ANSWER, Asker
from harness.batching import batches, estimated_tokens
from harness.errors import HarnessError, StoreError
from harness.flights import Flights, Record, bury
from harness.group import Group
from harness.loaded import Loaded
from harness.planning import Planned, Planner, Sources
from harness.prompts.render import messages
from harness.providers.base import Provider, failed
from harness.providers.bill import Bill
from harness.providers.services import is_remote
from harness.providers.spending import is_refusal
from harness.records import Answer, Case, Cell
from harness.store import Request, ScoreRow, Store, Stored, digest
from harness.storefile import StoreFile
from harness.study import Study

DEFAULT_ROWS = 16
SCORES_PER_WRITE = 200


class Progress(Protocol):
    """Told before each batch what there is to wait for, and when the waiting is over."""

    def show(self, done: int, wanted: int, label: str) -> None:
        """So many of the wanted answers of this cell are there, and the next batch begins."""
        ...

    def clear(self) -> None:
        """The batch is there."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How large a batch may be: in prompts, and in tokens as padded, output included (None: as many as there are)."""

    rows: int
    tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How a process works: `owner` (RUN/PROCESS) marks what it has in flight.

    Answers and deaths up to the ids in `since` do not count, so that what they belong to is asked again. `limit_of`
    says how large a batch of a cell may be; `flip_check` prompts of each cell are asked again by themselves.
    """

    owner: str = "run/main"
    since: tuple[int, int] = (0, 0)
    flip_check: int = 0
    answer_timeout_s: float | None = None
    limit_of: Callable[[Cell], Limit] | None = None
    last_words: Callable[[str], None] = print


class Engine:
    """Answers cases through the store, in batches of their group."""

    def __init__(self, study: Study, store: Store, rules: Rules | None = None) -> None:
        self.study = study
        self.store = store
        self.rules = rules or Rules()
        self.sources = Sources(study)
        self.planner = Planner(study, self.sources)
        self.answered = 0
        self.bill = Bill()
        self.progress: Progress | None = None
        self._older_than, deaths_before = self.rules.since
        self._flights = Flights(store.file, self.rules.owner, after=deaths_before)
        self._asker = Asker(study, self.sources, self._flights, self._testify, self.rules.answer_timeout_s)
        self._cases: dict[str, tuple[Case, ...]] = {}
        self._groups: dict[str, Group] = {}
        self._planned: dict[str, Planned] = {}
        self._stored: dict[str, Stored] = {}
        self._errors: dict[str, str] = {}
        self._scores: list[ScoreRow] = []
        self._kept: dict[int, list[ScoreRow]] = {}
        self._unread: set[int] = set()
        self._to_check = _sampled(study, self.rules.flip_check)

    def select(self, groups: Iterable[Sequence[Case]]) -> None:
        """Say which cases are answered together; a case outside any group is answered alone."""
        self._cases = {case.label: cases for group in groups if (cases := tuple(group)) for case in cases}

    def answer(self, case: Case) -> Answer:
        """The case's answer, stored or new; a failure is an Answer with an error."""
        plan = self.planned(case)
        group = self._group(case)
        if not self._is_settled(plan):
            self._settle(group, plan)
        if plan.key not in self._stored:
            return failed(self._errors.get(plan.key, NO_ANSWER))
        self._check_flip(plan)
        return self._stored[plan.key].answer

    def planned(self, case: Case) -> Planned:
        """The case's prompt and key; planned once."""
        if case.label not in self._planned:
            self._planned[case.label] = self.planner.plan(case)
        return self._planned[case.label]

    def provider(self, cell: Cell) -> Provider:
        """The cell's model, loaded; another one that this process held is freed first.

        Raises:
            HarnessError: it cannot be loaded, or processes of this run died of loading it.
        """
        return self._asker.provider(cell)

    def scores(self, case: Case) -> list[ScoreRow]:
        """What was stored of the answer's scores before this run; told once."""
        number = self.answer_id(case)
        if number is not None and number in self._unread:
            self._kept.update(self.store.scores(sorted(self._unread)))
            self._unread.clear()
        return self._kept.pop(number, []) if number is not None else []

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

    @property
    def loaded(self) -> Loaded:
        """The one model that this process holds."""
        return self._asker.loaded

    def close(self) -> None:
        """Free the model and write what waits."""
        try:
            self.loaded.close()
        finally:
            with suppress(StoreError):  # on a full disk the marks stay, and cost the next run some time
                self._flights.end_all()
            self.flush()

    def _is_settled(self, plan: Planned) -> bool:
        return plan.key in self._stored or plan.key in self._errors

    def _group(self, case: Case) -> Group:
        if case.label not in self._groups:
            cases = self._cases.get(case.label, (case,))
            self._groups.update(dict.fromkeys((each.label for each in cases), self._open(cases)))
        return self._groups[case.label]

    def _open(self, cases: Sequence[Case]) -> Group:
        """Look up what is stored; what somebody died of is answered by itself, the rest waits in batches."""
        planned = [self.planned(case) for case in cases]
        self._look_up(planned)
        self._measure_losses([plan for plan in planned if self._lacks_loss(plan)])
        missing = {plan.key: plan for plan in planned if not self._is_settled(plan)}
        known = self._records(list(missing.values()))
        suspects = [missing.pop(key) for key, record in known.items() if record.deaths]
        alone_before = [plan for plan in suspects if known[plan.key].was_alone]
        group = Group([*self._batches(list(missing.values())), *([plan] for plan in alone_before)])
        group.last.update(plan.key for plan in alone_before)
        for plan in suspects:
            if not known[plan.key].was_alone:
                self._work_on([plan])
        return group

    def _batches(self, plans: Sequence[Planned]) -> list[list[Planned]]:
        if not plans:
            return []
        cell = plans[0].case.cell
        limit, most, more = self._limit(cell), cell.model.context_length, self.study.decoding.max_new_tokens
        lengths = [estimated_tokens(plan.prompt, max_new_tokens=more, context_tokens=most) for plan in plans]
        cut = batches(lengths, budget=limit.tokens, rows=limit.rows)
        return [[plans[place] for place in places] for places in cut]

    def _limit(self, cell: Cell) -> Limit:
        if self.rules.limit_of is not None:
            return self.rules.limit_of(cell)
        return Limit(rows=self.study.batch_size or cell.model.batch_size or DEFAULT_ROWS)

    def _look_up(self, plans: Iterable[Planned]) -> None:
        stored = self.store.answers({plan.key: plan.prompt.reference for plan in plans})
        found = {key: kept for key, kept in stored.items() if kept.id > self._older_than}
        self._stored.update(found)
        self._unread.update(kept.id for kept in found.values())

    def _lacks_loss(self, plan: Planned) -> bool:
        stored = self._stored.get(plan.key)
        return stored is not None and plan.prompt.reference is not None and not stored.loss_known

    def _settle(self, group: Group, wanted: Planned) -> None:
        """Answer the batch that holds the question; before one that ended a process by itself, all others."""
        if wanted.key in group.last:
            while (batch := group.take_first()) and batch[0].key not in group.last:
                self._answer_batch(group, batch, wanted.case)
            group.put_back(batch)
        batch = group.take(wanted.key) or [wanted]
        self._answer_batch(group, batch, wanted.case)

    def _answer_batch(self, group: Group, batch: list[Planned], case: Case) -> None:
        """Answer a batch; while another process is at some of it, the other batches of the group first."""
        begun = list(batch)
        try:
            self._tell(group, len(begun), case)
            taken = self._work_on(batch)
            while taken and (other := group.take_first()):
                begun += other
                self._tell(group, len(other) + len(taken), case)
                taken += self._work_on(other)
            self._work_on(taken, although_taken=True)
        except BaseException:  # an interrupt or a timeout of pytest's: what has no answer yet may be asked for again
            group.put_back([plan for plan in begun if not self._is_settled(plan)])
            raise
        finally:
            if self.progress is not None:
                self.progress.clear()

    def _tell(self, group: Group, begun: int, case: Case) -> None:
        if self.progress is not None:
            self.progress.show(max(0, group.wanted - group.left - begun), group.wanted, case.cell.label)

    def _work_on(self, batch: Sequence[Planned], *, although_taken: bool = False) -> list[Planned]:
        """Answer what nobody has answered meanwhile; returns what another process is at, unless it is to be answered.

        What a process died of is answered by itself, or has crashed.
        """
        self._look_up(batch)
        left = [plan for plan in batch if not self._is_settled(plan)]
        known = self._records(left)
        free, taken = [], []
        for plan in left:
            record = known.get(plan.key)
            if record is None or (although_taken and record.standing == "taken"):
                free.append(plan)
            elif record.standing == "crashed":
                self._keep([plan], [failed(record.reason)])
            elif record.taken and not although_taken:
                taken.append(plan)
            else:
                self._run([plan])
        self._run(free)
        return taken

    def _records(self, plans: Sequence[Planned]) -> dict[str, Record]:
        """What is known against the questions.

        One to a service ends no process, so that a death beside it says nothing of it, unless the watchdog gave it as
        its reason.
        """
        known = self._flights.look([plan.key for plan in plans])
        for plan in plans:
            if plan.key in known and is_remote(plan.case.cell.model.provider):
                record = known.pop(plan.key)
                deaths = tuple(death for death in record.deaths if death.reason)
                if record.taken or deaths:
                    known[plan.key] = replace(record, deaths=deaths)
        return known

    def _run(self, batch: Sequence[Planned]) -> None:
        for plans, answers in self._asker.ask(batch):
            self._keep(plans, answers)

    def _testify(self, reason: str) -> None:
        """Before this process is ended, perhaps from another thread: which questions it was at, and why it ends."""
        file = StoreFile(self.store.path)
        bury(file, self.rules.owner, witnessed=True, reason=reason)
        file.close()
        self.rules.last_words(reason)

    def _keep(self, batch: Sequence[Planned], answers: Sequence[Answer]) -> None:
        """Store answers and failures; what a limit of cost kept from being asked is neither."""
        pairs = list(zip(batch, answers, strict=True))
        refused = {plan.key: str(answer.error) for plan, answer in pairs if is_refusal(answer.error)}
        if refused:
            self._flights.end(list(refused))
            self._errors.update(refused)
            self.bill.not_asked += len(refused)
        asked = [pair for pair in pairs if pair[0].key not in refused]
        self._store([plan for plan, _ in asked], [answer for _, answer in asked])

    def _store(self, batch: Sequence[Planned], answers: Sequence[Answer]) -> None:
        if not batch:
            return
        requests = [self._request(plan) for plan in batch]
        references = [plan.prompt.reference for plan in batch]
        pairs = list(zip(requests, answers, strict=True))
        places = self.store.add_answers(pairs, references, unless_after=self._older_than)
        self._flights.end([plan.key for plan, kept in zip(batch, places, strict=True) if kept is None])
        others = []
        for plan, answer, kept in zip(batch, answers, places, strict=True):
            if kept is None:
                self._errors[plan.key] = str(answer.error)
            elif kept.ours:
                self._stored[plan.key] = Stored(id=kept.id, answer=answer, loss_known=True)
                self.answered += 1
                self.bill.add(plan.case.cell.model, answer)
            else:
                others.append(plan)
        self._look_up(others)

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

    def _check_flip(self, plan: Planned) -> None:
        """Ask a sampled prompt again by itself, where its answer came from a batch; once per answer."""
        stored = self._stored[plan.key]
        if plan.case.label not in self._to_check or stored.answer.concurrency == 1:
            return
        self._to_check = self._to_check - {plan.case.label}
        if self.store.flip_checks([stored.id]):
            return
        answer = self._asker.ask_alone(plan)
        if answer.error is None:
            self.store.add_flip_check(stored.id, answer.text)
        else:
            warnings.warn(f"{plan.case.label} was not checked at batch size 1: {answer.error}", stacklevel=2)

    def _measure_losses(self, plans: Sequence[Planned]) -> None:
        """Measure what a stored answer lacks: its question's gold answer has changed since, or is new."""
        for batch in self._batches(list({plan.key: plan for plan in plans}.values())):
            try:
                losses = self._asker.losses(batch)
            except HarnessError as error:
                warnings.warn(f"loss of {len(plans)} reference answers not measured: {error}", stacklevel=2)
                return
            self._keep_losses(batch, losses)

    def _keep_losses(self, batch: Sequence[Planned], losses: Sequence[float | None]) -> None:
        self.store.add_losses(
            [(plan.key, plan.prompt.reference or "", nll) for plan, nll in zip(batch, losses, strict=True)]
        )
        for plan, nll in zip(batch, losses, strict=True):
            kept = self._stored[plan.key]
            self._stored[plan.key] = replace(kept, answer=replace(kept.answer, reference_nll=nll), loss_known=True)


def _sampled(study: Study, count: int) -> frozenset[str]:
    """`count` cases of each cell, drawn by a hash of their labels, so that every process draws the same."""
    if not count or study.decoding.temperature > 0:
        return frozenset()
    cells: dict[str, list[Case]] = {}
    for case in study.cases:
        cells.setdefault(case.cell.label, []).append(case)
    drawn = (sorted(cases, key=lambda case: _draw(study.seed, case.question.id))[:count] for cases in cells.values())
    return frozenset(case.label for cases in drawn for case in cases)


def _draw(seed: int, question: str) -> str:
    return digest("flip check", str(seed), question)
