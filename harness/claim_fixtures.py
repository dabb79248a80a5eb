"""Claims as tests: the fixtures `scaling_report` and `claim`, where their tests stand, and what becomes of verdicts."""

from collections.abc import Callable, Generator
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NoReturn, TypeVar

import pytest

from harness.claims.results import ClaimResult
from harness.errors import HarnessError
from harness.fixtures import SESSION, shown
from harness.units import case_of

if TYPE_CHECKING:
    from harness.claims.scaling import ScalingReport
    from harness.judging import Judging
    from harness.session import Session

T = TypeVar("T")

CLAIM = "harness_claim"
DISTRIBUTED = "harness_distributed"
CLAIM_ID = "claim"
FIXTURES = ("scaling_report", "claim")
TOLD = pytest.StashKey[list[ClaimResult]]()
NONE_DECLARED = "the study declares no [[claims]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What marks an item as a claim; `label` is that of a claim of the study file, None of one that a test states."""

    label: str | None = None


class DeclaredClaim:
    """One of the study file's `[[claims]]`; they are judged together, by Holm."""

    def __init__(self, label: str, check: Callable[[str], ClaimResult]) -> None:
        """The claim of that label."""
        self.label = label
        self._check = check

    def check(self) -> ClaimResult:
        """The evidence; raises ClaimFailed when the data contradict the claim."""
        __tracebackhide__ = True
        return self._check(self.label)


def claim_labels(session: "Session") -> frozenset[str]:
    """The parameters by which the ids of items tell that they are claims."""
    return frozenset({CLAIM_ID, *session.study.claims})


def parametrise(metafunc: pytest.Metafunc, name: str, session: "Session") -> None:
    """Make one item per declared claim, or one that is named as a claim and so stands behind all cases."""
    if name == "scaling_report":
        metafunc.parametrize(name, [Wanted()], ids=[CLAIM_ID], indirect=True)
        return
    labels = list(session.study.claims)
    nothing = pytest.param(None, marks=pytest.mark.skip(reason=NONE_DECLARED), id="none")
    wanted = [pytest.param(Wanted(label=label), id=label) for label in labels]
    metafunc.parametrize(name, wanted or [nothing], indirect=True)


def claims_last(items: list[T]) -> list[T]:
    """The items with claims behind all others, each kind in its order."""
    return sorted(items, key=is_claim)


def is_claim(item: object) -> bool:
    """Whether a pytest item states a claim; one that also asks for a case is a case."""
    params = getattr(getattr(item, "callspec", None), "params", {})
    return case_of(item) is None and any(isinstance(params.get(name), Wanted) for name in FIXTURES)


class ClaimFixtures:
    """The fixtures of claims in one process, and in the controller the memory of all verdicts, as a plugin."""

    def __init__(self, config: pytest.Config) -> None:
        """Fixtures over the session in the config's stash."""
        self._config = config
        self._item: pytest.Item | None = None
        self._late: list[ClaimResult] = []
        self._problem: str | None = None

    @cached_property
    def judging(self) -> "Judging":
        """The claims of the session."""
        from harness.judging import Judging

        return Judging(self._config.stash[SESSION])

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Note whose fixtures are made next."""
        self._item = item

    @pytest.fixture
    def scaling_report(self) -> "ScalingReport":
        """What a test can claim of the finished study: `scaling_report.matches(A, B, margin=0.05)`, ..."""
        from harness.claims.scaling import ScalingReport, Sources

        item, judging = self._asking(), self.judging
        sources = Sources(ground=judging.ground, against=judging.against, tell=lambda result: _tell(item, result))
        return ScalingReport(sources)

    @pytest.fixture
    def claim(self, request: pytest.FixtureRequest) -> DeclaredClaim:
        """One of the `[[claims]]` of the study file: the test runs once per claim, and calls `claim.check()`."""
        item, wanted = self._asking(), getattr(request, "param", None)
        if not isinstance(wanted, Wanted) or wanted.label is None:
            pytest.fail("the fixture 'claim' is parametrised by the plugin: ask for it as an argument", pytrace=False)
        return DeclaredClaim(wanted.label, lambda label: self._check(item, label))

    def _asking(self) -> pytest.Item:
        if self._item is None:
            raise RuntimeError("no test is being set up")
        if case_of(self._item) is not None:
            pytest.fail("claims are over all cases: state them in a test without a case", pytrace=False)
        self._item.stash[TOLD] = []
        return self._item

    def _check(self, item: pytest.Item, label: str) -> ClaimResult:
        __tracebackhide__ = True
        from harness.claims.scaling import held

        distribution = getattr(self._config, "workerinput", {}).get(DISTRIBUTED)
        if distribution is not None:
            item.user_properties.append((CLAIM, {"label": label}))
            pytest.skip(f"judged at the end of the run, as --dist {distribution} has no place behind all cases")
        result = self.judging.declared()[label]
        _tell(item, result)
        return held(result)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """A contradicted claim fails in its own words; at the end of the test, one that cannot be told skips it."""
        if TOLD not in item.stash:
            return (yield)
        from harness.claims.scaling import ClaimFailed

        try:
            result = yield
        except ClaimFailed as failed:
            raise pytest.fail.Exception(str(failed), pytrace=False) from None
        except HarnessError as error:
            raise pytest.fail.Exception(f"no claim: {shown(str(error))}", pytrace=False) from None
        self._end(item.stash[TOLD])
        return result

    def _end(self, told: list[ClaimResult]) -> None:
        open_ = [result for result in told if result.verdict == "inconclusive"]
        if open_ and self.judging.session.settings.strict_claims:
            pytest.fail(f"{open_[0].message} (--strict-claims)", pytrace=False)
        open_ += [result for result in told if result.verdict == "untested"]
        if open_:
            _skip(open_[0].message)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember the verdicts of a test that ended, in the process that the user started."""
        if report.when == "call" and SESSION in self._config.stash:
            found = [value for name, value in report.user_properties if name == CLAIM]
            if found:
                self.judging.hear(report.nodeid, [_heard(value) for value in found])

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Judge the declared claims that no place behind all cases was left for: a distribution of the user's own."""
        ended = session.exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}
        if not ended or SESSION not in self._config.stash or hasattr(self._config, "workerinput"):
            return
        bad = {"fails", "inconclusive"} if self.judging.session.settings.strict_claims else {"fails"}
        try:
            self._late = [result for result in self.judging.judge_rest() if result.verdict in bad]
            failed = bool(self._late)
        except HarnessError as error:
            self._problem, failed = shown(str(error)), True
        if failed:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """One line per claim; all that is said of one that failed at the end, since no test has told it."""
        results = self.judging.results if SESSION in self._config.stash else ()
        if results or self._problem:
            terminalreporter.section("claims")
            told = [result.message if result in self._late else result.sentence for result in results]
            for line in (*told, *filter(None, [self._problem])):
                terminalreporter.line(line)


def _heard(value: object) -> ClaimResult | str:
    """A verdict as a worker told it, or the label of a declared claim that is left to the end."""
    fields = dict(value) if isinstance(value, dict) else {}
    return ClaimResult(**fields) if "verdict" in fields else str(fields["label"])


def _tell(item: pytest.Item, result: ClaimResult) -> None:
    item.stash[TOLD].append(result)
    item.user_properties.append((CLAIM, asdict(result)))


def _skip(reason: str) -> NoReturn:
    raise pytest.skip.Exception(reason, _use_item_location=True)
