"""Questions per second of the transformers provider against one `model.generate` call per prompt, in one process.

Both answer the same prompts of 150 to 400 tokens with the embedded model, 32 new tokens each, the same dtype and
threads; medians of paired runs, as JSON. Run: python benchmarks/measure_throughput.py [prompts] [runs]
"""

import json
import os
import statistics
import sys
import time

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch

from harness.datasets.builtin import embedded_dataset
from harness.prompts.catalog import find_template
from harness.providers.causal_lm import TransformersProvider
from harness.providers.encoding import Encoded, encode
from harness.providers.transformers import TransformersSource
from harness.records import Decoding, Prompt, Runtime
from harness.registry.catalog import find_model, load_catalog

NEW_TOKENS = 32
BATCH = 16


def prompts(count: int) -> list[Prompt]:
    """Questions over one to three neighbouring passages, asked in the chat template without worked examples."""
    data = embedded_dataset()
    template = find_template("concise")
    return [
        Prompt(
            template=template,
            question=data.questions[number % len(data.questions)].text,
            passages=tuple(data.passages[(number + step) % len(data.passages)] for step in range(1 + number % 3)),
        )
        for number in range(count)
    ]


def batched(provider: TransformersProvider, asked: list[Prompt]) -> float:
    started = time.perf_counter()
    ordered = sorted(asked, key=lambda prompt: -sum(len(passage.text) for passage in prompt.passages))
    for start in range(0, len(ordered), BATCH):
        list(provider.generate(ordered[start : start + BATCH], Decoding(max_new_tokens=NEW_TOKENS)))
    return time.perf_counter() - started


def encoded(provider: TransformersProvider, asked: list[Prompt]) -> list[Encoded]:
    found = (encode(prompt, provider.coder, provider.context_tokens) for prompt in asked)
    return [coded for coded in found if isinstance(coded, Encoded)]


def one_by_one(provider: TransformersProvider, asked: list[Prompt]) -> float:
    started = time.perf_counter()
    for coded in encoded(provider, asked):
        ids = torch.tensor([coded.ids])
        with torch.inference_mode():
            provider._loaded().generate(  # type: ignore[operator]  # noqa: SLF001 - the very same weights
                input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW_TOKENS, do_sample=False
            )
    return time.perf_counter() - started


def main() -> None:
    count, runs = (int(value) for value in (sys.argv[1:] + ["200", "5"][len(sys.argv) - 1 :])[:2])
    asked = prompts(count)
    provider = TransformersSource(find_model(load_catalog(), "smollm2-135m"), Runtime()).load()
    assert isinstance(provider, TransformersProvider)
    lengths = [len(coded.ids) for coded in encoded(provider, asked)]
    batched(provider, asked[:BATCH])
    pairs = [(batched(provider, asked), one_by_one(provider, asked)) for _ in range(runs)]
    found = {
        "prompts": count,
        "prompt_tokens": [min(lengths), max(lengths)],
        "new_tokens_at_most": NEW_TOKENS,
        "threads": torch.get_num_threads(),
        "batched_per_s": round(count / statistics.median(one for one, _ in pairs), 3),
        "one_by_one_per_s": round(count / statistics.median(other for _, other in pairs), 3),
        "ratio": round(statistics.median(other / one for one, other in pairs), 3),
        "runs": runs,
    }
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
