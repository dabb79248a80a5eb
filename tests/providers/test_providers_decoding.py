"""Reading and writing a batch, against transformers' own generate and against whole forward passes."""

import math
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from hypothesis import given  # noqa: E402 - torch is optional
from hypothesis import strategies as st  # noqa: E402

from harness.providers import decoding  # noqa: E402

FAMILIES = ("llama", "gpt2", "qwen2", "mistral", "gemma2", "phi3")
ROWS = ((5, 9, 30, 41), (5, 9, 77, 120, 13, 60, 61), (8,), (5, 9, 30, 200, 201, 202))
NO_END = frozenset[int]()


def limits(new: int, ends: frozenset[int] = NO_END) -> decoding.Limits:
    return decoding.Limits(max_new_tokens=new, end_ids=ends, stopped=lambda _ids: False)


def written(network: Any, rows: Sequence[Sequence[int]], until: decoding.Limits) -> list[decoding.Written]:
    found = decoding.write(network, decoding.read(network, rows), decoding.greedy, until)
    return sorted(found, key=lambda item: item.row)


def full_logprobs(network: Any, ids: Sequence[int]) -> Any:
    with torch.inference_mode():
        return torch.log_softmax(network(input_ids=torch.tensor([list(ids)])).logits[0].float(), dim=-1)


@pytest.mark.parametrize("family", FAMILIES)
def test_each_row_writes_what_generate_writes_alone(family: str, network_of: Callable[..., Any]) -> None:
    network = network_of(family)
    expected = [
        tuple(
            network.generate(
                torch.tensor([row]), max_new_tokens=12, min_new_tokens=12, do_sample=False, eos_token_id=None
            )[0, len(row) :].tolist()
        )
        for row in ROWS
    ]
    assert [item.ids for item in written(network, ROWS, limits(12))] == expected


@pytest.mark.parametrize("family", FAMILIES)
def test_a_shared_beginning_changes_nothing(
    family: str, network_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    network = network_of(family)
    beginning = tuple(range(20, 60))
    rows = [(*beginning, *row) for row in ROWS]
    apart = [item.ids for row in rows for item in written(network, [row], limits(8))]
    monkeypatch.setattr(decoding, "SHARED_FROM_TOKENS", 4)
    assert [item.ids for item in written(network, rows, limits(8))] == apart


def test_a_shared_beginning_is_read_once(network_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    network = network_of()
    sizes: list[tuple[int, ...]] = []
    forward = decoding._forward

    def spy(model: Any, past: Any, ids: Any, mask: Any, keep: int) -> Any:
        sizes.append(tuple(ids.shape))
        return forward(model, past, ids, mask, keep)

    monkeypatch.setattr(decoding, "_forward", spy)
    decoding.read(network, [(*range(20, 60), 7, 8), (*range(20, 60), 9)])
    assert sizes == [(1, 40), (2, 2)]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_beginning_kept_from_batch_to_batch_changes_nothing(family: str, network_of: Callable[..., Any]) -> None:
    network = network_of(family)
    beginning, start = tuple(range(20, 60)), decoding.Start()
    batches = [
        [(*beginning, *row) for row in ROWS],
        [(*beginning, 5, 9, 70), (*beginning, 5, 9)],
        [(*beginning[:30], 7, 7, 7)],
        [(*beginning[:10], 8), (*beginning[:10], 9, 9)],
        [(*reversed(beginning), *row) for row in ROWS],
        [(*reversed(beginning), 3)],
    ]
    for rows in batches:
        alone = [item.ids for row in rows for item in written(network, [row], limits(8))]
        state = decoding.read(network, rows, start)
        found = sorted(decoding.write(network, state, decoding.greedy, limits(8)), key=lambda item: item.row)
        assert [item.ids for item in found] == alone


def test_a_kept_beginning_is_read_once(network_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    network, start, seen = network_of("llama"), decoding.Start(), []
    forward = decoding._forward
    monkeypatch.setattr(decoding, "_forward", lambda *args: seen.append(args[2].shape[1]) or forward(*args))
    beginning = tuple(range(20, 60))
    for rows in ([(*beginning, 1), (*beginning, 2, 2)], [(*beginning, 3), (*beginning, 4)], [(*beginning, 5)]):
        decoding.read(network, rows, start)
    assert seen == [40, 2, 1, 1]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("tokens", [1, 12, 20])
def test_reading_a_batch_in_parts_changes_nothing(
    family: str, tokens: int, network_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    network, references = network_of(family), ((50, 51), (99,), None, (7, 8))
    whole = [item.ids for item in written(network, ROWS, limits(8))]
    losses = decoding.reference_nll(network, decoding.read(network, ROWS), references)
    monkeypatch.setattr(decoding, "READ_TOKENS_CPU", tokens)
    assert [item.ids for item in written(network, ROWS, limits(8))] == whole
    parted = decoding.reference_nll(network, decoding.read(network, ROWS), references)
    assert parted == [None if loss is None else pytest.approx(loss, abs=1e-4) for loss in losses]


def test_parts_share_a_beginning_too(network_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    network, beginning = network_of(), tuple(range(20, 60))
    rows = [(*beginning, *row) for row in ROWS]
    whole = [item.ids for item in written(network, rows, limits(8))]
    monkeypatch.setattr(decoding, "READ_TOKENS_CPU", 10)
    assert [item.ids for item in written(network, rows, limits(8))] == whole


@given(lengths=st.lists(st.integers(2, 40), min_size=1, max_size=12), shared=st.integers(0, 1))
def test_the_parts_are_the_rows_and_fit(lengths: list[int], shared: int) -> None:
    rows = [tuple(range(length)) for length in lengths]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, "READ_TOKENS_CPU", 50)
        parts = list(decoding._parts(SimpleNamespace(device=torch.device("cpu")), rows, shared))
    assert [row for part in parts for row in part] == rows
    assert all(len(part) == 1 or len(part) * (max(map(len, part)) - shared) <= 50 for part in parts)


@pytest.mark.parametrize(("device", "count"), [("cpu", 3), ("cuda", 1), ("mps", 1)])
def test_only_a_cpu_reads_in_parts(device: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "READ_TOKENS_CPU", 1)
    model: Any = SimpleNamespace(device=torch.device(device))
    assert len(list(decoding._parts(model, [(1, 2)] * 3, 0))) == count


@pytest.mark.parametrize(("window", "shared"), [(None, 40), (200, 40), (60, 0)])
def test_a_window_of_attention_forbids_sharing(
    window: int | None, shared: int, network_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    network = network_of("mistral", sliding_window=window)
    seen: list[int] = []
    forward = decoding._forward

    def spy(model: Any, past: Any, ids: Any, mask: Any, keep: int) -> Any:
        seen.append(ids.shape[1])
        return forward(model, past, ids, mask, keep)

    monkeypatch.setattr(decoding, "_forward", spy)
    decoding.read(network, [(*range(20, 60), 7, 8), (*range(20, 60), 9)])
    assert (seen[0] if len(seen) == 2 else 0) == shared


@given(
    beginning=st.lists(st.integers(0, 5), max_size=30),
    ends=st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=6), min_size=1, max_size=5),
)
def test_the_shared_prefix_is_one_and_leaves_every_row_a_token(beginning: list[int], ends: list[list[int]]) -> None:
    rows = [(*beginning, *end) for end in ends]
    length = decoding.shared_prefix(rows)
    assert len({row[:length] for row in rows}) == 1
    assert all(len(row) > length for row in rows)


@given(
    beginning=st.lists(st.integers(0, 5), min_size=16, max_size=30),
    ends=st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=6), min_size=2, max_size=5),
)
def test_the_shared_prefix_is_the_longest(beginning: list[int], ends: list[list[int]]) -> None:
    rows = [(*beginning, *end) for end in ends]
    length = decoding.shared_prefix(rows)
    assert length == min(map(len, rows)) - 1 or len({row[length] for row in rows}) > 1


@pytest.mark.parametrize("family", FAMILIES)
def test_logprobs_are_those_of_one_forward_pass(family: str, network_of: Callable[..., Any]) -> None:
    network = network_of(family)
    for item in written(network, ROWS, limits(6)):
        row = ROWS[item.row]
        table = full_logprobs(network, [*row, *item.ids])
        direct = [table[len(row) - 1 + n, token].item() for n, token in enumerate(item.ids)]
        assert item.logprobs == pytest.approx(direct, abs=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("chunk", [1, 2, 32])
def test_reference_nll_is_that_of_one_forward_pass(
    family: str, chunk: int, network_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "REFERENCE_CHUNK_TOKENS", chunk)
    network = network_of(family)
    references = ((50, 51, 52, 53), (99,), (60, 61, 62), (7, 8))
    state = decoding.read(network, ROWS)
    direct = []
    for row, reference in zip(ROWS, references, strict=True):
        table = full_logprobs(network, [*row, *reference])
        chances = [table[len(row) - 1 + n, token].item() for n, token in enumerate(reference)]
        direct.append(-math.fsum(chances) / len(reference))
    assert decoding.reference_nll(network, state, references) == pytest.approx(direct, abs=1e-4)


@pytest.mark.parametrize("references", [(None, (4,), (), None), (None, None, (), None)])
def test_reference_nll_is_none_without_a_reference(
    references: Sequence[Sequence[int] | None], network_of: Callable[..., Any]
) -> None:
    network = network_of()
    values = decoding.reference_nll(network, decoding.read(network, ROWS), references)
    assert [value is None for value in values] == [not reference for reference in references]


def test_measuring_references_leaves_the_answers_as_they_are(network_of: Callable[..., Any]) -> None:
    network = network_of()
    state = decoding.read(network, ROWS)
    decoding.reference_nll(network, state, ((50, 51, 52), (1, 2), None, (9,)))
    after = sorted(decoding.write(network, state, decoding.greedy, limits(8)), key=lambda item: item.row)
    assert after == written(network, ROWS, limits(8))


def test_a_row_ends_at_an_end_token_and_does_not_hold_it(network_of: Callable[..., Any]) -> None:
    network = network_of()
    free = written(network, ROWS, limits(10))
    end = free[1].ids[4]
    stopped = written(network, ROWS, limits(10, frozenset({end})))
    for item, whole in zip(stopped, free, strict=True):
        expected = whole.ids[: whole.ids.index(end)] if end in whole.ids else whole.ids
        assert (item.ids, item.finish_reason) == (expected, "stop" if end in whole.ids else "length")


def test_finished_rows_are_given_at_once(network_of: Callable[..., Any]) -> None:
    network = network_of()
    free = written(network, ROWS, limits(6))
    end = free[2].ids[1]
    assert all(end not in free[row].ids[:2] for row in (0, 1, 3))
    answers = decoding.write(network, decoding.read(network, ROWS), decoding.greedy, limits(6, frozenset({end})))
    assert next(answers).row == 2


def test_probabilities_that_are_not_finite_end_a_row_with_an_error(network_of: Callable[..., Any]) -> None:
    network = network_of()
    state = decoding.read(network, ROWS)
    state.logits = state.logits.clone()
    state.logits[1] = float("nan")
    reasons = {item.row: item.finish_reason for item in decoding.write(network, state, decoding.greedy, limits(2))}
    assert reasons == {0: "length", 1: "error", 2: "length", 3: "length"}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_row_that_is_not_finite_leaves_its_neighbours_their_draws(
    value: float, network_of: Callable[..., Any]
) -> None:
    network = network_of(initializer_range=0.1)
    draws = []
    for broken in (False, True):
        state = decoding.read(network, ROWS)
        state.logits = state.logits.clone()
        if broken:
            state.logits[1, 7] = value
        found = decoding.write(network, state, decoding.sampler(1.0, 1.0, [1, 2, 3, 4]), limits(4))
        draws.append({item.row: item for item in found})
    assert draws[1][1].finish_reason == "error"
    assert [draws[1][row].ids for row in (0, 2, 3)] == [draws[0][row].ids for row in (0, 2, 3)]


def test_a_rows_draws_do_not_depend_on_its_neighbours(network_of: Callable[..., Any]) -> None:
    network = network_of(initializer_range=0.1)
    whole = decoding.write(network, decoding.read(network, ROWS), decoding.sampler(1.0, 1.0, [1, 2, 3, 4]), limits(8))
    alone = decoding.write(network, decoding.read(network, ROWS[1:2]), decoding.sampler(1.0, 1.0, [2]), limits(8))
    assert {item.row: item.ids for item in whole}[1] == next(alone).ids


def test_other_seeds_draw_other_tokens(network_of: Callable[..., Any]) -> None:
    network = network_of(initializer_range=0.1)
    drawn = {
        next(
            decoding.write(network, decoding.read(network, [(5, 6)]), decoding.sampler(2.0, 1.0, [seed]), limits(8))
        ).ids
        for seed in range(4)
    }
    assert len(drawn) == 4


@given(chances=st.lists(st.floats(0.01, 1), min_size=1, max_size=8), top_p=st.floats(0.01, 0.99))
def test_the_nucleus_is_the_fewest_tokens_that_hold_top_p(chances: list[float], top_p: float) -> None:
    table = torch.tensor([chances], dtype=torch.float64)
    table = table / table.sum()
    kept = decoding._nucleus(table, top_p)[0]
    mass = kept.sum().item()
    assert mass >= top_p - 1e-9
    assert mass - kept[kept > 0].min().item() < top_p + 1e-9


def test_a_small_nucleus_is_greedy(network_of: Callable[..., Any]) -> None:
    network = network_of()
    state = decoding.read(network, ROWS)
    drawn = decoding.write(network, state, decoding.sampler(1.0, 1e-6, [1, 2, 3, 4]), limits(5))
    ids = {item.row: item.ids for item in drawn}
    assert [ids[row] for row in range(4)] == [item.ids for item in written(network, ROWS, limits(5))]


def test_a_model_that_takes_neither_positions_nor_a_slice_is_read_too(network_of: Callable[..., Any]) -> None:
    network = network_of()

    class Plain(torch.nn.Module):
        config, device = network.config, network.device

        def forward(self, input_ids: Any, attention_mask: Any, past_key_values: Any, use_cache: bool) -> Any:
            return network(
                input_ids=input_ids, attention_mask=attention_mask, past_key_values=past_key_values, use_cache=use_cache
            )

    row = ROWS[1]
    assert [item.ids for item in written(Plain(), [row], limits(4))] == [
        item.ids for item in written(network, [row], limits(4))
    ]


def test_nothing_is_left_in_inference_mode_between_answers(network_of: Callable[..., Any]) -> None:
    network = network_of()
    answers = decoding.write(network, decoding.read(network, ROWS), decoding.greedy, limits(2))
    next(answers)
    assert not torch.is_inference_mode_enabled()
