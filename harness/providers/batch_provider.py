"""A model asked through the batch API of its service: handed in at once, answered within a day, collected once.

A batch that this process leaves behind is noted in the book, and collected by the next one that is asked the same.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from queue import SimpleQueue
from typing import TypeVar

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt

from harness.prompts.render import messages
from harness.providers.arriving import Placed, all_in_order, parts
from harness.providers.background import run, submit
from harness.providers.base import failed
from harness.providers.batch_book import Held, book
from harness.providers.batches import Batches, Standing, checked, chunks, is_gone, may_be_taken
from harness.providers.exchange import Asked, Fault, Reply
from harness.providers.prices import Price
from harness.providers.remote import answered, wait_s
from harness.providers.remote_options import RemoteOptions
from harness.providers.spending import ledger, refusal
from harness.providers.usage import most_prompt_tokens
from harness.records import Answer, Decoding, FinishReason, Prompt
from harness.secrets import clean_message

POLL_FIRST_S = 2.0
POLL_GROWTH = 1.5
POLL_MOST_S = 60.0
# Both services end a batch after 24 hours; then its results are put together.
WAIT_MOST_S = 26 * 3600.0
CLOSE_S = 5.0
CANCEL_S = 15.0
NOTE_S = 60.0
ITEM_DIGITS = 60
# Two fields of a request can be changed, each for one more round.
ROUNDS = 3
T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Work:
    """The questions of one call: what is asked by item, the places it answers, and which batch each item came from."""

    asked: Mapping[str, Asked]
    places: Mapping[str, Sequence[int]]
    tell: Callable[[int, Answer], None]
    open: dict[str, Held] = field(default_factory=dict)
    settled: dict[int, tuple[str, str]] = field(default_factory=dict)

    def answer(self, item: str, answer: Answer, token: str | None) -> None:
        """Tell an item's answer; `token` is of the batch that it is struck from once the answer is kept."""
        for place in self.places[item]:
            if token is not None:
                self.settled[place] = (token, item)
            self.tell(place, answer)


class BatchProvider:
    """A model behind a batch API; see `base.Provider`.

    An answer's `latency_s` runs from when its batch was handed in until it was collected, and `concurrency` counts the
    batch's questions.
    """

    def __init__(self, batches: Batches, source: str, options: RemoteOptions, price: Price | None = None) -> None:
        """`source` is the fingerprint of the model: batches of another one are not looked at."""
        self.batches = batches
        self.source = source
        self.options = options
        self.price = price

    def generate(self, prompts: Sequence[Prompt], decoding: Decoding) -> Iterator[Answer]:
        """One answer per prompt, in order, once its batch is over.

        An iterator that is left early has the batches cancelled; what they answered before is collected the next time.
        """
        return all_in_order(self.arriving(prompts, decoding))

    def arriving(self, prompts: Sequence[Prompt], decoding: Decoding) -> Generator[Sequence[Placed]]:
        """As `generate`, batch by batch; see `arriving.Arriving`. What was taken is struck from the book."""
        found: SimpleQueue[Placed | None] = SimpleQueue()
        asked, places = self._items(prompts, decoding)
        work = Work(asked=asked, places=places, tell=lambda place, answer: found.put((place, answer)))
        doing = submit(self._answer_all(work))
        doing.add_done_callback(lambda _: found.put(None))
        try:
            for part in parts(found):
                yield part
                if any(place in work.settled for place, _ in part):
                    run(self._strike(work, [place for place, _ in part]), NOTE_S)
            doing.result()
        finally:
            if doing.cancel():
                with suppress(TimeoutError, Fault):
                    run(self._cancel(work), CANCEL_S)

    def reference_nll(self, prompts: Sequence[Prompt]) -> Iterator[float | None]:
        """None for each: no service tells the likelihood of a given text."""
        return iter([None] * len(prompts))

    def close(self) -> None:
        """Close the connections; one that hangs is left to the system."""
        with suppress(TimeoutError):
            run(self.batches.close(), CLOSE_S)

    def _items(self, prompts: Sequence[Prompt], decoding: Decoding) -> tuple[dict[str, Asked], dict[str, list[int]]]:
        """What is asked by a name that any process gives it; prompts that are the same are asked once."""
        asked: dict[str, Asked] = {}
        places: dict[str, list[int]] = {}
        for place, prompt in enumerate(prompts):
            question = Asked(turns=messages(prompt), decoding=decoding, chat=prompt.template.chat)
            told = json.dumps([self.source, asdict(question)], sort_keys=True).encode()
            item = sha256(told).hexdigest()[:ITEM_DIGITS]
            asked[item] = question
            places.setdefault(item, []).append(place)
        return asked, places

    async def _answer_all(self, work: Work) -> None:
        """Collect what lies at the service, and hand in the rest meanwhile."""
        old = book().adopt(self.source, work.asked)
        limit = ledger()
        if limit is not None:
            limit.take_over(number for held in old for number in held.items.values() if number is not None)
        covered = {item for held in old for item in held.items}
        rest = [item for item in work.asked if item not in covered]
        await asyncio.gather(self._ask(work, rest), *(self._ask_old(work, held) for held in old))

    async def _ask_old(self, work: Work, held: Held) -> None:
        """Collect an older batch, or look for it; what it was ended without is handed in anew."""
        try:
            batch = held.batch or await self._found(held)
        except Fault as fault:
            self._leave(
                work, held, f"whether the batch was taken is not known: {fault.reason}: run again to look for it"
            )
            return
        if batch is None:
            book().collected(held.token, held.items)
            await self._ask(work, [item for item in work.asked if item in held.items])
        else:
            await self._ask(work, await self._collect(work, replace(held, batch=batch), is_own=False))

    async def _found(self, held: Held) -> str | None:
        """The id of a batch whose process ended while it handed it in; None where it has to be handed in again.

        Raises:
            Fault: that cannot be told now.
        """
        if not self.batches.is_marked:
            self._settle_worst(held)
            return None
        batch = await self._patiently(lambda: self.batches.find(held.token))
        if batch is None:
            self._settle(held, {})
        else:
            book().handed_in(held.token, batch)
        return batch

    def _leave(self, work: Work, held: Held, reason: str) -> None:
        """Tell that the questions are not answered now; the batch stays in the book, and what is set aside for it."""
        for item in held.items:
            work.answer(item, _failure(reason, held), None)

    async def _ask(self, work: Work, items: Iterable[str]) -> None:
        for _ in range(ROUNDS):
            items = await self._hand_in_all(work, items)

    async def _hand_in_all(self, work: Work, items: Iterable[str]) -> list[str]:
        """Hand in and collect; returns what is to be asked in another way."""
        parted = list(chunks(work.asked, list(items)))
        left = await asyncio.gather(*(self._whole_way(work, chunk) for chunk in parted))
        return [item for each in left for item in each]

    async def _whole_way(self, work: Work, items: Sequence[str]) -> Sequence[str]:
        """Hand one batch in and collect it; returns what is to be asked in another way."""
        reserved = self._reserve(work, items)
        if not reserved:
            return ()
        held = book().begin(self.source, reserved)
        work.open[held.token] = held
        try:
            held = replace(held, batch=await self._hand_in(work, held))
        except Fault as fault:
            del work.open[held.token]
            self._fail_to_hand_in(work, held, fault)
            return ()
        book().handed_in(held.token, str(held.batch))
        return await self._collect(work, held, is_own=True)

    def _fail_to_hand_in(self, work: Work, held: Held, fault: Fault) -> None:
        """Tell it; what may have been taken counts as spent, and stays in the book where it can be looked for."""
        if fault.billed and self.batches.is_marked:
            self._leave(work, held, f"{fault.reason}: run again to look for it")
            return
        if fault.billed:
            self._settle_worst(held)
        else:
            self._settle(held, {})
        told = (
            f"{fault.reason}: look at the service's list"
            if fault.billed
            else f"the batch was not taken: {fault.reason}"
        )
        for item in held.items:
            work.answer(item, _failure(told, held), held.token)

    async def _hand_in(self, work: Work, held: Held) -> str:
        """Hand it in; where nobody knows whether it was taken, it is looked for before it is handed in again.

        Raises:
            Fault: it was not taken; `billed` where that is not known.
        """
        items = {item: work.asked[item] for item in held.items}
        is_marked = self.batches.is_marked

        async def once() -> str:
            try:
                return await self.batches.hand_in(held.token, items)
            except Fault as fault:
                if not may_be_taken(fault, is_marked=is_marked):
                    raise
                reason = fault.reason
            unknown = Fault(reason=f"{reason}; whether it was taken is not known", billed=True)
            if not is_marked:
                raise unknown
            try:
                batch = await self._patiently(lambda: self.batches.find(held.token))
            except Fault:
                raise unknown from None
            if batch is None:
                raise Fault(reason=reason, retry=True)
            return batch

        return await self._patiently(once)

    async def _collect(self, work: Work, held: Held, *, is_own: bool) -> Sequence[str]:
        """Wait until it is over and tell its answers.

        Returns:
            The items to be handed in again: those of an older batch that were not answered, or what can be asked in
            another way.
        """
        batch = str(held.batch)
        work.open[held.token] = held  # and so it stays when this is cancelled, to be cancelled at the service
        try:
            standing = await self._wait(batch, held)
            results = await self._patiently(lambda: self.batches.results(batch))
        except Fault as fault:
            del work.open[held.token]
            return self._fail_to_collect(work, held, fault, is_own=is_own)
        del work.open[held.token]
        unsaid = Fault(reason=f"batch {batch} is {standing.word} and has no word on it")
        told = {item: checked(work.asked[item], results.get(item, unsaid)) for item in held.items}
        self._settle(held, told)
        faults = {item: found for item, found in told.items() if isinstance(found, Fault)}
        anew = set() if is_own else {item for item, fault in faults.items() if not fault.billed}
        again = anew | self.batches.adapts(faults)
        book().collected(held.token, again)
        for item, found in told.items():
            if item not in again:
                work.answer(item, _answer(found, held), held.token)
        return sorted(again)

    def _fail_to_collect(self, work: Work, held: Held, fault: Fault, *, is_own: bool) -> Sequence[str]:
        """Tell it, and leave the batch for another run; one whose time is over and that is gone is forgotten.

        Returns:
            The items to be handed in again: those of an older batch that is gone.
        """
        reason = f"batch {held.batch} was not collected: {fault.reason}"
        if not is_gone(fault):
            self._leave(work, held, f"{reason}: run again to collect it")
        elif time.time() < held.made + WAIT_MOST_S:
            self._leave(work, held, f"{reason}: run again to collect it, or delete {book().path} to ask all of it anew")
        else:
            self._settle_worst(held)
            if not is_own:
                book().collected(held.token, held.items)
                return list(held.items)
            for item in held.items:
                work.answer(item, _failure(reason, held), held.token)
        return ()

    async def _wait(self, batch: str, held: Held) -> Standing:
        """Look until it is over, ever more rarely; a service that does not answer for a while is looked at again."""
        pause_s, until = POLL_FIRST_S, held.made + WAIT_MOST_S
        while True:
            standing = await self._patiently(lambda: self.batches.look(batch))
            if standing.is_over:
                return standing
            if time.time() + pause_s > until:
                raise Fault(reason=f"it is {standing.word} after {WAIT_MOST_S / 3600:g} hours")
            await asyncio.sleep(pause_s)
            pause_s = min(POLL_MOST_S, pause_s * POLL_GROWTH)

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        retrying = AsyncRetrying(
            retry=retry_if_exception(lambda error: isinstance(error, Fault) and error.retry),
            wait=wait_s,
            stop=stop_after_attempt(self.options.tries),
            reraise=True,
        )

        async def once() -> T:  # tenacity awaits what is a coroutine function to its eyes
            return await call()

        found: T = await retrying(once)
        return found

    async def _strike(self, work: Work, places: Iterable[int]) -> None:
        """What is kept needs no collecting any more."""
        by_token: dict[str, list[str]] = {}
        for place in places:
            if place in work.settled:
                token, item = work.settled[place]
                by_token.setdefault(token, []).append(item)
        for token, items in by_token.items():
            book().collected(token, items)

    async def _cancel(self, work: Work) -> None:
        """Have the open ones cancelled; what they answered before is collected by the next run."""
        for held in list(work.open.values()):
            with suppress(Fault):
                batch = held.batch or await self.batches.find(held.token)
                if batch is not None:
                    await self.batches.cancel(batch)

    def _reserve(self, work: Work, items: Sequence[str]) -> dict[str, int | None]:
        """Set each item's worst case aside; those for which too little is left are told so."""
        limit = ledger()
        if limit is None or self.price is None:
            return dict.fromkeys(items)
        worst_usd = [self._worst_usd(work.asked[item]) for item in items]
        numbers = limit.reserve_many(worst_usd)
        spent = limit.spent()
        for item, number, usd in zip(items, numbers, worst_usd, strict=True):
            if not isinstance(number, int):
                work.answer(item, _no_answer(refusal(limit, usd, spent)), None)
        return {item: number for item, number in zip(items, numbers, strict=True) if isinstance(number, int)}

    def _worst_usd(self, asked: Asked) -> float:
        price = self.price
        return 0.0 if price is None else price.usd(most_prompt_tokens(asked.turns), asked.decoding.max_new_tokens)

    def _settle(self, held: Held, results: Mapping[str, Reply | Fault]) -> None:
        """What each cost by the service's own counts; what was not answered is not charged for.

        What may have been charged for and is not counted costs all that was set aside for it.
        """
        limit = ledger()
        if limit is not None:
            told = ((number, results.get(item)) for item, number in held.items.items() if number is not None)
            limit.settle_many({number: self._cost_usd(found) for number, found in told})

    def _cost_usd(self, found: Reply | Fault | None) -> float | None:
        """Dollars, None where only the most is known."""
        if isinstance(found, Reply):
            return self._usd(found)
        return None if found is not None and found.billed else 0.0

    def _settle_worst(self, held: Held) -> None:
        self._settle(held, dict.fromkeys(held.items, Fault(reason="lost", billed=True)))

    def _usd(self, reply: Reply) -> float:
        return 0.0 if self.price is None else self.price.usd(reply.prompt_tokens, reply.output_tokens)


def _answer(found: Reply | Fault, held: Held) -> Answer:
    if isinstance(found, Fault):
        return _failure(found.reason, held, filtered=found.filtered)
    return answered(found, _waited_s(held), held.size)


def _waited_s(held: Held) -> float:
    return max(0.0, time.time() - held.made)


def _failure(reason: str, held: Held, *, filtered: bool = False) -> Answer:
    return _no_answer(reason, _waited_s(held), "content_filter" if filtered else "error")


def _no_answer(reason: str, latency_s: float = 0.0, finish: FinishReason = "error") -> Answer:
    return failed(clean_message(" ".join(reason.split())), latency_s, finish)
