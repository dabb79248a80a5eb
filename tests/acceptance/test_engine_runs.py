"""Runs of pytest over a tiny model in each engine that is installed here; tox -e vllm,onnx,openvino runs the rest."""

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.providers.tiny_models import write_model

ENGINES = {"transformers": "accelerate", "vllm": "vllm", "optimum": "onnxruntime", "openvino": "openvino"}
INSTALLED = [provider for provider, package in ENGINES.items() if find_spec(package)]
STUDY = """
[study]
models = ["wide"]
conditions = ["rag", "direct"]
[[datasets]]
path = "questions.jsonl"
corpus = "corpus.jsonl"
[decoding]
max_new_tokens = 8
[runtime]
dtype = "fp32"
device = "cpu"
[models.wide]
provider = "{provider}"
family = "made-up"
params_b = 0.0001
context_length = 512
path = {folder}
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wide(tmp_path_factory) -> Path:
    """A tiny model whose heads are as wide as vLLM's kernels want them."""
    return write_model(tmp_path_factory.mktemp("weights") / "wide", hidden_size=128, intermediate_size=96)


@pytest.mark.parametrize("provider", INSTALLED)
def test_a_study_is_answered_once_and_alike_by_workers(provider, project, wide, tmp_path):
    project.write("benchmarks/study.toml", STUDY.format(provider=provider, folder=json.dumps(str(wide))))
    own = {"HARNESS_CACHE_DIR": str(tmp_path / "cache"), "VLLM_CPU_KVCACHE_SPACE": "1"}
    first = project.pytest("benchmarks", "-q", "--store", "alone.sqlite", **own)
    assert first.rc == 0, first.out + first.err
    alone = stored(project.root / "alone.sqlite")
    assert len(alone) == 24
    assert all(tokens for _, _, tokens in alone)
    again = project.pytest("benchmarks", "-q", "--store", "alone.sqlite", **own)
    assert (again.rc, stored(project.root / "alone.sqlite")) == (0, alone)
    shared = project.pytest("benchmarks", "-q", "-n", "2", "--store", "shared.sqlite", **own)
    assert shared.rc == 0, shared.out + shared.err
    assert stored(project.root / "shared.sqlite") == alone


def stored(path: Path) -> Sequence[tuple[str, str, int]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT key, text, output_tokens FROM answers ORDER BY key").fetchall()
