"""What one pytest process holds of a run: settings, study, store and engine, each made when first needed."""

import importlib.util
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.batching import rows_cap, token_budget
from harness.collecting import uncollected
from harness.engine import DEFAULT_ROWS, Engine, Limit, Rules
from harness.errors import HarnessError, MissingExtra, StoreError, StudyError
from harness.flights import bury, last_death_id
from harness.options import Settings
from harness.pinning import gpus_for, pin, pin_specs
from harness.planning import Planner, Sources, runtime_of
from harness.providers import batch_book, spending
from harness.providers.bill import Bill, bill_lines
from harness.providers.services import SERVICES, is_remote
from harness.records import Case, CaseResult, Cell, Hardware
from harness.registry.catalog import find_hardware, load_catalog
from harness.registry.machine import fits, this_machine
from harness.registry.recommend import GPU_PROVIDERS, LOCAL_PROVIDERS
from harness.results import case_results, rescore
from harness.secrets import clean_records, learn
from harness.store import Store
from harness.storefile import StoreFile, check_store, gone
from harness.study import Study, build_study
from harness.studyfile import read_study
from harness.units import weights_of

if TYPE_CHECKING:
    from harness.analysis.gate import Rule
    from harness.analysis.yardstick import RunCases
    from harness.report.door import Target
    from harness.report.sections_verdicts import Claimed

# as many as a service may be asked at a time, so that answering is never held up by the end of a batch
REMOTE_ROWS = 512
# An engine that batches by itself is given several batches at once, so that few wait for the last of one.
OWN_BATCHES = 4
CLAIM_PACKAGES = ("pandas", "pyarrow", "scipy")
REPORT_PACKAGES = (*CLAIM_PACKAGES, "altair", "vl_convert", "jinja2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """This process among those of its run: `owner` is RUN/NAME, `sharers` share one memory with it, itself included.

    `since` is what the controller found, see `Session.since`, and `memory_gb` what it found free before any of them
    loaded weights; None where each looks for itself.

    `last_words` tells the user, past pytest, why the process ends at once.
    """

    owner: str = "run/main"
    since: tuple[int, int] | None = None
    sharers: int = 1
    memory_gb: float | None = None
    last_words: Callable[[str], None] = print


class Session:
    """A run as one process sees it."""

    def __init__(self, settings: Settings, process: Process | None = None) -> None:
        """Nothing is read or opened yet."""
        self.settings = settings
        self.process = process or Process()
        self.answered = 0
        self.uncounted = False
        self.bill = Bill()
        self._engine: Engine | None = None

    @cached_property
    def study(self) -> Study:
        """The study under the settings' selection."""
        file, base = read_study(self.settings.study, self.settings.project.root)
        study = build_study(file, self.settings.selection, base)
        learn(*(cell.model.options for cell in study.cells))
        return study

    @cached_property
    def hardware(self) -> Hardware:
        """The profile that memory is checked against: the one named, else this machine."""
        name = self.settings.hardware
        found = this_machine(self.study.runtime.device) if name is None else find_hardware(load_catalog(), name)
        return found if self.process.memory_gb is None else replace(found, memory_gb=self.process.memory_gb)

    @property
    def engine(self) -> Engine:
        """The engine over the store, opened at first use."""
        if self._engine is None:
            os.environ.setdefault("OMP_WAIT_POLICY", "passive")
            self._instruct_services()
            self._engine = Engine(self.study, Store(self.settings.store), self._rules())
        return self._engine

    def _instruct_services(self) -> None:
        """Tell this process's remote providers what may be spent, and whether they ask through batches."""
        settings = self.settings
        spending.limit_spending(settings.max_cost_usd, _beside(settings.store, "spending"), self.run_name)
        batch_book.use_batches(_beside(settings.store, "batches") if settings.batch_api else None)

    def bill_lines(self) -> list[str]:
        """What is told of the run's cost at its end."""
        book = spending.ledger()
        return bill_lines(self.bill, self.settings.max_cost_usd, None if book is None else book.spent())

    def _rules(self) -> Rules:
        return Rules(
            owner=self.process.owner,
            since=self._since,
            flip_check=self.settings.flip_check,
            answer_timeout_s=self.settings.answer_timeout_s,
            limit_of=None if self.study.batch_size and not self.settings.batch_api else self._limit,
            last_words=self.process.last_words,
        )

    @cached_property
    def _since(self) -> tuple[int, int]:
        return self.process.since or self.since()

    def since(self) -> tuple[int, int]:
        """The newest answer and the newest death that --rerun passes over; the same for all processes of a run."""
        if not self.settings.rerun:
            return 0, 0
        with Store(self.settings.store) as store:
            return store.last_answer_id(), last_death_id(store.file)

    def _limit(self, cell: Cell) -> Limit:
        """What fits this process's part of the memory; a model that is not run here has its own number."""
        if is_remote(cell.model.provider):
            return Limit(rows=batch_book.ITEMS_MOST if self.settings.batch_api else REMOTE_ROWS)
        if cell.model.provider == "vllm":
            return Limit(rows=OWN_BATCHES * rows_cap(self.hardware))
        if cell.model.provider not in LOCAL_PROVIDERS:
            return Limit(rows=cell.model.batch_size or DEFAULT_ROWS)
        rows = rows_cap(self.hardware)
        runtime = runtime_of(self.study, cell)
        tokens = token_budget(cell.model, runtime, self.hardware, sharers=self.process.sharers, rows=rows)
        return Limit(rows=rows, tokens=tokens)

    def has_died(self, owner: str) -> bool:
        """Witness that a process has ended; returns whether it was loading or answering then."""
        if not self.settings.store.exists():
            return False
        file = StoreFile(self.settings.store)
        try:
            return bury(file, owner, witnessed=True)
        finally:
            file.close()

    def check(self, *, weights: bool, workers: int = 0) -> None:
        """Find every mistake that can be found before a question is asked; nothing is written.

        Args:
            weights: whether the models are needed.
            workers: how many processes will be started on this machine.

        Raises:
            HarnessError: the first thing that is wrong.
        """
        study = self.study
        check_store(self.settings.store)
        hardware = self.hardware
        if self.settings.scaling_report:
            need_report_packages()
            self._check_report_folder()
        if self.settings.baseline is not None:
            need_report_packages()
            self._baseline  # noqa: B018 - read before this run's report may replace it
        elif self.settings.margin is not None or self.settings.gate_metric is not None:
            raise StudyError("--margin and --gate-metric say how to compare: name the run with --baseline RUN as well")
        if study.claims:
            self._check_claims()
        self._check_batches()
        self._instruct_services()
        if weights:
            self._check_weights(study, hardware)
            pin(workers, os.environ, self._gpus, share=self.settings.share_gpu)

    def _check_batches(self) -> None:
        """Refuse what cannot be asked through a batch API, and what ends a process that waits for one."""
        if not self.settings.batch_api:
            return
        if self.settings.answer_timeout_s is not None:
            raise StudyError(
                "--answer-timeout ends a process that waits, and --batch-api waits for hours: leave one out"
            )
        if self.settings.flip_check:
            raise StudyError("--flip-check asks prompts by themselves, which --batch-api never does: leave one out")
        for cell in self.study.cells:
            spec = SERVICES.get(cell.model.provider)
            if spec is not None and not spec.batches:
                known = ", ".join(name for name, each in SERVICES.items() if each.batches)
                raise StudyError(
                    f"--batch-api: {spec.title} has no batch API that model {cell.model.name!r} can be asked through: "
                    f"leave it out, or ask one of {known}"
                )

    def _check_weights(self, study: Study, hardware: Hardware) -> None:
        sources = Sources(study)
        for cell in study.cells:
            if cell.model.provider in LOCAL_PROVIDERS:
                fits(cell.model, hardware, runtime_of(study, cell))
            sources.of(cell)

    @cached_property
    def _gpus(self) -> tuple[str, ...]:
        """The GPUs that workers get one each of."""
        local = [cell for cell in self.study.cells if cell.model.provider in GPU_PROVIDERS]
        return gpus_for([runtime_of(self.study, cell) for cell in local], os.environ)

    def pin(self, specs: Iterable[Any]) -> None:
        """Give each worker that xdist will start its GPU and its share of the cores.

        Raises:
            HarnessError: there are more workers than GPUs, and they may not be shared.
        """
        pin_specs(specs, os.environ, self._gpus, share=self.settings.share_gpu)

    def sharers(self, workers: int) -> int:
        """How many of that many workers share one memory: all, or those on one GPU."""
        return max(1, -(-workers // max(1, len(self._gpus))))

    @property
    def report_folder(self) -> Path:
        """Where the report goes."""
        return self.settings.report_dir or self.settings.project.root / "reports" / self.run_name

    @property
    def run_name(self) -> str:
        """The name of the run: its own, or the study's."""
        return self.settings.run_name or self.study.name

    def _check_report_folder(self) -> None:
        from harness.report.swap import check_folder

        folder, store = self.report_folder.resolve(), self.settings.store.resolve()
        if folder in (store, *store.parents):
            raise StoreError(
                f"store {self.settings.store} lies in the report folder {folder}, which every report replaces: "
                "name another file with --store"
            )
        check_folder(folder, self.report_folder)

    def open_store(self) -> None:
        """Open the store once before workers do: what keeps it from being opened is told here, in one line.

        Raises:
            StoreError: it cannot be made, read or written.
        """
        Store(self.settings.store).close()

    def warm(self) -> None:
        """Build what all processes read, before they start."""
        Planner(self.study, Sources(self.study)).warm()

    def select(self, groups: Iterable[Sequence[Case]]) -> None:
        """Say which cases are answered together."""
        self.engine.select(groups)

    def rescore(self) -> int:
        """Compute every score of every stored answer again; returns how many answers were scored."""
        study = self.study
        with Store(self.settings.store) as store:
            return rescore(study, Planner(study, Sources(study)), store, study.cases)

    def write_report(
        self,
        *,
        width: int = 80,
        colour: bool = False,
        formats: Sequence[str] = ("html", "md", "json"),
        claims: "Sequence[Claimed]" = (),
    ) -> list[str]:
        """Write the report of what the store holds; returns the lines for a terminal of that width."""
        from harness.report.door import write_report

        self._check_report_folder()
        target = replace(self._target(), width=width, colour=colour, formats=formats, claims=claims)
        with uncollected():
            return write_report(self.study, self._stored_results(), target)

    def plot(self, names: Sequence[str], folder: Path, formats: Sequence[str]) -> list[str]:
        """Draw figures of what the store holds into a folder; returns a line for each."""
        from harness.report.door import Plots, plot

        wanted = Plots(names=names, folder=folder, formats=formats)
        return plot(self.study, self._stored_results(), self._target(), wanted)

    def _stored_results(self) -> Sequence[CaseResult]:
        study, path = self.study, self.settings.store
        if self.answered and not path.exists():
            raise gone(path)
        with Store(path) as store:
            return clean_records(case_results(study, Planner(study, Sources(study)), store, study.cases))

    def _target(self) -> "Target":
        from harness.report.door import Target

        sources = Sources(self.study)
        return Target(
            run=self.run_name,
            folder=self.report_folder,
            root=self.settings.project.root,
            hardware=self.hardware.title,
            weights={weights_of(cell): sources.of(cell).fingerprint for cell in self.study.cells},
        )

    @cached_property
    def _baseline(self) -> "tuple[RunCases, Rule]":
        """The run that this one is held against, and by what rule."""
        from harness.analysis.gate import Rule
        from harness.analysis.yardstick import CORRECT
        from harness.baseline import check_baseline, read_margin, read_run

        settings, root = self.settings, self.settings.project.root
        place = str(settings.baseline)
        margin = read_run(place, root).margin if settings.margin is None else read_margin(settings.margin)
        rule = Rule(margin=margin, metric=settings.gate_metric or CORRECT)
        return check_baseline(self.study, place, root, rule), rule

    def gate(self, *, width: int = 80) -> tuple[list[str], int]:
        """Hold what the store has of the study against the baseline: lines for the terminal, and the exit code.

        Raises:
            HarnessError: the runs cannot be compared, or not every case was asked.
        """
        from harness.baseline import gate_lines, study_run

        study, sources = self.study, Sources(self.study)
        with Store(self.settings.store) as store:
            results = case_results(study, Planner(study, sources), store, study.cases)
        unasked = sum(result.outcome is None for result in results)
        if unasked:
            raise HarnessError(f"{unasked} of {len(results)} planned cases were not asked: run the whole study")
        weights = {weights_of(cell): sources.of(cell).fingerprint for cell in study.cells}
        baseline, rule = self._baseline
        return gate_lines(study_run(study, results, weights=weights), baseline, rule, width=width)

    def _check_claims(self) -> None:
        """Find what keeps the declared claims from being judged, before anything is asked."""
        from harness.analysis.gate import Rule
        from harness.baseline import check_baseline, read_run
        from harness.claimfile import RegressionClaim

        need_report_packages("claims", CLAIM_PACKAGES)
        root = self.settings.project.root
        for claim in self.study.claims.values():
            if isinstance(claim, RegressionClaim):
                margin = read_run(claim.baseline, root).margin if claim.margin is None else claim.margin
                check_baseline(self.study, claim.baseline, root, Rule(margin=margin, metric=claim.metric))

    def results(self) -> tuple[CaseResult, ...]:
        """What the store has of every planned case, with what this process has scored."""
        study, settings = self.study, self.settings
        if self._engine is not None:
            self._engine.flush()
        if not settings.store.exists():
            return tuple(CaseResult(case=case, key="", outcome=None) for case in study.cases)
        planner = Planner(study, Sources(study)) if self._engine is None else self._engine.planner
        with Store(settings.store) as store:
            return case_results(study, planner, store, study.cases)

    @property
    def newest_answer(self) -> int:
        """The number of the store's newest answer, 0 without any."""
        if not self.settings.store.exists():
            return 0
        with Store(self.settings.store) as store:
            return store.last_answer_id()

    def close(self) -> None:
        """Free the model and close the store, also when what waits cannot be written."""
        engine, self._engine = self._engine, None
        if engine is not None:
            self.answered += engine.answered
            self.bill.add_told(engine.bill.told())
            try:
                engine.close()
            finally:
                engine.store.close()


def _beside(store: Path, what: str) -> Path:
    """A file of the store's own beside it."""
    return store.with_name(f"{store.name}.{what}")


def need_report_packages(part: str = "the report", packages: Sequence[str] = REPORT_PACKAGES) -> None:
    """Refuse to start a run whose report could not be written, or whose claims could not be judged.

    Raises:
        MissingExtra: a package of the extra [report] is not installed.
    """
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtra(part, "report", missing)
