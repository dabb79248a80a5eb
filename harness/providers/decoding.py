"""Reading prompts and writing answers, a batch at a time, on a causal model's forward pass; imports torch.

Every row is left-padded and has its own positions, so that what a row gives does not depend on its neighbours, but for
the rounding of the matrix products.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from math import isfinite
from typing import cast

import torch
from torch.nn.functional import cross_entropy, pad
from transformers import DynamicCache, PreTrainedModel

from harness.providers.kvcache import beginning, drop_last, keep_rows, roomy_cache, stacked, without_gaps
from harness.records import FinishReason

SHARED_FROM_TOKENS = 16
REFERENCE_CHUNK_TOKENS = 32
READ_TOKENS_CPU = 3072
"""Tokens of prompts that a CPU reads in one pass: 48 prompts of 276 to 395 tokens all at once took a third longer."""

Ids = Sequence[int]


@dataclass(slots=True, kw_only=True)
class Read:
    """Prompts that a model has read; it changes as the answers grow.

    `mask` is (rows, columns of the cache), 1 where a column holds a token of the row; `logits` (rows, vocabulary) are
    those of the next token.
    """

    cache: DynamicCache
    mask: torch.Tensor
    logits: torch.Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One row's finished answer: its tokens without the end token, and the natural log of each one's probability."""

    row: int
    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    finish_reason: FinishReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When a row is done: an end token, a text that `stopped` recognises in the row's tokens, or the count."""

    max_new_tokens: int
    end_ids: frozenset[int]
    stopped: Callable[[Ids], bool]


Choose = Callable[[torch.Tensor, Sequence[int]], torch.Tensor]
"""Takes log-probabilities (rows left, vocabulary) and the rows' numbers; gives the chosen tokens (rows left,)."""


@dataclass(slots=True)
class Start:
    """What the prompts of a cell begin with, read once and kept from batch to batch: one row's tokens and cache."""

    ids: Ids = ()
    cache: DynamicCache | None = None


@torch.inference_mode()
def read(model: PreTrainedModel, rows: Sequence[Ids], start: Start | None = None) -> Read:
    """Read prompts of at least one token each; what they all begin with is read once, or taken from `start`.

    Only the last position's logits are computed: a whole prompt's would be its length times the vocabulary.

    Args:
        model: the network.
        rows: the prompts' tokens.
        start: what earlier calls have read; it is brought up to date.
    """
    start = start or Start()
    shared = _read_start(model, rows, start) if _can_share(model, rows) else 0
    parts = [_read_rows(model, part, start.cache, shared) for part in _parts(model, rows, shared)]
    if len(parts) == 1:
        return parts[0]
    width = max(part.mask.shape[1] for part in parts)
    return Read(
        cache=stacked([part.cache for part in parts]),
        mask=torch.cat([pad(part.mask, (width - part.mask.shape[1], 0)) for part in parts]),
        logits=torch.cat([part.logits for part in parts]),
    )


def _read_rows(model: PreTrainedModel, rows: Sequence[Ids], start: DynamicCache | None, shared: int) -> Read:
    past = roomy_cache() if start is None or not shared else beginning(start, shared, len(rows))
    ids, mask = _left_padded([row[shared:] for row in rows])
    mask = torch.cat([torch.ones(len(rows), shared, dtype=torch.long), mask], dim=1).to(model.device)
    logits = _forward(model, past, ids.to(model.device), mask, 1)
    return Read(cache=past, mask=mask, logits=logits[:, -1])


def _parts(model: PreTrainedModel, rows: Sequence[Ids], shared: int) -> Iterator[Sequence[Ids]]:
    """The rows, in parts that are read in one pass each: all of them, but on a CPU `READ_TOKENS_CPU` with padding."""
    first, longest = 0, 0
    if model.device.type == "cpu":
        for place, row in enumerate(rows):
            longest = max(longest, len(row) - shared)
            if place > first and longest * (place + 1 - first) > READ_TOKENS_CPU:
                yield rows[first:place]
                first, longest = place, len(row) - shared
    yield rows[first:]


def _read_start(model: PreTrainedModel, rows: Sequence[Ids], start: Start) -> int:
    """How many first tokens of all rows `start` holds afterwards; it is read anew when it misses more than a few."""
    wanted = shared_prefix(rows)
    held = shared_prefix([*rows, (*start.ids, -1)]) if start.ids else 0
    if held and held + SHARED_FROM_TOKENS > wanted:
        return held
    if wanted:
        start.ids, start.cache = tuple(rows[0][:wanted]), roomy_cache()
        ids = torch.tensor([start.ids], device=model.device)
        _forward(model, start.cache, ids, torch.ones_like(ids), 1)
    return wanted


def shared_prefix(rows: Sequence[Ids]) -> int:
    """How many tokens all rows begin with, leaving each at least one of its own; 0 for one row or too few to matter."""
    if len(rows) < 2:  # noqa: PLR2004 - one row shares with nobody
        return 0
    columns = enumerate(zip(*rows, strict=False))  # as many as the shortest row has tokens
    same = next((place for place, column in columns if len(set(column)) > 1), min(map(len, rows)))
    same = min(same, min(map(len, rows)) - 1)
    return same if same >= SHARED_FROM_TOKENS else 0


@torch.inference_mode()
def reference_nll(model: PreTrainedModel, state: Read, references: Sequence[Ids | None]) -> list[float | None]:
    """Mean negative log-likelihood of each row's reference, in nats per token; None where it is None or empty.

    The references are read on top of the prompts and cut away again: `state` is the same afterwards. The end of the
    answer is not counted.
    """
    width = max((len(ids) for ids in references if ids), default=0)
    if not width:
        return [None] * len(references)
    device = state.logits.device
    ids = torch.tensor([[*(row or ()), *[0] * (width - len(row or ()))] for row in references], device=device)
    sums = _surprise(state.logits[:, None], ids[:, :1], references, 0)
    mask = state.mask
    for start in range(0, width - 1, REFERENCE_CHUNK_TOKENS):
        chunk = ids[:, start : min(start + REFERENCE_CHUNK_TOKENS, width - 1)]
        mask = torch.cat([mask, torch.ones_like(chunk)], dim=1)
        logits = _forward(model, state.cache, chunk, mask, chunk.shape[1])
        targets = ids[:, start + 1 : start + 1 + chunk.shape[1]]
        sums = [a + b for a, b in zip(sums, _surprise(logits, targets, references, start + 1), strict=True)]
    drop_last(state.cache, width - 1)
    return [total / len(row) if row else None for total, row in zip(sums, references, strict=True)]


def write(model: PreTrainedModel, state: Read, choose: Choose, limits: Limits) -> Iterator[Written]:
    """Write the answers to the prompts in `state`, each given as soon as it is finished; finished rows leave the batch.

    A row whose probabilities are not finite ends with the reason "error".
    """
    rows = list(range(state.logits.shape[0]))
    ids: list[list[int]] = [[] for _ in rows]
    logprobs: list[list[float]] = [[] for _ in rows]
    while rows:
        tokens, chances = _choose(state, choose, rows)
        left = []
        for place, row in enumerate(rows):
            reason = _accept(tokens[place], chances[place], limits, ids[row], logprobs[row])
            if reason is None:
                left.append(place)
            else:
                yield Written(row=row, ids=tuple(ids[row]), logprobs=tuple(logprobs[row]), finish_reason=reason)
        left = without_gaps(left)
        rows = [rows[place] for place in left]
        if rows:
            _advance(model, state, [tokens[place] for place in left], left)


def greedy(logprobs: torch.Tensor, rows: Sequence[int]) -> torch.Tensor:
    """The most likely token of each row."""
    del rows
    return logprobs.argmax(dim=-1)


def sampler(temperature: float, top_p: float, seeds: Sequence[int]) -> Choose:
    """Draw from each row's own stream of random numbers, so that neighbours change nothing.

    Args:
        temperature: above 0.
        top_p: draw from the fewest tokens that hold this much probability, in (0, 1].
        seeds: one per row of the batch.

    Source: Holtzman et al. 2020, The Curious Case of Neural Text Degeneration (nucleus sampling).
    """
    streams = [torch.Generator().manual_seed(seed) for seed in seeds]

    def choose(logprobs: torch.Tensor, rows: Sequence[int]) -> torch.Tensor:
        weights = _nucleus(torch.softmax(logprobs / temperature, dim=-1), top_p).cpu()
        drawn = [torch.multinomial(line, 1, generator=streams[row]) for line, row in zip(weights, rows, strict=True)]
        return torch.cat(drawn)

    return choose


def _nucleus(chances: torch.Tensor, top_p: float) -> torch.Tensor:
    if top_p >= 1:
        return chances
    ordered, places = chances.sort(dim=-1, descending=True)
    ordered[ordered.cumsum(dim=-1) - ordered >= top_p] = 0
    return torch.zeros_like(chances).scatter(-1, places, ordered)


@torch.inference_mode()
def _choose(state: Read, choose: Choose, rows: Sequence[int]) -> tuple[list[int], list[float]]:
    logprobs = torch.log_softmax(state.logits.float(), dim=-1)
    broken = torch.isnan(logprobs.sum(dim=-1, keepdim=True))
    usable = logprobs.masked_fill(broken, 0.0) if broken.any() else logprobs
    tokens = choose(usable, rows).to(logprobs.device)
    return tokens.tolist(), logprobs.gather(-1, tokens[:, None])[:, 0].tolist()


def _accept(token: int, logprob: float, limits: Limits, ids: list[int], logprobs: list[float]) -> FinishReason | None:
    if not isfinite(logprob):
        return "error"
    if token in limits.end_ids:
        return "stop"
    ids.append(token)
    logprobs.append(logprob)
    if limits.stopped(ids):
        return "stop"
    return "length" if len(ids) >= limits.max_new_tokens else None


@torch.inference_mode()
def _advance(model: PreTrainedModel, state: Read, tokens: Sequence[int], places: Sequence[int]) -> None:
    device = state.logits.device
    if len(places) < state.mask.shape[0]:
        keep_rows(state.cache, places)
        state.mask = state.mask[torch.tensor(places, device=device)]
    ids = torch.tensor(tokens, device=device)[:, None]
    state.mask = torch.cat([state.mask, torch.ones_like(ids)], dim=1)
    state.logits = _forward(model, state.cache, ids, state.mask, 1)[:, -1]


def _forward(
    model: PreTrainedModel, past: DynamicCache, ids: torch.Tensor, mask: torch.Tensor, keep: int
) -> torch.Tensor:
    """Logits of the last `keep` columns of `ids`, which is appended to the cache; `mask` covers the cache and `ids`."""
    places = (mask.cumsum(dim=1) - 1).clamp(min=0)[:, -ids.shape[1] :]
    takes = _parameters(type(model).forward)
    optional = {"position_ids": places, "logits_to_keep": keep}
    given = {name: value for name, value in optional.items() if name in takes}
    output = model(input_ids=ids, attention_mask=mask, past_key_values=past, use_cache=True, **given)
    return cast(torch.Tensor, output.logits)[:, -keep:]


@cache
def _parameters(forward: Callable[..., object]) -> frozenset[str]:
    return frozenset(inspect.signature(forward).parameters)


def _surprise(logits: torch.Tensor, targets: torch.Tensor, references: Sequence[Ids | None], start: int) -> list[float]:
    """Sum over each row's columns of -log p(target), where its reference reaches; columns count from `start`."""
    sums = []
    for line, target, reference in zip(logits, targets, references, strict=True):
        length = max(0, min(len(reference or ()) - start, len(target)))
        # Row by row: the whole batch in fp32 would be rows x columns x vocabulary x 4 bytes.
        loss = cross_entropy(line[:length].float(), target[:length], reduction="sum") if length else None
        sums.append(0.0 if loss is None else loss.item())
    return sums


def _left_padded(rows: Sequence[Ids]) -> tuple[torch.Tensor, torch.Tensor]:
    width = max(map(len, rows))
    ids = torch.tensor([[*[0] * (width - len(row)), *row] for row in rows])
    mask = torch.tensor([[*[0] * (width - len(row)), *[1] * len(row)] for row in rows])
    return ids, mask


def _can_share(model: PreTrainedModel, rows: Sequence[Ids]) -> bool:
    """Whether padding between a shared beginning and the rest is harmless.

    Windows of attention count columns and not positions, so padding inside one would push true tokens out of it.
    """
    config = model.config.get_text_config(decoder=True)
    window = getattr(config, "sliding_window", None) or getattr(config, "attention_chunk_size", None)
    return window is None or max(map(len, rows)) < window // 2
