"""A process holds one model at a time: the one before is gone before the next is loaded."""

import subprocess
import sys
import weakref
from importlib.util import find_spec
from pathlib import Path

import pytest

from harness.engine import Engine
from harness.records import Selection
from harness.store import Store
from harness.study import build_study
from harness.studyfile import builtin_text, parse_study

WEIGHTS_MB = 300  # 77 million parameters in fp32; twice as much as their files in bf16
SLACK = 0.35
STUDY = """
[study]
name = "two"
models = ["one", "other"]
conditions = ["direct"]
metrics = ["f1"]

[[datasets]]
path = "questions.jsonl"

[decoding]
max_new_tokens = 4

[runtime]
device = "cpu"
dtype = "fp32"

[models.one]
path = "one"

[models.other]
path = "other"
"""
# The greatest resident memory of this very program; getrusage would start from that of the process it was forked from.
PEAK = """
import sys, pytest
code = pytest.main(sys.argv[1:])
with open("/proc/self/status") as status:
    peak = next(line for line in status if line.startswith("VmHWM:"))
print("peak_mb", int(peak.split()[1]) // 1024)
sys.exit(code)
"""
CHECKPOINT = """
import sys, torch, transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
core = Tokenizer(models.BPE())
core.pre_tokenizer, core.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
trainer = trainers.BpeTrainer(
    vocab_size=300, special_tokens=["<end>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
)
core.train_from_iterator(["How high is the tower?"], trainer)
tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<end>", pad_token="<end>")
config = transformers.LlamaConfig(
    vocab_size=300, hidden_size=1024, intermediate_size=2816, num_hidden_layers=6, num_attention_heads=16,
    num_key_value_heads=16, max_position_embeddings=512, bos_token_id=None, eos_token_id=0, pad_token_id=0,
)
for seed, folder in enumerate(sys.argv[1:]):
    torch.manual_seed(seed)
    transformers.AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
"""


def peak_mb(project, *args: str) -> int:
    done = project.run("-c", PEAK, "benchmarks", "-q", "-p", "no:randomly", "-p", "no:smoke", *args)
    assert done.rc == 0, done.out + done.err
    return int(done.last.removeprefix("peak_mb "))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak of memory from /proc")
@pytest.mark.skipif(not (find_spec("torch") and find_spec("transformers")), reason="needs the extra [hf]")
def test_two_models_in_turn_take_no_more_memory_than_one(project):
    folder = project.write("benchmarks/study.toml", STUDY).parent
    subprocess.run([sys.executable, "-c", CHECKPOINT, folder / "one", folder / "other"], check=True)
    one = peak_mb(project, "--model", "one", "--store", "one.sqlite")
    both = peak_mb(project, "--store", "both.sqlite")
    assert both - one <= SLACK * WEIGHTS_MB, f"one model {one} MB, two in turn {both} MB"


class Watched:
    """A source that notes how many of the models loaded so far, by it or its like, still exist when it loads."""

    def __init__(self, source, models: list[weakref.ref], seen: list[int]) -> None:
        self._source, self._models, self._seen = source, models, seen
        self.fingerprint = source.fingerprint
        self.reads_reference = source.reads_reference

    def load(self):
        self._seen.append(sum(model() is not None for model in self._models))
        provider = self._source.load()
        self._models.append(weakref.ref(provider))
        return provider


@pytest.fixture
def engine(tmp_path: Path):
    """An engine over three planted models in two conditions."""
    models = ("planted-0.5b", "planted-1.5b", "planted-3b")
    study = build_study(
        parse_study(builtin_text("planted"), "planted"),
        Selection(models=models, conditions=("direct", "rag"), limit=3),
        tmp_path,
    )
    with Store(tmp_path / "s.sqlite") as store:
        made = Engine(study, store)
        yield made
        made.close()


def watch(engine: Engine) -> list[int]:
    """How many models existed at each load, once the engine has answered everything."""
    models: list[weakref.ref] = []
    seen: list[int] = []
    for cell in engine.study.cells:
        engine.sources.of(cell)
    found = engine.sources._found
    found.update({name: Watched(source, models, seen) for name, source in found.items()})
    for case in engine.study.cases:
        engine.answer(case)
    return seen


def test_no_model_is_left_when_the_next_is_loaded(engine):
    assert watch(engine) == [0, 0, 0]


def test_nothing_of_a_model_that_failed_is_left_when_the_next_is_loaded(engine, monkeypatch):
    from harness.providers.planted import PlantedProvider

    def fail(self, prompts, decoding):
        raise RuntimeError(f"{self.model.name} cannot answer {len(prompts)} prompts with {decoding}")

    monkeypatch.setattr(PlantedProvider, "generate", fail)
    assert watch(engine) == [0, 0, 0]
