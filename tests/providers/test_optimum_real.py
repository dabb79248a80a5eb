"""The optimum provider with real engines and a tiny model; run by tox -e onnx and tox -e openvino."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("optimum", reason="needs the extra [optimum] or [openvino]: tox -e onnx,openvino")

import torch

from harness.providers.base import source
from harness.providers.causal_lm import TransformersProvider
from harness.providers.decoding import REFERENCE_CHUNK_TOKENS
from harness.providers.encoding import encoder
from harness.providers.graphs import read_config, read_tokenizer
from harness.providers.reading import read_weights
from harness.records import Answer, Decoding, ModelSpec, Prompt, Runtime, Template

pytestmark = pytest.mark.slow
ENGINES = {"optimum": "onnxruntime", "openvino": "openvino"}
INSTALLED = [name for name, package in ENGINES.items() if find_spec(package)]
FP32 = Runtime(dtype="fp32", device="cpu")


@pytest.fixture(scope="module", params=INSTALLED)
def spec_here(request: pytest.FixtureRequest, model_folder: Path) -> ModelSpec:
    return ModelSpec(
        name="tiny", family="t", params_b=None, context_length=512, path=str(model_folder), provider=request.param
    )


@pytest.fixture(scope="module")
def graph(spec_here: ModelSpec, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARNESS_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        provider = source(spec_here, FP32).load()
    yield provider
    provider.close()


@pytest.fixture(scope="module")
def plain(model_folder: Path) -> Any:
    config = read_config(model_folder, trust_remote_code=False)
    network = read_weights(model_folder, config=config, dtype=torch.float32).train(mode=False)
    model = ModelSpec(name="tiny", family="t", params_b=None, context_length=512)
    return TransformersProvider(network, encoder(read_tokenizer(model_folder, trust_remote_code=False)), model)


def told(answers: Sequence[Answer]) -> list[tuple[object, ...]]:
    return [(each.text, each.prompt_tokens, each.output_tokens, each.finish_reason, each.error) for each in answers]


def numbers(answers: Sequence[Answer]) -> list[float]:
    return [value for answer in answers for value in (*(answer.logprobs or ()), answer.reference_nll or 0.0)]


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_it_answers_as_the_network_it_was_made_of(
    temperature: float, graph: Any, plain: Any, prompts: Sequence[Prompt], shots_template: Template
) -> None:
    asked = [*prompts, *(replace(prompt, template=shots_template) for prompt in prompts)]
    decoding = Decoding(max_new_tokens=12, temperature=temperature, top_p=0.9, seed=3, stop=("zz",))
    expected, found = (list(each.generate(asked, decoding)) for each in (plain, graph))
    assert told(found) == told(expected)
    assert numbers(found) == pytest.approx(numbers(expected), abs=1e-3)


def test_a_batch_answers_as_its_prompts_do_alone(graph: Any, prompts: Sequence[Prompt]) -> None:
    decoding = Decoding(max_new_tokens=12)
    alone = [answer.text for prompt in prompts for answer in graph.generate([prompt], decoding)]
    assert [answer.text for answer in graph.generate(prompts, decoding)] == alone


def test_a_reference_longer_than_the_kept_columns_is_measured(
    graph: Any, plain: Any, prompts: Sequence[Prompt]
) -> None:
    long = replace(prompts[0], reference="the keeper counts the boats every morning " * 6)
    assert len(graph.coder.tokenizer(long.reference)["input_ids"]) > REFERENCE_CHUNK_TOKENS
    expected, found = (list(each.reference_nll([long, *prompts])) for each in (plain, graph))
    assert [value for value in found if value] == pytest.approx([value for value in expected if value], abs=1e-3)


def test_a_second_load_exports_nothing(
    spec_here: ModelSpec, own_cache: Path, monkeypatch: pytest.MonkeyPatch, prompts: Sequence[Prompt]
) -> None:
    from harness.providers import graphs

    source(spec_here, FP32).load().close()
    assert len(list((own_cache / "graphs").iterdir())) == 1
    monkeypatch.setattr(graphs, "EXPORTERS", {})
    again = source(spec_here, FP32).load()
    assert next(again.generate(prompts[:1], Decoding(max_new_tokens=2))).error is None


def test_how_much_is_rotated_is_read_as_a_newer_version_writes_it(
    network_of: Callable[..., Any], tmp_path: Path
) -> None:
    network = network_of("phi3", partial_rotary_factor=0.5)
    network.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    for name in ("rope_theta", "rope_scaling", "partial_rotary_factor"):
        config.pop(name, None)
    config["rope_parameters"] = {"rope_theta": 1e4, "rope_type": "default", "partial_rotary_factor": 0.5}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    read = read_weights(tmp_path, config=read_config(tmp_path, trust_remote_code=False), dtype=torch.float32)
    ids = torch.arange(20)[None]
    with torch.inference_mode():
        torch.testing.assert_close(read.train(mode=False)(ids).logits, network.float()(ids).logits)


@pytest.mark.parametrize("family", ["qwen2", "mistral"])
def test_other_families_answer_as_their_networks(
    family: str,
    spec_here: ModelSpec,
    network_of: Callable[..., Any],
    tokenizer_of: Callable[..., Any],
    tmp_path: Path,
    prompts: Sequence[Prompt],
) -> None:
    network, tokenizer = network_of(family), tokenizer_of()
    network.save_pretrained(tmp_path / "m")
    tokenizer.save_pretrained(tmp_path / "m")
    model = replace(spec_here, path=str(tmp_path / "m"))
    expected = TransformersProvider(network.float(), encoder(tokenizer), model)
    found = source(model, FP32).load()
    decoding = Decoding(max_new_tokens=8)
    answers = [list(each.generate(prompts, decoding)) for each in (expected, found)]
    assert told(answers[1]) == told(answers[0])
    assert numbers(answers[1]) == pytest.approx(numbers(answers[0]), abs=1e-3)
