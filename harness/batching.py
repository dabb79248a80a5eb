"""Which prompts go into one batch: as many as fit the memory that the weights leave, the longest first."""

from collections.abc import Sequence
from math import ceil

from harness.prompts.render import messages
from harness.records import Hardware, ModelSpec, Prompt, Runtime
from harness.registry.machine import effective_quantisation
from harness.registry.memory import GB, RUNTIME_GB, MemoryRates, SizeUnknown, memory_rates

# SmolLM2-135M, 2 processes of one thread, 50 prompts of 150 to 400 tokens each: 1.62 prompts per second and process in
# batches of 12, 1.75 of 16, 2.0 of 25, 1.9 of 50; a smaller batch loses less when its process ends.
CPU_ROWS = 32
# An accelerator's throughput still grows where its preset, made for serving one model with little memory, stops.
ACCELERATOR_ROWS = 64
# Of what weights and runtime leave. The peak of a batch was up to 1.3 times its estimate (SmolLM2-135M, bf16 and fp32,
# 1 to 16 rows of 100 to 6,000 tokens, on a CPU): intermediate results, and an allocator that keeps what it freed.
BATCH_SHARE = 0.7
# A reference's loss is measured over so many columns of logits at once, and the cache keeps so many free.
LOGIT_COLUMNS = 32
SPARE_TOKENS = 64
# Bytes per token of ASCII letters and spaces. SmolLM2's tokenizer reads 2.55 (Swahili) to 6.2 (English) of them as one
# token, and 1 to 2 of any other bytes; a token of a byte-level vocabulary is never less than a byte.
LETTER_BYTES = 2.5
LETTERS = b" abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
# What chat templates write around a turn, and before the first one: a default system text, the date.
TURN_TOKENS = 8
START_TOKENS = 40


def token_budget(
    model: ModelSpec, runtime: Runtime, hardware: Hardware, *, sharers: int = 1, rows: int = CPU_ROWS
) -> int | None:
    """How many tokens one batch may hold: its rows times its longest prompt, answer included.

    Weights, cache and activations of such a batch fit into one sharer's part of `hardware.memory_gb`; a share of what
    the weights leave is kept free. At least 1, also where nothing is left.

    Args:
        model: the model that answers.
        runtime: how its weights are loaded.
        hardware: the machine, with the memory that was free before any of the sharers loaded weights.
        sharers: processes that share this memory, at least 1.
        rows: the most prompts that a batch may have, at least 1; the logits of so many are kept free.

    Returns:
        The number of tokens; None when the model's size is unknown.

    Raises:
        ValueError: `sharers` or `rows` is below 1.
    """
    if sharers < 1 or rows < 1:
        raise ValueError(f"sharers {sharers} and rows {rows} must be at least 1")
    precision = effective_quantisation(hardware, runtime)
    try:
        rates = memory_rates(model, precision)
    except SizeUnknown:
        return None
    left_gb = hardware.memory_gb / sharers - rates.weights_gb - RUNTIME_GB
    left = BATCH_SHARE * left_gb * GB - rows * _row_bytes(rates, 4 if precision == "fp32" else 2)
    return max(1, int(left // (rates.cache_bytes_per_token + rates.activation_bytes_per_token)))


def _row_bytes(rates: MemoryRates, width: int) -> int:
    """What a row takes whatever its length: spare room of the cache, logits in fp32 and those of a reference."""
    logits = rates.logit_bytes_per_row + rates.logit_bytes_per_row // 4 * LOGIT_COLUMNS * width
    return rates.cache_bytes_per_token * SPARE_TOKENS + logits


def rows_cap(hardware: Hardware) -> int:
    """The most prompts of one batch, whatever memory is left."""
    return CPU_ROWS if hardware.kind == "cpu" else max(ACCELERATOR_ROWS, hardware.batch_size)


def batches(lengths: Sequence[int], *, budget: int | None, rows: int) -> list[list[int]]:
    """The places of `lengths`, longest first, cut into the fewest batches that hold the bounds.

    A batch has at most `rows` places and at most `budget` tokens, each row padded to its longest; one row alone may
    have more. Equal lengths keep their order. Takes one sort and one pass; no lengths make no batches.

    Args:
        lengths: tokens of each prompt, answer included; at least 0.
        budget: tokens of a batch, at least 1; None sets no bound.
        rows: prompts of a batch, at least 1.

    Raises:
        ValueError: `budget` or `rows` is below 1.
    """
    if rows < 1 or (budget is not None and budget < 1):
        raise ValueError(f"budget {budget} and rows {rows} must be at least 1")
    ordered = sorted(range(len(lengths)), key=lambda place: -lengths[place])
    cut: list[list[int]] = []
    start = 0
    while start < len(ordered):
        longest = max(1, lengths[ordered[start]])
        size = rows if budget is None else min(rows, max(1, budget // longest))
        cut.append(ordered[start : start + size])
        start += size
    return cut


def estimated_tokens(prompt: Prompt, *, max_new_tokens: int, context_tokens: int) -> int:
    """About how many tokens a prompt takes in a batch with its answer, or its reference if that is longer.

    Not below what SmolLM2's tokenizer finds in texts of 17 languages and scripts, code and numbers, and about 1.6 times
    it in English: one token per 2.5 bytes of ASCII letters and spaces, and per byte of all else in UTF-8. A row of
    letters that is no language's can take more. At most `context_tokens`, to which a provider cuts.
    """
    turns = messages(prompt)
    asked = START_TOKENS + sum(TURN_TOKENS + text_tokens(turn.content) for turn in turns)
    said = max(max_new_tokens, text_tokens(prompt.reference or ""))
    return min(context_tokens, asked + said)


def text_tokens(text: str) -> int:
    """About how many tokens a text is, at most its bytes in UTF-8; see `estimated_tokens`. Empty is 0."""
    whole = text.encode("utf-8", "replace")
    others = len(whole.translate(None, LETTERS))
    return others + ceil((len(whole) - others) / LETTER_BYTES)
