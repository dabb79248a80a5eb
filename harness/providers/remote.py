"""A model behind an API as a provider: many questions at once, each with its tries, its deadline and its outcome."""

import asyncio
import random
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from time import perf_counter
from typing import Literal

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from harness.prompts.render import messages
from harness.providers.arriving import Placed, all_in_order, parts
from harness.providers.background import run, submit
from harness.providers.base import failed
from harness.providers.concurrency import Slot
from harness.providers.exchange import Asked, Fault, Reply, Service
from harness.providers.faults import shown
from harness.providers.line import Line
from harness.providers.prices import Price
from harness.providers.remote_options import RemoteOptions
from harness.providers.spending import ledger, refusal
from harness.providers.usage import most_prompt_tokens, usage_problem
from harness.records import Answer, Decoding, Prompt
from harness.secrets import clean_message

# Exponential with full jitter: Brooker 2015, "Exponential backoff and jitter", AWS Architecture Blog.
BACKOFF_FIRST_S = 0.5
BACKOFF_MOST_S = 30.0
SPENDING_LOOK_S = 0.05
CLOSE_S = 5.0


@dataclass(slots=True, kw_only=True)
class Errand:
    """One question on its way: its tries share the deadline, which runs from when the first try is let out."""

    asked: Asked
    tokens: int
    deadline_s: float
    tries: int = 0
    started: float | None = None

    def left_s(self) -> float:
        """Seconds to the deadline."""
        return self.deadline_s - (0.0 if self.started is None else perf_counter() - self.started)

    def told_s(self) -> float:
        """Seconds since the first try was let out."""
        return 0.0 if self.started is None else perf_counter() - self.started


class RemoteProvider:
    """A model behind an API; see `base.Provider`.

    An answer's `latency_s` is the time of its own last try, and `concurrency` how many requests of this process were on
    their way with it. What a service says is taken as said: no passage is dropped, and no loss can be measured.
    """

    def __init__(self, service: Service, line: Line, options: RemoteOptions, price: Price | None = None) -> None:
        self.service = service
        self.line = line
        self.options = options
        self.price = price
        self._stopped: str | None = None

    def generate(self, prompts: Sequence[Prompt], decoding: Decoding) -> Iterator[Answer]:
        """One answer per prompt, in order, all asked at once as far as the service lets them; none is ever missing.

        An iterator that is left early takes back what has not been answered.
        """
        return all_in_order(self.arriving(prompts, decoding))

    def arriving(self, prompts: Sequence[Prompt], decoding: Decoding) -> Generator[Sequence[Placed]]:
        """As `generate`, in the order in which the answers come; see `arriving.Arriving`."""
        found: SimpleQueue[Placed | None] = SimpleQueue()
        work = submit(self._answer_all(prompts, decoding, lambda place, answer: found.put((place, answer))))
        work.add_done_callback(lambda _: found.put(None))
        try:
            yield from parts(found)
            work.result()
        finally:
            work.cancel()

    def reference_nll(self, prompts: Sequence[Prompt]) -> Iterator[float | None]:
        """None for each: no service tells the likelihood of a given text."""
        return iter([None] * len(prompts))

    def close(self) -> None:
        """Close the connections; one that hangs is left to the system."""
        with suppress(TimeoutError):
            run(self.service.close(), CLOSE_S)

    async def _answer_all(
        self, prompts: Sequence[Prompt], decoding: Decoding, tell: Callable[[int, Answer], None]
    ) -> None:
        async def one(place: int, prompt: Prompt) -> None:
            tell(place, await self._answer(prompt, decoding))

        async with asyncio.TaskGroup() as group:
            for place, prompt in enumerate(prompts):
                group.create_task(one(place, prompt))

    async def _answer(self, prompt: Prompt, decoding: Decoding) -> Answer:
        asked = Asked(turns=messages(prompt), decoding=decoding, chat=prompt.template.chat)
        tokens = most_prompt_tokens(asked.turns)
        errand = Errand(asked=asked, tokens=tokens, deadline_s=self.options.deadline_s)
        try:
            return await self._tries(errand)
        except Fault as fault:
            return _failure(fault, errand)
        except Exception as error:  # noqa: BLE001 - whatever befalls one question, the others keep their answers
            return _failure(Fault(reason=f"{type(error).__name__}: {shown(str(error))}"), errand)

    async def _tries(self, errand: Errand) -> Answer:
        """The first try goes without tenacity, whose own work was a twentieth of a request's processor time."""
        faults: list[Fault] = []

        async def attempt() -> Answer:
            if faults:
                raise faults.pop()
            return await self._try(errand)

        try:
            return await self._try(errand)
        except Fault as fault:
            faults.append(fault)
        retrying = AsyncRetrying(
            retry=retry_if_exception(lambda error: isinstance(error, Fault) and error.retry),
            wait=wait_s,
            stop=lambda state: state.attempt_number >= self.options.tries or state.upcoming_sleep >= errand.left_s(),
            reraise=True,
        )
        answer: Answer = await retrying(attempt)
        return answer

    async def _try(self, errand: Errand) -> Answer:
        """Ask once, when the service may be asked."""
        self._refuse_when_stopped()
        async with self.line.admitted(errand.tokens / 4 + errand.asked.decoding.max_new_tokens) as slot:
            self._refuse_when_stopped()
            number = await self._reserve(errand)
            cost_usd = 0.0
            try:
                cost_usd = self._worst_usd(errand)
                answer, cost_usd = await self._ask(errand, slot)
            except Fault as fault:
                cost_usd = cost_usd if fault.billed else 0.0
                self._learn(fault)
                raise
            finally:
                self._settle(number, cost_usd)
            self.line.succeeded()
            return answer

    async def _ask(self, errand: Errand, slot: Slot) -> tuple[Answer, float]:
        """The answer and what it cost."""
        began = perf_counter()
        errand.started = began if errand.started is None else errand.started
        limit_s = min(self.options.timeout_s, errand.left_s())
        if limit_s <= 0:
            raise Fault(reason=f"no answer within {errand.deadline_s:g} s")
        errand.tries += 1
        try:
            async with asyncio.timeout(limit_s):
                reply = await self.service.ask(errand.asked)
        except TimeoutError:
            reason = f"no whole reply within {limit_s:.3g} s"
            raise Fault(reason=reason, retry=True, overload=True, down=True, billed=True) from None
        problem = usage_problem(reply, errand.tokens)
        if problem is not None:
            raise Fault(reason=problem, billed=True)
        return answered(reply, perf_counter() - began, slot.in_flight), self._usd(reply)

    def _usd(self, reply: Reply) -> float:
        return 0.0 if self.price is None else self.price.usd(reply.prompt_tokens, reply.output_tokens)

    def _worst_usd(self, errand: Errand) -> float:
        if self.price is None:
            return 0.0
        return self.price.usd(errand.tokens, errand.asked.decoding.max_new_tokens)

    async def _reserve(self, errand: Errand) -> int | None:
        """Set the try's worst case aside, or wait while other tries may leave enough."""
        book = ledger()
        if book is None or self.price is None:
            return None
        waited_until = perf_counter() + errand.left_s()
        while perf_counter() < waited_until:
            number: int | Literal["later", "never"] = book.reserve(self._worst_usd(errand))
            if isinstance(number, int):
                return number
            if number == "never":
                break
            await asyncio.sleep(SPENDING_LOOK_S)
        raise Fault(reason=refusal(book, self._worst_usd(errand)))

    def _settle(self, number: int | None, usd: float) -> None:
        book = ledger()
        if number is not None and book is not None:
            book.settle(number, usd)

    def _learn(self, fault: Fault) -> None:
        self.line.failed(fault)
        if fault.fatal:
            self._stopped = fault.reason

    def _refuse_when_stopped(self) -> None:
        if self._stopped is not None:
            raise Fault(
                reason=f"not asked: no question of this model would fare better than one before: {self._stopped}"
            )


def wait_s(state: RetryCallState) -> float:
    """Seconds before the next try: what the service asked for, and never less than the random backoff."""
    error = state.outcome.exception() if state.outcome is not None else None
    asked_s = error.retry_after_s if isinstance(error, Fault) and error.retry_after_s is not None else 0.0
    most_s = min(BACKOFF_MOST_S, BACKOFF_FIRST_S * 2 ** (state.attempt_number - 1))
    return max(asked_s, random.uniform(0, most_s))  # noqa: S311 - to spread tries, not to hide anything


def answered(reply: Reply, latency_s: float, concurrency: int) -> Answer:
    """A reply as an answer."""
    return Answer(
        text=reply.text,
        prompt_tokens=reply.prompt_tokens,
        output_tokens=reply.output_tokens,
        latency_s=latency_s,
        concurrency=concurrency,
        finish_reason=reply.finish_reason,
        logprobs=reply.logprobs,
    )


def _failure(fault: Fault, errand: Errand) -> Answer:
    tries = f" (after {errand.tries} tries in {errand.told_s():.3g} s)" if errand.tries > 1 else ""
    reason = clean_message(" ".join(f"{fault.reason}{tries}".split()))
    return failed(reason, errand.told_s(), "content_filter" if fault.filtered else "error")
