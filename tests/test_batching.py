"""Laws of cutting batches, of the token budget and of the token estimate."""

import json
import random
import subprocess
import sys
from dataclasses import replace
from itertools import chain, pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.batching import (
    ACCELERATOR_ROWS,
    BATCH_SHARE,
    CPU_ROWS,
    batches,
    estimated_tokens,
    rows_cap,
    text_tokens,
    token_budget,
)
from harness.cache import cache_dir
from harness.prompts.catalog import find_template
from harness.records import Hardware, ModelSpec, Passage, Prompt, Runtime, Shape
from harness.registry.catalog import find_model, load_catalog
from harness.registry.memory import estimate_memory

QWEN7B = find_model(load_catalog(), "qwen7b")
CUDA = Hardware(name="h", title="h", kind="cuda", memory_gb=40.0, quantisation="bf16", batch_size=4)
CPU = replace(CUDA, kind="cpu", batch_size=1)
lengths_of = st.lists(st.integers(0, 300), max_size=40)
budgets = st.none() | st.integers(1, 3000)
row_caps = st.integers(1, 20)
SIZES = st.integers(1, 200)
shapes = st.builds(
    Shape,
    layers=SIZES,
    hidden_size=SIZES,
    attention_heads=SIZES,
    kv_heads=SIZES,
    head_dim=SIZES,
    intermediate_size=SIZES,
    vocab_size=SIZES,
)


def model(shape: Shape | None = None, params_b: float | None = None) -> ModelSpec:
    return ModelSpec(name="m", family="f", params_b=params_b, context_length=1, shape=shape)


@given(lengths_of, budgets, row_caps)
def test_every_place_is_in_one_batch(lengths, budget, rows):
    assert sorted(chain.from_iterable(batches(lengths, budget=budget, rows=rows))) == list(range(len(lengths)))


@given(lengths_of, budgets, row_caps)
def test_the_longest_come_first_and_equals_keep_their_order(lengths, budget, rows):
    places = chain.from_iterable(batches(lengths, budget=budget, rows=rows))
    assert all((lengths[a], -a) > (lengths[b], -b) for a, b in pairwise(places))


@given(lengths_of, budgets, row_caps)
def test_a_batch_keeps_its_bounds_unless_it_is_one_row(lengths, budget, rows):
    for batch in batches(lengths, budget=budget, rows=rows):
        padded = len(batch) * max(lengths[place] for place in batch)
        assert len(batch) == 1 or (len(batch) <= rows and (budget is None or padded <= budget))


def fewest(ordered, budget, rows):
    """The fewest cuts of a sorted list, by trying all of them from the end."""
    best = [0] * (len(ordered) + 1)
    for start in range(len(ordered) - 1, -1, -1):
        sizes = range(1, min(rows, len(ordered) - start) + 1)
        best[start] = 1 + min(
            best[start + size] for size in sizes if size == 1 or budget is None or size * ordered[start] <= budget
        )
    return best[0]


@given(lengths_of, budgets, row_caps)
def test_no_cut_of_the_sorted_prompts_has_fewer_batches(lengths, budget, rows):
    found = batches(lengths, budget=budget, rows=rows)
    assert len(found) == fewest(sorted(lengths, reverse=True), budget, rows)


@given(lengths_of, budgets, row_caps, st.randoms(use_true_random=False))
def test_the_sizes_do_not_depend_on_the_order_given(lengths, budget, rows, draw):
    shuffled = draw.sample(lengths, len(lengths))
    cuts = [[lengths[place] for place in batch] for batch in batches(lengths, budget=budget, rows=rows)]
    assert cuts == [[shuffled[place] for place in batch] for batch in batches(shuffled, budget=budget, rows=rows)]


def test_a_hundred_thousand_prompts_are_cut_at_once():
    lengths = [random.Random(1).randrange(4000) for _ in range(100_000)]  # noqa: S311 - lengths, not secrets
    assert len(batches(lengths, budget=1, rows=1)) == len(lengths)


@pytest.mark.parametrize(("budget", "rows"), [(0, 1), (None, 0)])
def test_bounds_below_one_are_refused(budget, rows):
    with pytest.raises(ValueError, match="at least 1"):
        batches([1], budget=budget, rows=rows)


@given(shapes, st.floats(0.6, 100), st.integers(1, 4), st.integers(1, 64))
def test_a_batch_of_the_budget_fits_its_part_of_the_memory(shape, memory_gb, sharers, rows):
    budget = token_budget(model(shape), Runtime(), replace(CUDA, memory_gb=memory_gb), sharers=sharers, rows=rows)
    assert budget is not None
    need = estimate_memory(model(shape), "bf16", context_tokens=-(-budget // rows), batch_size=rows)
    one = estimate_memory(model(shape), "bf16", context_tokens=1, batch_size=1)
    assert need.total_gb <= max(memory_gb / sharers, one.total_gb) or budget <= rows


def test_most_of_what_the_weights_leave_is_used():
    budget = token_budget(QWEN7B, Runtime(), CUDA, rows=8)
    assert budget is not None
    idle = estimate_memory(QWEN7B, "bf16", context_tokens=1, batch_size=1).total_gb
    need = estimate_memory(QWEN7B, "bf16", context_tokens=budget // 8, batch_size=8).total_gb
    assert (need - idle) / (CUDA.memory_gb - idle) == pytest.approx(BATCH_SHARE, abs=0.05)


@given(shapes, st.floats(0.6, 100), st.integers(1, 4))
def test_more_sharers_have_no_more_each(shape, memory_gb, sharers):
    hardware = replace(CUDA, memory_gb=memory_gb)
    one, other = (token_budget(model(shape), Runtime(), hardware, sharers=n) for n in (sharers, sharers + 1))
    assert one is not None
    assert other is not None
    assert one >= other


def test_half_the_bytes_leave_more_tokens():
    bf16, fp32 = (token_budget(QWEN7B, Runtime(dtype=dtype), CUDA) for dtype in ("bf16", "fp32"))
    assert bf16 is not None
    assert fp32 is not None
    assert bf16 > 2 * fp32


def test_weights_that_leave_nothing_leave_batches_of_one():
    assert token_budget(QWEN7B, Runtime(), replace(CUDA, memory_gb=1.0)) == 1


def test_an_unknown_size_has_no_budget():
    assert token_budget(model(), Runtime(), CUDA) is None


@pytest.mark.parametrize(("sharers", "rows"), [(0, 1), (1, 0)])
def test_a_budget_for_nobody_is_refused(sharers, rows):
    with pytest.raises(ValueError, match="at least 1"):
        token_budget(QWEN7B, Runtime(), CUDA, sharers=sharers, rows=rows)


def test_rows_depend_on_the_device():
    assert (rows_cap(CPU), rows_cap(CUDA)) == (CPU_ROWS, ACCELERATOR_ROWS)


@given(st.text(max_size=60))
def test_a_text_has_at_most_a_token_for_each_byte(text):
    assert text_tokens(text) <= len(text.encode("utf-8", "replace"))


@given(st.text(max_size=40), st.text(max_size=40))
def test_two_texts_have_no_fewer_tokens_than_their_join(one, other):
    assert (
        max(text_tokens(one), text_tokens(other)) <= text_tokens(one + other) <= text_tokens(one) + text_tokens(other)
    )


def prompt(question="", passages=(), reference=None):
    shown = tuple(Passage(id=str(number), text=text) for number, text in enumerate(passages))
    return Prompt(template=find_template("concise"), question=question, passages=shown, reference=reference)


def tokens(asked, *, new=8, context=10**6):
    return estimated_tokens(asked, max_new_tokens=new, context_tokens=context)


def test_passages_count():
    assert tokens(prompt("a", ["some words"])) > tokens(prompt("a"))


def test_the_answer_counts():
    assert tokens(prompt("a"), new=40) == tokens(prompt("a"), new=8) + 32


def test_a_reference_longer_than_the_answer_counts_instead():
    assert tokens(prompt("a", reference="1" * 40)) == tokens(prompt("a"), new=40)


def test_a_prompt_takes_no_more_than_the_context():
    assert tokens(prompt("a" * 9999), context=512) == 512


TEXTS = {
    "English": "The committee decided in 1987, after long deliberation, that international cooperation was necessary.",
    "German": "Die Donaudampfschifffahrtsgesellschaft beschloss 1923, dass die Überprüfung der Mütze unerlässlich sei.",
    "Swahili": "Dodoma ni mji mkuu wa Tanzania na wakazi wake wanaendelea kuongezeka kila mwaka.",
    "Finnish": "Helsinki on Suomen tasavallan pääkaupunki ja maan väkirikkain kaupunki.",
    "Turkish": "Ülkenin en büyük şehri, ekonomik ve kültürel yönden de en önemli merkezidir.",
    "Vietnamese": "Hà Nội là thủ đô của nước Cộng hòa xã hội chủ nghĩa Việt Nam.",
    "Russian": "Москва является столицей Российской Федерации и крупнейшим городом.",
    "Arabic": "جمهورية مصر العربية دولة تقع في الركن الشمالي الشرقي من قارة أفريقيا",
    "Hindi": "भारत गणराज्य दक्षिण एशिया में स्थित एक देश है।",
    "Chinese": "中华人民共和国成立于一九四九年十月一日,首都北京。",
    "Japanese": "東京は日本の首都であり、世界最大の都市圏の一つです。",
    "Thai": "กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย",
    "Khmer": "ភ្នំពេញជារាជធានីនៃព្រះរាជាណាចក្រកម្ពុជា",
    "Amharic": "አዲስ አበባ የኢትዮጵያ ዋና ከተማ ናት",
    "emoji": "😀🎉🚀🔥👩‍👩‍👧‍👦🏳️‍🌈",
    "numbers": "3.14159265358979323846, 1,438 and -5 %",
    "code": "def f(x):\n    return [y**2 for y in range(x) if y % 3 == 0]\n\n\nclass A:\n\tpass\n",
}
COUNT = """
import json, sys
from transformers import AutoTokenizer
coder = AutoTokenizer.from_pretrained(sys.argv[1], local_files_only=True)
texts = json.load(sys.stdin)
print(json.dumps({name: len(coder(text, add_special_tokens=False)["input_ids"]) for name, text in texts.items()}))
"""


@pytest.mark.slow
def test_the_estimate_is_not_below_the_embedded_tokenizer():
    pytest.importorskip("transformers", reason="needs the extra [hf]")
    found = next(Path(cache_dir("weights")).rglob("tokenizer.json"), None)
    if found is None:
        pytest.skip("the embedded model was not fetched: harness fetch smollm2-135m")
    command = [sys.executable, "-c", COUNT, str(found.parent)]
    told = subprocess.run(command, input=json.dumps(TEXTS), capture_output=True, text=True, check=True)
    counts = json.loads(told.stdout)
    assert {name: text_tokens(text) for name, text in TEXTS.items() if text_tokens(text) < counts[name]} == {}
