"""What one pytest process holds of a run: settings, study, store and engine, each made when first needed."""

import importlib.util
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.batching import rows_cap, token_budget
from harness.engine import DEFAULT_ROWS, Engine, Limit, Rules
from harness.errors import HarnessError, MissingExtra, StoreError, StudyError
from harness.flights import bury, last_death_id
from harness.options import Settings
from harness.pinning import gpus_for, pin, pin_specs
from harness.planning import Planner, Sources, runtime_of
from harness.records import Case, Cell, Hardware
from harness.registry.catalog import find_hardware, load_catalog
from harness.registry.machine import fits, this_machine
from harness.results import case_results, rescore
from harness.secrets import clean_records, learn
from harness.store import Store
from harness.storefile import StoreFile, check_store, gone
from harness.study import Study, build_study
from harness.studyfile import read_study

if TYPE_CHECKING:
    from harness.analysis.gate import Rule
    from harness.analysis.yardstick import RunCases

REPORT_PACKAGES = ("pandas", "pyarrow", "scipy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """This process among those of its run: `owner` is RUN/NAME, `sharers` share one memory with it, itself included.

    `since` is what the controller found, see `Session.since`.

    `last_words` tells the user, past pytest, why the process ends at once.
    """

    owner: str = "run/main"
    since: tuple[int, int] | None = None
    sharers: int = 1
    last_words: Callable[[str], None] = print


class Session:
    """A run as one process sees it."""

    def __init__(self, settings: Settings, process: Process | None = None) -> None:
        """Nothing is read or opened yet."""
        self.settings = settings
        self.process = process or Process()
        self.answered = 0
        self.uncounted = False
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
        return this_machine(self.study.runtime.device) if name is None else find_hardware(load_catalog(), name)

    @property
    def engine(self) -> Engine:
        """The engine over the store, opened at first use."""
        if self._engine is None:
            os.environ.setdefault("OMP_WAIT_POLICY", "passive")
            self._engine = Engine(self.study, Store(self.settings.store), self._rules())
        return self._engine

    def _rules(self) -> Rules:
        return Rules(
            owner=self.process.owner,
            since=self._since,
            flip_check=self.settings.flip_check,
            answer_timeout_s=self.settings.answer_timeout_s,
            limit_of=None if self.study.batch_size else self._limit,
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
        if cell.model.provider != "transformers":
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
        if weights:
            self._check_weights(study, hardware)
            pin(workers, os.environ, self._gpus, share=self.settings.share_gpu)

    def _check_weights(self, study: Study, hardware: Hardware) -> None:
        sources = Sources(study)
        for cell in study.cells:
            if cell.model.provider == "transformers":
                fits(cell.model, hardware, runtime_of(study, cell))
            sources.of(cell)

    @cached_property
    def _gpus(self) -> tuple[str, ...]:
        """The GPUs that workers get one each of."""
        local = [cell for cell in self.study.cells if cell.model.provider == "transformers"]
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

    def write_report(self, *, width: int = 80, colour: bool = False) -> list[str]:
        """Write the report of what the store holds; returns the lines for a terminal of that width."""
        from harness.report.door import Target, write_report

        self._check_report_folder()
        study, settings, sources = self.study, self.settings, Sources(self.study)
        if self.answered and not settings.store.exists():
            raise gone(settings.store)
        with Store(settings.store) as store:
            results = clean_records(case_results(study, Planner(study, sources), store, study.cases))
        target = Target(
            run=self.run_name,
            folder=self.report_folder,
            root=settings.project.root,
            hardware=self.hardware.title,
            weights={cell.model.name: sources.of(cell).fingerprint for cell in study.cells},
            width=width,
            colour=colour,
        )
        return write_report(study, results, target)

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
        weights = {cell.model.name: sources.of(cell).fingerprint for cell in study.cells}
        baseline, rule = self._baseline
        return gate_lines(study_run(study, results, weights=weights), baseline, rule, width=width)

    def close(self) -> None:
        """Free the model and close the store, also when what waits cannot be written."""
        engine, self._engine = self._engine, None
        if engine is not None:
            self.answered += engine.answered
            try:
                engine.close()
            finally:
                engine.store.close()


def need_report_packages() -> None:
    """Refuse to start a run whose report could not be written.

    Raises:
        MissingExtra: a package of the extra [report] is not installed.
    """
    missing = [name for name in REPORT_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtra("the report", "report", missing)
