"""Wall time of whole runs against lm-evaluation-harness, backend hf, and how many greedy answers are the same.

Both read the same prompts (the same token ids: checked first), from the same folder of weights, in the same dtype, and
write at most 32 tokens. The other Python needs lm_eval 0.4.13 with the torch and transformers of this one.

Run: python benchmarks/measure_lm_eval.py PYTHON [--prompts 200] [--rounds 5] [--batch 16|auto] [--dtype bf16|fp32]
     [--json FILE]

In bf16 the rounding of another batch can turn a greedy token; fp32 shows whether anything else does.
"""

import argparse
import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from measure_throughput import (
    NEW_TOKENS,
    encoded,
    make_prompts,
    project_run,
    provider,
    ratio,
    rounds,
    save,
    source,
)

from harness.prompts.render import messages
from harness.providers.encoding import chat_text
from harness.records import Prompt

TASK = "same_prompts"
DTYPES = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}
YAML = """
task: {task}
dataset_path: json
dataset_kwargs: {{data_files: {{test: {file}}}}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{prompt}}}}"
doc_to_target: ""
generation_kwargs: {{until: {until}, max_gen_toks: {new_tokens}, do_sample: false, temperature: 0.0}}
metric_list: [{{metric: bypass, aggregation: bypass, higher_is_better: false}}]
"""
CHECK = """
import json, sys
from importlib.metadata import version
from transformers import AutoTokenizer
folder, file = sys.argv[1:]
coder = AutoTokenizer.from_pretrained(folder)
ids = [coder.encode(json.loads(line)["prompt"], add_special_tokens=False) for line in open(file, encoding="utf-8")]
print(json.dumps([{name: version(name) for name in ("lm_eval", "torch", "transformers")}, ids]))
"""


class Other:
    """lm-evaluation-harness in its own Python, with a task that puts the prompts as they are."""

    def __init__(self, python: str, folder: Path, batch: str, dtype: str) -> None:
        self.python, self.folder, self.batch = python, folder, batch
        self.weights, self.dtype = source().located.folder, DTYPES[dtype]
        self.answers: dict[str, str] = {}
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("OMP_")}
        self.environment |= {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hf"), "TOKENIZERS_PARALLELISM": "false"}

    def write(self, texts: Sequence[str], until: str) -> None:
        lines = [json.dumps({"prompt": text}) for text in texts]
        (self.folder / "prompts.jsonl").write_text("\n".join(lines), encoding="utf-8")
        file = json.dumps(str(self.folder / "prompts.jsonl"))
        told = YAML.format(task=TASK, file=file, until=json.dumps([until]), new_tokens=NEW_TOKENS)
        (self.folder / f"{TASK}.yaml").write_text(told, encoding="utf-8")

    def call(self, *command: str) -> str:
        done = subprocess.run(
            [self.python, *command], env=self.environment, cwd=self.folder, check=False, capture_output=True, text=True
        )
        if done.returncode:
            raise SystemExit(f"{command[:2]} ended with {done.returncode}:\n{done.stderr[-4000:]}")
        return done.stdout

    def check(self) -> tuple[dict[str, str], list[list[int]]]:
        """Versions there, and the prompts' ids as its tokenizer gives them."""
        versions, ids = json.loads(self.call("-c", CHECK, str(self.weights), "prompts.jsonl").splitlines()[-1])
        return versions, ids

    def run(self) -> None:
        with tempfile.TemporaryDirectory(dir=self.folder) as out:
            self.call(
                *("-m", "lm_eval", "run", "--model", "hf", "--device", "cpu", "--batch_size", self.batch),
                *("--model_args", f"pretrained={self.weights},dtype={self.dtype}"),
                *("--include_path", str(self.folder), "--tasks", TASK, "--output_path", out, "--log_samples"),
            )
            (file,) = Path(out).rglob("samples_*.jsonl")
            rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        self.answers = {f"q{row['doc_id']}": row["resps"][0][0] for row in rows}


def same_share(ours: dict[str, str], theirs: dict[str, str]) -> float:
    """Share of answers that are the same text; spaces around it are not compared."""
    return sum(text.strip() == theirs[name].strip() for name, text in ours.items()) / len(ours)


def measure(other: Other, prompts: Sequence[Prompt], told: argparse.Namespace) -> dict[str, object]:
    kept: dict[str, dict[str, str]] = {}

    def ours(workers: str) -> Callable[[], object]:
        return lambda: kept.__setitem__(workers, dict(project_run(prompts, "-n", workers, dtype=told.dtype).texts))

    seconds = rounds(told.rounds, {"n0": ours("0"), "n2": ours("2"), "lm_eval": other.run})
    found = {
        "prompts": len(prompts),
        "dtype": other.dtype,
        "lm_eval_batch": told.batch,
        "share_of_wall_time": {name: 1 / ratio(seconds, name, "lm_eval") for name in ("n0", "n2")},
        "same_answers": {name: same_share(answers, other.answers) for name, answers in kept.items()},
        "same_answers_n0_n2": same_share(kept["0"], kept["2"]),
    }
    save(told.json, seconds, found)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python", help="the Python that has lm_eval")
    parser.add_argument("--prompts", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", default="16", help="lm_eval's batch size, or auto")
    parser.add_argument("--dtype", choices=DTYPES, default=source().precision.dtype)
    parser.add_argument("--json", type=Path)
    told = parser.parse_args()
    loaded = provider()
    prompts = make_prompts(loaded, told.prompts)
    texts = [chat_text(messages(prompt), loaded.coder) for prompt in prompts]
    ids = [list(coded.ids) for coded in encoded(loaded, prompts)]
    until = str(loaded.coder.tokenizer.eos_token)
    loaded.close()
    with tempfile.TemporaryDirectory() as folder:
        other = Other(told.python, Path(folder), told.batch, told.dtype)
        other.write(texts, until)
        versions, theirs = other.check()
        if theirs != ids or {name: version(name) for name in ("torch", "transformers")}.items() - versions.items():
            raise SystemExit(f"not the same prompts or software: {versions}, same ids: {theirs == ids}")
        print(json.dumps(measure(other, prompts, told) | {"software": versions}, indent=2))


if __name__ == "__main__":
    main()
