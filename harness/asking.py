"""Putting a batch to the cell's model: loaded once, marked as in flight, watched, and halved when it fails."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import islice

from harness.errors import HarnessError
from harness.flights import Flights
from harness.loaded import Loaded
from harness.planning import Planned, Sources
from harness.providers.arriving import Arriving
from harness.providers.base import Provider, failed
from harness.records import Answer, Cell
from harness.study import Study
from harness.watchdog import Watchdog, end_process

LOADS_MOST = 2
NO_ANSWER = "the provider returned fewer answers than prompts"
TOO_MANY = "the provider returned more answers than prompts"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a batch came back without all of its answers; the exception itself would keep the batch's memory."""

    reason: str
    out_of_memory: bool


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, HarnessError) else f"{type(error).__name__}: {error}"


def _is_out_of_memory(error: Exception) -> bool:
    """Torch's own error on a GPU, its plain RuntimeError on a CPU; told apart without importing torch."""
    return type(error).__name__ == "OutOfMemoryError" or "DefaultCPUAllocator" in str(error)


def _is_device_lost(error: Exception) -> bool:
    """An error after which CUDA refuses everything in this process, as an assertion on the device is."""
    text = str(error)
    lost = type(error).__name__ == "AcceleratorError" or "CUDA error" in text
    return lost and "out of memory" not in text


class Asker:
    """Asks the models of a study, one of which it holds."""

    def __init__(
        self, study: Study, sources: Sources, flights: Flights, last_words: Callable[[str], None], limit_s: float | None
    ) -> None:
        """Nothing is loaded yet; without a limit a request may take for ever.

        `last_words` is told the reason before this process is ended.
        """
        self.loaded = Loaded()
        self._study = study
        self._sources = sources
        self._flights = flights
        self._last_words = last_words
        self._watchdog = None if limit_s is None else Watchdog(limit_s=limit_s, last_words=last_words)
        self._rows: dict[str, int] = {}

    def provider(self, cell: Cell) -> Provider:
        """The cell's model, loaded; another one that this process held is freed first.

        Raises:
            HarnessError: it cannot be loaded, or processes of this run died of loading it.
        """
        source = self._sources.of(cell)
        if self.loaded.holds(source):
            return self.loaded.of(source)
        key = f"load:{source.fingerprint}"
        if self._flights.deaths_in_run(key) >= LOADS_MOST:
            self.loaded.refuse(source, f"{LOADS_MOST} processes died while they loaded it: is there enough memory?")
            return self.loaded.of(source)
        self._flights.begin([key])
        try:
            return self.loaded.of(source)
        finally:
            self._flights.end([key])

    def ask(self, batch: Sequence[Planned]) -> Iterator[tuple[list[Planned], list[Answer]]]:
        """Answers as they come, part by part; each part is in flight until its answers are kept.

        What is left of a batch that fails goes on in halves, down to the one at fault. Where memory ran out, later
        batches of the cell are cut to half of what did not fit.
        """
        if not batch:
            return
        try:
            provider = self.provider(batch[0].case.cell)
        except HarnessError as error:
            yield list(batch), [failed(str(error))] * len(batch)
            return
        if isinstance(provider, Arriving):
            yield from self._as_they_come(provider, batch)
            return
        waiting = self._pieces(batch)
        while waiting:
            piece = waiting.pop(0)
            answers, trouble = self._attempt(provider, piece)
            left = piece[len(answers) :]
            if left and (trouble is None or len(piece) == 1):
                answers += [failed(NO_ANSWER if trouble is None else trouble.reason)] * len(left)
            elif left and trouble is not None:
                if trouble.out_of_memory:
                    self._rows[batch[0].case.cell.label] = max(1, len(piece) // 2)
                middle = (len(left) + 1) // 2
                waiting = [half for half in (left[:middle], left[middle:]) if half] + waiting
            yield piece[: len(answers)], answers

    def _as_they_come(
        self, provider: Arriving, batch: Sequence[Planned]
    ) -> Iterator[tuple[list[Planned], list[Answer]]]:
        """Each part of the answers when it is there; no memory of this machine bounds such a batch."""
        left, reason = dict(enumerate(batch)), NO_ANSWER
        try:
            with self._in_flight([plan.key for plan in batch], batch[0].case.cell):
                for part in provider.arriving([plan.prompt for plan in batch], self._study.decoding):
                    yield [left.pop(place) for place, _ in part], [answer for _, answer in part]
        except Exception as error:  # noqa: BLE001 - whatever a service's client raises is told and counted
            reason = _reason(error)
        if left:
            yield list(left.values()), [failed(reason)] * len(left)

    def ask_alone(self, plan: Planned) -> Answer:
        """The answer to one prompt by itself, that is not to be kept as the question's own."""
        try:
            provider = self.provider(plan.case.cell)
            self._refuse_deadly([f"flip:{plan.key}"])
            with self._in_flight([f"flip:{plan.key}"], plan.case.cell):
                answers = list(islice(provider.generate([plan.prompt], self._study.decoding), 1))
        except Exception as error:  # noqa: BLE001 - told as the reason why there is no answer
            return failed(_reason(error))
        self._flights.end([f"flip:{plan.key}"])
        return answers[0] if answers else failed(NO_ANSWER)

    def losses(self, batch: Sequence[Planned]) -> list[float | None]:
        """The loss of each prompt's reference; a batch that does not fit the memory goes on in halves.

        Raises:
            HarnessError: the model could not be loaded, or could not measure them.
        """
        provider = self.provider(batch[0].case.cell)
        self._refuse_deadly([f"loss:{plan.key}" for plan in batch])
        found: list[float | None] = []
        waiting = self._pieces(batch)
        while waiting:
            piece = waiting.pop(0)
            measured = self._losses_that_fit(provider, piece)
            if measured is None:
                half = (len(piece) + 1) // 2
                self._rows[batch[0].case.cell.label] = half
                waiting = [piece[:half], piece[half:], *waiting]
            else:
                found += measured
        return found

    def _losses_that_fit(self, provider: Provider, batch: Sequence[Planned]) -> list[float | None] | None:
        """None where the memory ran out and there is something to halve."""
        keys = [f"loss:{plan.key}" for plan in batch]
        try:
            with self._in_flight(keys, batch[0].case.cell):
                found = list(provider.reference_nll([plan.prompt for plan in batch]))
        except Exception as error:
            if _is_out_of_memory(error) and len(batch) > 1:
                return None
            raise HarnessError(_reason(error)) from error
        self._flights.end(keys)
        return found

    def _refuse_deadly(self, keys: Sequence[str]) -> None:
        """What is no answer is not worth a second process."""
        if any(record.deaths for record in self._flights.look(keys).values()):
            raise HarnessError("a process died of it before")

    def _pieces(self, batch: Sequence[Planned]) -> list[list[Planned]]:
        """The batch, cut to what once fitted the memory."""
        size = self._rows.get(batch[0].case.cell.label, len(batch))
        return [list(batch[start : start + size]) for start in range(0, len(batch), size)]

    def _attempt(self, provider: Provider, batch: Sequence[Planned]) -> tuple[list[Answer], Trouble | None]:
        """The answers that came, in order, and what kept the others from coming."""
        answers: list[Answer] = []
        prompts = [plan.prompt for plan in batch]
        try:
            with self._in_flight([plan.key for plan in batch], batch[0].case.cell):
                for answer in islice(provider.generate(prompts, self._study.decoding), len(batch) + 1):
                    answers.append(answer)  # noqa: PERF402 - those before an error are kept
                if len(answers) > len(batch):  # nobody knows which belongs to which
                    answers.clear()
                    raise HarnessError(TOO_MANY)  # noqa: TRY301 - handled as any other failure of the batch
        except Exception as error:  # noqa: BLE001 - whatever a model raises is that prompt's failure, told and counted
            if _is_device_lost(error):
                self._flights.begin([plan.key for plan in batch])
                end_process(_reason(error), self._last_words)
            return answers, Trouble(_reason(error), _is_out_of_memory(error))
        return answers, None

    @contextmanager
    def _in_flight(self, keys: Sequence[str], cell: Cell) -> Iterator[None]:
        """Mark the keys, and watch the time; the marks go with the answers, or here when there are none."""
        count, label = len(keys), cell.label
        what = f"a question of {label}" if count == 1 else f"one of {count} questions of {label}"
        self._flights.begin(keys)
        try:
            with self._watchdog.watch(what, count) if self._watchdog is not None else nullcontext():
                yield
        except BaseException:
            self._flights.end(keys)
            raise
