"""What one pytest process holds of a run: settings, study, store and engine, each made when first needed."""

import importlib.util
import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

from harness.engine import Engine
from harness.errors import MissingExtra, StoreError
from harness.options import Settings
from harness.planning import Planner, Sources, runtime_of
from harness.records import Case, Hardware
from harness.registry.catalog import find_hardware, load_catalog
from harness.registry.machine import fits, this_machine
from harness.results import case_results, rescore
from harness.store import Store, check_store
from harness.study import Study, build_study
from harness.studyfile import read_study

REPORT_PACKAGES = ("pandas", "pyarrow", "scipy")


class Session:
    """A run as one process sees it."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is read or opened yet."""
        self.settings = settings
        self.answered = 0
        self.uncounted = False
        self._engine: Engine | None = None

    @cached_property
    def study(self) -> Study:
        """The study under the settings' selection."""
        file, base = read_study(self.settings.study, self.settings.project.root)
        return build_study(file, self.settings.selection, base)

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
            self._engine = Engine(self.study, Store(self.settings.store), rerun=self.settings.rerun)
        return self._engine

    def check(self, *, weights: bool) -> None:
        """Find every mistake that can be found before a question is asked; nothing is written.

        Raises:
            HarnessError: the first thing that is wrong.
        """
        study = self.study
        check_store(self.settings.store)
        hardware = self.hardware
        if self.settings.scaling_report:
            need_report_packages()
            self._check_report_folder()
        if weights:
            self._check_weights(study, hardware)

    def _check_weights(self, study: Study, hardware: Hardware) -> None:
        sources = Sources(study)
        for cell in study.cells:
            if cell.model.provider == "transformers":
                fits(cell.model, hardware, runtime_of(study, cell))
            sources.of(cell)

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

    def warm(self) -> None:
        """Build what all processes read, before they start."""
        Planner(self.study, Sources(self.study)).warm()

    def select(self, groups: Iterable[Sequence[Case]], *, start_share: float = 0.0) -> None:
        """Say which cases are answered together, and how far into a group this process begins."""
        self.engine.select(groups, start_share=start_share)

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
        with Store(settings.store) as store:
            results = case_results(study, Planner(study, sources), store, study.cases)
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
