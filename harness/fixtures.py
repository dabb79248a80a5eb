"""What a test can ask for: `study`, `case`, `model`, `answer` and `score`."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from harness.errors import HarnessError, StoreError
from harness.options import OUTCOME, USER_VERSION
from harness.providers.spending import is_refusal
from harness.records import Answer, Case, Decoding, ModelSpec, Prompt, Score, Template
from harness.secrets import clean_message

if TYPE_CHECKING:
    from harness.engine import Engine
    from harness.providers.base import Provider
    from harness.scoring import Judged
    from harness.session import Session

SESSION = pytest.StashKey["Session"]()

SHOWN_MOST = 500
BARE = Template(name="bare", system="", user="{question}", user_with_passages="{question}", reader="line", hash="bare")


class Model:
    """The case's model as a handle; weights are loaded when it is first asked."""

    def __init__(self, case: Case, engine: "Engine") -> None:
        """A handle on the model of `case`."""
        self.spec: ModelSpec = case.cell.model
        self._case = case
        self._engine = engine

    @property
    def provider(self) -> "Provider":
        """The loaded model; another one that this process held is freed first."""
        return self._engine.provider(self._case.cell)

    def ask(self, text: str, decoding: Decoding | None = None) -> Answer:
        """The answer to any text, not stored and not scored."""
        prompt = Prompt(template=BARE, question=text, condition=self._case.cell.condition.name)
        return next(iter(self.provider.generate([prompt], decoding or self._engine.study.decoding)))


class Scorer:
    """Computes metrics of the case's answer, keeps them in the store, and gives the case its outcome."""

    def __init__(self, item: pytest.Item, case: Case, answer: Answer, engine: "Engine") -> None:
        """A scorer of the answer that a test looks at."""
        self._node = item
        self._case = case
        self._answer = answer
        self._engine = engine

    def __call__(self, *metrics: str, **own: float) -> dict[str, float | None]:
        """The value of each metric of the study and of each one named, None where it is unscored.

        Args:
            *metrics: names of metrics beside the study's own.
            **own: values that the test computed itself, kept under their names.

        Raises:
            HarnessError: an unknown metric, or an own name that a metric has.
            Failed: the answer cannot be read as its prompt asked for ("unparsed").
        """
        from harness.results import judge_stored

        study, plan = self._engine.study, self._engine.planned(self._case)
        mine = [Score(metric=name, version=USER_VERSION, value=value) for name, value in _checked(own).items()]
        stored = self._engine.scores(self._case)
        judged = judge_stored(study, plan, self._answer, stored, metrics)
        wanted = {*study.metrics, *metrics, judged.primary.metric}
        found = [score for score in judged.scores if score.metric in wanted]
        kept = [row.score for row in stored]
        self._keep([score for score in (*found, *mine) if score not in kept])
        self._tell(judged)
        return {score.metric: score.value for score in (*found, *mine)}

    def _keep(self, scores: list[Score]) -> None:
        from harness.scoring import gold_hash
        from harness.store import ScoreRow

        row = self._engine.answer_id(self._case)
        if row is not None and scores:
            gold = gold_hash(self._case.question)
            self._engine.record([ScoreRow(answer_id=row, gold=gold, score=score) for score in scores])

    def _tell(self, judged: "Judged") -> None:
        properties = [(OUTCOME, judged.outcome), (judged.primary.column, judged.primary.value)]
        self._node.user_properties = [pair for pair in self._node.user_properties if pair not in properties]
        self._node.user_properties.extend(properties)
        if judged.outcome == "unparsed":
            pytest.fail(f"unparsed: {shown(str(judged.evidence.reading.problem))}", pytrace=False)


def _checked(own: Mapping[str, object]) -> dict[str, float]:
    from harness.metrics.table import METRICS

    checked: dict[str, float] = {}
    for name, value in own.items():
        if name in METRICS:
            raise HarnessError(f"score({name}=…) would hide the metric {name!r}: keep your value under another name")
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise HarnessError(f"score({name}={value!r}) is no finite number: give a number, or leave {name} out")
        checked[name] = float(value)
    return checked


def shown(text: str) -> str:
    """The text in one line of at most SHOWN_MOST characters that a terminal takes for nothing but text; no secrets."""
    text = clean_message(text)
    line = "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in " ".join(text.split()))
    return line if len(line) <= SHOWN_MOST else line[: SHOWN_MOST - 1] + "…"


@contextmanager
def _told(item: pytest.Item) -> Iterator[None]:
    """A mistake fails the case in one line; a store that cannot be written ends the run, for no case could be kept."""
    try:
        yield
    except HarnessError as error:
        if isinstance(error, StoreError):
            item.session.shouldstop = str(error)
        item.user_properties.append((OUTCOME, "error"))
        raise pytest.fail.Exception(f"no answer: {shown(str(error))}", pytrace=False) from None


class CaseFixtures:
    """The fixtures of one process, as a plugin.

    None of them asks for `request` or another plugin's fixture: of tens of thousands of stored cases, what pytest does
    for each fixture that is asked for takes most of the time.
    """

    def __init__(self, config: pytest.Config) -> None:
        """Fixtures over the session in the config's stash."""
        self._config = config
        self._item: pytest.Item | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Note whose fixtures are made next."""
        self._item = item

    @property
    def _running(self) -> pytest.Item:
        if self._item is None:
            raise RuntimeError("no test is being set up")
        return self._item

    @property
    def _session(self) -> "Session":
        return self._config.stash[SESSION]

    @pytest.fixture
    def case(self) -> Case:
        """One case of the study: the test runs once per model x condition x question."""
        message = "the fixture 'case' is parametrised by the plugin and cannot be requested at run time"
        return pytest.fail(message, pytrace=False)

    @pytest.fixture
    def model(self, case: Case) -> Model:
        """The case's model, loaded when first asked."""
        return Model(case, self._session.engine)

    @pytest.fixture
    def answer(self, case: Case) -> Answer:
        """The stored or new answer to the case; a model that fails is an error of the case, with the reason."""
        with _told(self._running):
            found = self._session.engine.answer(case)
        if is_refusal(found.error):
            pytest.skip(shown(str(found.error)))
        if found.error is not None:
            self._running.user_properties.append((OUTCOME, "error"))
            pytest.fail(f"no answer: {shown(found.error)}", pytrace=False)
        return found

    @pytest.fixture
    def score(self, case: Case, answer: Answer) -> Scorer:
        """`score()` computes and keeps the study's metrics; `score("f1", my_metric=0.5)` adds others."""
        return Scorer(self._running, case, answer, self._session.engine)
