"""Throughput of the embedded model: against one `model.generate` call per prompt, and of workers against one process.

All answer the same prompts of 150 to 400 tokens, at most 32 new tokens each, with the same dtype. `one_by_one` and
`batched` are measured inside this process on the same threads, the rest as runs of pytest on a made-up project: their
throughput from the start of the first batch to the last answer, and as `whole_run` with start-up and loading. Runs of
one round follow one another; ratios are medians over the rounds.

Run: python benchmarks/measure_throughput.py [--prompts 200] [--rounds 5] [--batch 16] [--only inside|outside]
     [--json FILE], then: pytest-benchmark compare FILE ...
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch
from pytest_benchmark.stats import Stats

from harness.datasets.builtin import embedded_dataset
from harness.prompts.catalog import find_template
from harness.providers.causal_lm import TransformersProvider
from harness.providers.encoding import Encoded, encode
from harness.providers.transformers import TransformersSource
from harness.records import Decoding, Prompt, Runtime
from harness.registry.catalog import find_model, load_catalog

MODEL = "smollm2-135m"
TEMPLATE = "concise"
NEW_TOKENS = 32
PROMPT_TOKENS = range(150, 401)
QUIET = ("-q", "-p", "no:randomly", "-p", "no:smoke", "-p", "no:cacheprovider")
STUDY = f"""
[study]
models = ["{MODEL}"]
[[datasets]]
path = "questions.jsonl"
[decoding]
prompt = "{TEMPLATE}"
max_new_tokens = {NEW_TOKENS}
[runtime]
dtype = "{{dtype}}"
"""
TEST_FILE = """
import json, os, time

def test_answer(case, answer):
    with open(f"answers-{os.getpid()}.jsonl", "a", encoding="utf-8") as file:
        print(json.dumps([case.question.id, answer.text, time.time(), answer.latency_s]), file=file)
"""

Rounds = Mapping[str, Sequence[float]]
"""Seconds by what was run, one per round."""


def source() -> TransformersSource:
    return TransformersSource(find_model(load_catalog(), MODEL), Runtime())


def provider() -> TransformersProvider:
    loaded = source().load()
    assert isinstance(loaded, TransformersProvider)
    return loaded


def encoded(loaded: TransformersProvider, prompts: Sequence[Prompt]) -> list[Encoded]:
    found = [encode(prompt, loaded.coder, loaded.context_tokens) for prompt in prompts]
    return [coded for coded in found if isinstance(coded, Encoded)]


def make_prompts(loaded: TransformersProvider, count: int) -> list[Prompt]:
    """Questions over one to three neighbouring passages; those of a length in the range, in turn."""
    data, template = embedded_dataset(), find_template(TEMPLATE)
    found: list[Prompt] = []
    number = 0
    while len(found) < count:
        passages = [data.passages[(number + step) % len(data.passages)].text for step in range(1 + number % 3)]
        question = data.questions[number % len(data.questions)].text
        prompt = Prompt(template=template, question="\n\n".join([*passages, question]))
        if len(encoded(loaded, [prompt])[0].ids) in PROMPT_TOKENS:
            found.append(prompt)
        number += 1
    return found


def batched(loaded: TransformersProvider, prompts: Sequence[Prompt], batch: int) -> None:
    ordered = sorted(prompts, key=lambda prompt: -len(prompt.question))
    for start in range(0, len(ordered), batch):
        list(loaded.generate(ordered[start : start + batch], Decoding(max_new_tokens=NEW_TOKENS)))


def one_by_one(loaded: TransformersProvider, prompts: Sequence[Prompt]) -> None:
    for coded in encoded(loaded, prompts):
        ids = torch.tensor([coded.ids])
        with torch.inference_mode():
            loaded._loaded().generate(  # type: ignore[operator]  # noqa: SLF001 - the very same weights
                input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW_TOKENS, do_sample=False
            )


def write_project(folder: Path, prompts: Sequence[Prompt], dtype: str) -> None:
    """A project whose one test answers the prompts, and keeps the answers in files of its own."""
    lines = [
        json.dumps({"id": f"q{number}", "question": prompt.question, "answers": ["unknown"]})
        for number, prompt in enumerate(prompts)
    ]
    (folder / "benchmarks").mkdir()
    (folder / "benchmarks" / "questions.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (folder / "benchmarks" / "study.toml").write_text(STUDY.format(dtype=dtype), encoding="utf-8")
    (folder / "benchmarks" / "test_answers.py").write_text(TEST_FILE, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """Texts by question, and the seconds from the start of the first batch to the last answer."""

    texts: Mapping[str, str]
    answering_s: float


def read_answers(folder: Path) -> Answered:
    """What the project's test kept, of all workers."""
    files = folder.glob("answers-*.jsonl")
    rows = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    seconds = max(at_s for *_, at_s, _ in rows) - min(at_s - latency_s for *_, at_s, latency_s in rows)
    return Answered(texts={name: text for name, text, *_ in rows}, answering_s=seconds)


def project_run(prompts: Sequence[Prompt], *options: str, dtype: str = "auto", one_thread: bool = False) -> Answered:
    """Run pytest on the prompts in a fresh project, without a stored answer."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "OMP_"))}
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    with tempfile.TemporaryDirectory() as name:
        write_project(Path(name), prompts, dtype)
        if one_thread and cores:
            os.sched_setaffinity(0, {min(cores)})
        try:
            done = subprocess.run(
                [sys.executable, "-m", "pytest", "benchmarks", *QUIET, *options],
                cwd=name,
                env=environment | ({"OMP_NUM_THREADS": "1"} if one_thread else {}),
                check=False,
                capture_output=True,
                text=True,
            )
        finally:
            if one_thread and cores:
                os.sched_setaffinity(0, cores)
        answers = read_answers(Path(name))
    if done.returncode or len(answers.texts) != len(prompts):
        raise SystemExit(
            f"pytest ended with {done.returncode} and {len(answers.texts)} answers:\n{done.stdout[-4000:]}"
        )
    return answers


def rounds(count: int, runs: Mapping[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Every run once per round, the order turned round from one round to the next."""
    found: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(count):
        for name in list(runs)[:: -1 if number % 2 else 1]:
            started = time.perf_counter()
            runs[name]()
            found[name].append(time.perf_counter() - started)
            print(f"round {number + 1} {name}: {found[name][-1]:.1f} s", file=sys.stderr)
    return found


def ratio(seconds: Rounds, name: str, other: str) -> float:
    """How many times faster `name` is than `other`: the median over the rounds."""
    return statistics.median(b / a for a, b in zip(seconds[name], seconds[other], strict=True))


def statistics_of(seconds: Sequence[float]) -> dict[str, object]:
    stats = Stats()  # type: ignore[no-untyped-call]
    for value in seconds:
        stats.update(value)  # type: ignore[no-untyped-call]
    return {**stats.as_dict(), "iterations": 1}  # type: ignore[no-untyped-call]


def save(path: Path | None, seconds: Rounds, extra: Mapping[str, object]) -> None:
    """Write the rounds so that `pytest-benchmark compare` reads them; nothing without a path."""
    if path is None:
        return
    benchmarks = [
        {
            **dict.fromkeys(("name", "fullname"), name),
            **dict.fromkeys(("param", "params")),
            "group": "throughput",
            "options": {},
            "extra_info": extra,
            "stats": statistics_of(values),
        }
        for name, values in seconds.items()
    ]
    machine = {"machine": platform.machine(), "python_version": platform.python_version(), "cpu": {}, "node": ""}
    document = {"machine_info": machine, "commit_info": {}, "benchmarks": benchmarks, "version": "5"}
    document["datetime"] = datetime.now(UTC).isoformat()
    path.write_text(json.dumps(document, indent=2), encoding="utf-8")


def arguments(parser: argparse.ArgumentParser) -> argparse.Namespace:
    parser.add_argument("--prompts", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def outside(prompts: Sequence[Prompt], count: int) -> tuple[dict[str, list[float]], Rounds]:
    """Seconds of whole runs, and of their answering alone."""
    answering: dict[str, list[float]] = {}

    def run(name: str, *options: str, one_thread: bool = False) -> Callable[[], object]:
        def call() -> None:
            found = project_run(prompts, *options, one_thread=one_thread)
            answering.setdefault(name, []).append(found.answering_s)

        return call

    three = {
        "n2": run("n2", "-n", "2"),
        "n0": run("n0", "-n", "0"),
        "one_thread": run("one_thread", "-n", "0", one_thread=True),
    }
    return rounds(count, three), answering


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("inside", "outside"))
    told = arguments(parser)
    loaded = provider()
    prompts = make_prompts(loaded, told.prompts)
    lengths = [len(coded.ids) for coded in encoded(loaded, prompts)]
    extra: dict[str, object] = {
        "prompts": len(prompts),
        "prompt_tokens": [min(lengths), max(lengths)],
        "new_tokens_at_most": NEW_TOKENS,
        "threads": torch.get_num_threads(),
        "batch": told.batch,
        "rounds": told.rounds,
    }
    seconds: dict[str, list[float]] = {}
    found: dict[str, float] = {}
    if told.only != "outside":
        batched(loaded, prompts[: told.batch], told.batch)
        pair = {
            "batched": lambda: batched(loaded, prompts, told.batch),
            "one_by_one": lambda: one_by_one(loaded, prompts),
        }
        seconds |= rounds(told.rounds, pair)
        found["batched_to_one_by_one"] = ratio(seconds, "batched", "one_by_one")
    loaded.close()
    if told.only != "inside":
        runs, answering = outside(prompts, told.rounds)
        seconds |= runs
        for suffix, measured in (("", answering), ("_whole_run", runs)):
            found |= {f"n2_to_{name}{suffix}": ratio(measured, "n2", name) for name in ("n0", "one_thread")}
    per_s = {name: len(prompts) / statistics.median(values) for name, values in seconds.items()}
    summary = {"questions_per_s": per_s, "ratios": found}
    save(told.json, seconds, extra | summary)
    print(json.dumps(extra | summary, indent=2))


if __name__ == "__main__":
    main()
