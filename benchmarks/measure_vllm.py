"""Throughput of the vllm provider against a bare `LLM.generate`, and against the transformers provider.

All answer the same prompts of 150 to 400 tokens, at most 32 new tokens each, in this process, on the same threads and
with the same dtype. Provider and bare call share one engine, whose prefix cache is emptied before each; the bare call
is given token ids, and asks neither for text nor for log-probabilities. Rounds are interleaved, ratios are medians.

Run, where vLLM is installed: python benchmarks/measure_vllm.py [--prompts 200] [--rounds 5] [--batch 16]
     [--dtype bf16|fp32] [--without-transformers] [--json FILE]
"""

import argparse
import json
import os
import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch
from measure_throughput import MODEL, NEW_TOKENS, arguments, batched, encoded, make_prompts, ratio, rounds, save

from harness.providers.base import source
from harness.records import Decoding, Prompt, Runtime
from harness.registry.catalog import find_model, load_catalog


def provider(name: str, runtime: Runtime) -> Any:  # noqa: ANN401 - either provider
    return source(replace(find_model(load_catalog(), MODEL), provider=name), runtime).load()


def through_provider(loaded: Any, prompts: Sequence[Prompt]) -> None:  # noqa: ANN401 - a VllmProvider
    loaded._engine.reset_prefix_cache()  # noqa: SLF001 - the very same engine
    answers = list(loaded.generate(prompts, Decoding(max_new_tokens=NEW_TOKENS)))
    assert not any(answer.error for answer in answers)


def bare(loaded: Any, ids: Sequence[Sequence[int]]) -> None:  # noqa: ANN401 - a VllmProvider
    from vllm import SamplingParams

    engine = loaded._engine  # noqa: SLF001 - the very same engine
    engine.reset_prefix_cache()
    ends = sorted(loaded.end_ids)
    params = SamplingParams(temperature=0, max_tokens=NEW_TOKENS, stop_token_ids=ends, detokenize=False)
    given = [{"prompt_token_ids": list(each)} for each in ids]
    assert len(engine.generate(given, params, use_tqdm=False)) == len(ids)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dtype", choices=("bf16", "fp32"), default="fp32")
    parser.add_argument("--without-transformers", action="store_true")
    told = arguments(parser)
    runtime = Runtime(dtype=told.dtype, device="cpu")
    loaded = provider("vllm", runtime)
    prompts = make_prompts(loaded, told.prompts)
    ids = [coded.ids for coded in encoded(loaded, prompts)]
    runs: dict[str, Callable[[], object]] = {
        "vllm_provider": lambda: through_provider(loaded, prompts),
        "vllm_bare": lambda: bare(loaded, ids),
    }
    if not told.without_transformers:
        plain = provider("transformers", runtime)
        runs["transformers"] = lambda: batched(plain, prompts, told.batch)
    through_provider(loaded, prompts[:8])  # what is compiled at first use
    bare(loaded, ids[:8])
    seconds = rounds(told.rounds, runs)
    loaded.close()
    extra: dict[str, object] = {
        "prompts": len(prompts),
        "prompt_tokens": [min(map(len, ids)), max(map(len, ids))],
        "new_tokens_at_most": NEW_TOKENS,
        "dtype": told.dtype,
        "threads": torch.get_num_threads(),
        "rounds": told.rounds,
        "versions": {name: version(name) for name in ("torch", "transformers")},
        "questions_per_s": {name: len(prompts) / statistics.median(values) for name, values in seconds.items()},
        "ratios": {f"provider_to_{name}": ratio(seconds, "vllm_provider", name) for name in list(runs)[1:]},
    }
    save(told.json, seconds, extra)
    print(json.dumps(extra, indent=2))


if __name__ == "__main__":
    main()
