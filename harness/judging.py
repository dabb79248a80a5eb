"""The claims of a run as one process judges them, and in the controller the memory of what tests told of theirs."""

from typing import TYPE_CHECKING

from harness.claims.results import ClaimResult
from harness.session import Session, need_report_packages

if TYPE_CHECKING:
    from harness.analysis.gate import Gate
    from harness.claims.ground import Ground


class Judging:
    """Verdicts over what the store of a session has."""

    def __init__(self, session: Session) -> None:
        """Nothing is read yet."""
        self.session = session
        self._ground: tuple[int, Ground] | None = None
        self._declared: tuple[Ground, dict[str, ClaimResult]] | None = None
        self._heard: dict[str, list[ClaimResult | str]] = {}

    def ground(self) -> "Ground":
        """What claims are judged on, as the store has it; read again when answers have come in.

        Raises:
            HarnessError: it cannot be read, or packages are missing.
        """
        need_report_packages("claims")
        from harness.claims.ground import ground_of

        newest = self.session.newest_answer
        if self._ground is None or self._ground[0] != newest:
            self._ground = newest, ground_of(self.session.study, self.session.results())
        return self._ground[1]

    def against(self, place: str, margin: float | None, metric: str) -> "Gate":
        """What claims are judged on, held against a stored run; with that run's own margin when None is given.

        Raises:
            HarnessError: the runs cannot be compared.
        """
        from harness.analysis.gate import Rule, gate
        from harness.baseline import read_run, study_run

        baseline = read_run(place, self.session.settings.project.root)
        rule = Rule(margin=baseline.margin if margin is None else margin, metric=metric)
        return gate(baseline, study_run(self.session.study, self.ground().results), rule)

    def declared(self) -> dict[str, ClaimResult]:
        """The verdicts of the study file's claims, by label, as the store has their cases now.

        Raises:
            HarnessError: one of them cannot be judged.
        """
        ground = self.ground()
        if self._declared is None or self._declared[0] is not ground:
            from harness.claims.declared import declared_results

            self._declared = ground, declared_results(self.session.study.claims, ground, self.against)
        return self._declared[1]

    def hear(self, test: str, told: list[ClaimResult | str]) -> None:
        """Remember what a test told: verdicts, or labels of declared claims that are left to the end."""
        self._heard[test] = told

    def judge_rest(self) -> list[ClaimResult]:
        """Judge the declared claims that were left to the end; returns their verdicts, none where none was.

        Raises:
            HarnessError: they cannot be judged.
        """
        left = {label: test for test, told in self._heard.items() for label in told if isinstance(label, str)}
        judged = self.declared() if left else {}
        for label, test in left.items():
            self._heard[test] = [judged[label] if told == label else told for told in self._heard[test]]
        return [judged[label] for label in left]

    @property
    def results(self) -> tuple[ClaimResult, ...]:
        """The verdicts of all claims that tests told of, those of the study file first, in its order."""
        told = [result for results in self._heard.values() for result in results if not isinstance(result, str)]
        places = {label: place for place, label in enumerate(self.session.study.claims)}
        return tuple(sorted(told, key=lambda result: places.get(result.label or "", len(places))))
