"""Graphs as networks, and the door to them; the engines are stood in for."""

import json
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from harness.errors import HarnessError, MissingExtra  # noqa: E402 - torch is optional
from harness.providers import base, graphs, optimum  # noqa: E402
from harness.providers.base import source  # noqa: E402
from harness.providers.causal_lm import TransformersProvider  # noqa: E402
from harness.providers.decoding import REFERENCE_CHUNK_TOKENS  # noqa: E402
from harness.providers.encoding import encoder  # noqa: E402
from harness.providers.optimum import OptimumSource  # noqa: E402
from harness.providers.transformers import TransformersSource  # noqa: E402
from harness.records import Decoding, ModelSpec, Prompt, Runtime, Template  # noqa: E402

FP32 = Runtime(dtype="fp32", device="cpu")


@pytest.fixture
def graph_spec(spec: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> ModelSpec:
    """The tiny model for a provider whose packages are all installed."""
    monkeypatch.setattr(optimum, "_version", lambda names: f"{names[0]} 1.0")
    return replace(spec, provider="optimum")


def as_graph(network: Any) -> Any:
    """The network behind the interface of an exported graph."""
    from transformers import DynamicCache

    def run(inputs: dict[str, Any], held: graphs.Pairs) -> tuple[Any, graphs.Pairs]:
        cache = DynamicCache()
        for number, (keys, values) in enumerate(held):
            cache.update(keys, values, number)
        with torch.inference_mode():
            output = network(**inputs, past_key_values=cache)
        return output.logits, [(layer.keys, layer.values) for layer in cache.layers]

    return graphs.GraphNetwork(network, run)


@pytest.fixture
def pair(network_of: Callable[..., Any], tokenizer_of: Callable[..., Any]) -> tuple[Any, Any]:
    """A provider around a network, and one around the same as a graph."""
    network, coder = network_of(), encoder(tokenizer_of())
    model = ModelSpec(name="tiny", family="tiny", params_b=None, context_length=512)
    return TransformersProvider(network, coder, model), TransformersProvider(as_graph(network), coder, model)


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_a_graph_answers_as_its_network(
    temperature: float, pair: tuple[Any, Any], prompts: Sequence[Prompt], shots_template: Template
) -> None:
    asked = [*prompts, *(replace(prompt, template=shots_template) for prompt in prompts)]
    decoding = Decoding(max_new_tokens=12, temperature=temperature, top_p=0.9, seed=3)
    plain, graph = ([(answer.text, answer.output_tokens) for answer in each.generate(asked, decoding)] for each in pair)
    assert graph == plain


def test_a_graph_measures_references_as_its_network(pair: tuple[Any, Any], prompts: Sequence[Prompt]) -> None:
    long = replace(prompts[0], reference="the keeper counts the boats every morning " * 4)
    plain, graph = (list(each.reference_nll([*prompts, long])) for each in pair)
    assert [value is None for value in graph] == [False, False, True, False, False]
    assert [value for value in graph if value] == pytest.approx([value for value in plain if value], abs=1e-4)


def test_only_the_last_columns_have_logits(network_of: Callable[..., Any]) -> None:
    network = network_of()
    ids = torch.arange(REFERENCE_CHUNK_TOKENS + 20)[None]
    with torch.inference_mode():
        whole = network(input_ids=ids).logits
        graphs.keep_last_logits(network)
        last = network(input_ids=ids, logits_to_keep=0).logits
    assert torch.equal(last, whole[:, -REFERENCE_CHUNK_TOKENS:])


def test_a_network_that_gives_all_logits_is_left_alone() -> None:
    def forward(input_ids: object) -> object:
        return input_ids

    network: Any = SimpleNamespace(forward=forward)
    graphs.keep_last_logits(network)
    assert network.forward is forward


def test_a_cache_without_tokens_has_the_graphs_own_sizes() -> None:
    shapes = [["batch_size", 3, "past_sequence_length", 64]] * 4
    pairs = graphs._no_tokens(shapes, 5, torch.float32, torch.device("cpu"))
    assert [tuple(map(tuple, (keys.shape, values.shape))) for keys, values in pairs] == [
        ((5, 3, 0, 64), (5, 3, 0, 64))
    ] * 2


@pytest.fixture
def stand_in(network_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """An engine that exports a mark and opens the tiny network; returns the folders that were exported to."""
    exported: list[Path] = []

    def export(_weights: TransformersSource, folder: Path) -> None:
        exported.append(folder)
        (folder / "model.onnx").write_bytes(b"graph")

    def opened(_weights: TransformersSource, folder: Path) -> graphs.GraphNetwork:
        assert (folder / "model.onnx").is_file()
        return as_graph(network_of())

    monkeypatch.setattr(graphs, "EXPORTERS", {"optimum": export})
    monkeypatch.setattr(graphs, "OPENERS", {"optimum": opened})
    return exported


def test_weights_are_exported_once(graph_spec: ModelSpec, stand_in: list[Path], own_cache: Path) -> None:
    for _ in range(2):
        source(graph_spec, FP32).load().close()
    assert len(stand_in) == 1
    assert [path.name for path in (own_cache / "graphs").glob("*/*")] == ["model.onnx"]


@pytest.mark.usefixtures("stand_in")
def test_a_loaded_graph_answers(graph_spec: ModelSpec, prompts: Sequence[Prompt]) -> None:
    provider = source(graph_spec, FP32).load()
    assert all(answer.error is None for answer in provider.generate(prompts, Decoding(max_new_tokens=3)))


def test_an_export_that_fails_leaves_nothing_and_is_one_line(
    graph_spec: ModelSpec, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object) -> None:
        raise ValueError("an operator is missing\nand more")

    monkeypatch.setattr(graphs, "EXPORTERS", {"optimum": fail})
    with pytest.raises(HarnessError, match=r"through optimum: an operator is missing; use provider transformers$"):
        source(graph_spec, FP32).load()
    assert list((own_cache / "graphs").iterdir()) == []


def test_too_little_memory_is_told_as_such(graph_spec: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object) -> None:
        raise MemoryError

    monkeypatch.setattr(graphs, "EXPORTERS", {"optimum": fail})
    with pytest.raises(MemoryError):
        source(graph_spec, FP32).load()


def test_the_door_and_its_table_agree() -> None:
    named = {name for name, place in base.PROVIDERS.items() if place.endswith(":OptimumSource")}
    assert named == set(optimum.ENGINES) == set(graphs.EXPORTERS) == set(graphs.OPENERS)


def test_the_references_answer_is_never_read(graph_spec: ModelSpec) -> None:
    assert not OptimumSource(graph_spec, FP32).reads_reference


@pytest.mark.parametrize(
    ("name", "absent"), [("optimum", "optimum-onnx, onnxruntime"), ("openvino", "optimum-intel, ")]
)
def test_missing_packages_are_named_with_their_extra(
    name: str, absent: str, spec: ModelSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optimum, "_version", lambda _names: None)
    with pytest.raises(MissingExtra, match=rf"the {name} provider needs {absent}.*pytest-scaling\[{name}\]"):
        OptimumSource(replace(spec, provider=name), FP32)


def test_a_package_may_go_by_several_names() -> None:
    assert optimum._version(("no-such-package", "torch")) == f"torch {optimum.metadata.version('torch')}"
    assert optimum._version(("no-such-package",)) is None


def test_options_are_refused(graph_spec: ModelSpec) -> None:
    with pytest.raises(HarnessError, match="the optimum provider takes no options, got beams"):
        OptimumSource(replace(graph_spec, options={"beams": 4}), FP32)


@pytest.mark.parametrize(
    ("provider", "runtime", "words"),
    [
        ("optimum", Runtime(device="mps"), "runs on cpu or cuda here, device is 'mps'"),
        ("openvino", Runtime(device="cuda:1"), "runs on cpu here, device is 'cuda:1'"),
        ("optimum", Runtime(dtype="bf16"), "computes in fp32 on cpu, bf16 is asked for"),
        ("openvino", Runtime(quantisation="8bit"), "computes in fp32 on cpu, 8bit is asked for"),
        ("optimum", Runtime(device="cuda", dtype="bf16"), "computes in fp16 or fp32 on cuda"),
    ],
)
def test_what_an_engine_cannot_do_is_refused(
    provider: str, runtime: Runtime, words: str, graph_spec: ModelSpec
) -> None:
    with pytest.raises(HarnessError, match=words):
        OptimumSource(replace(graph_spec, provider=provider), runtime)


@pytest.mark.parametrize(
    ("runtime", "dtype"),
    [(Runtime(), "fp32"), (Runtime(device="cuda"), "fp16"), (Runtime(quantisation="fp32"), "fp32")],
)
def test_auto_is_what_the_engine_does_best(runtime: Runtime, dtype: str, graph_spec: ModelSpec) -> None:
    assert OptimumSource(graph_spec, runtime).weights.precision.dtype == dtype


def test_the_engines_version_is_in_the_fingerprint(graph_spec: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    before = OptimumSource(graph_spec, FP32).fingerprint
    monkeypatch.setattr(optimum, "_version", lambda names: f"{names[0]} 2.0")
    assert OptimumSource(graph_spec, FP32).fingerprint != before


def test_engines_share_no_answers(graph_spec: ModelSpec) -> None:
    others = [replace(graph_spec, provider=name) for name in ("optimum", "openvino", "transformers")]
    assert len({source(model, FP32).fingerprint for model in others}) == 3


@pytest.fixture
def old_transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if transformers were of version 4.57."""
    monkeypatch.setattr(graphs.transformers, "__version__", "4.57.6")


def changed(folder: Path, target: Path, name: str, **values: object) -> Path:
    """A copy of the folder with other values in one of its tables."""
    shutil.copytree(folder, target)
    table = json.loads((target / name).read_text(encoding="utf-8"))
    (target / name).write_text(json.dumps(table | values), encoding="utf-8")
    return target


@pytest.mark.usefixtures("old_transformers")
def test_an_older_version_is_told_the_rotary_base(model_folder: Path, tmp_path: Path) -> None:
    told = {"rope_theta": 123456.0, "rope_type": "default"}
    config = graphs.read_config(
        changed(model_folder, tmp_path / "m", "config.json", rope_parameters=told), trust_remote_code=False
    )
    assert (config.rope_theta, config.rope_scaling) == (123456.0, None)


@pytest.mark.usefixtures("old_transformers")
def test_an_older_version_is_told_the_rotary_scaling(model_folder: Path, tmp_path: Path) -> None:
    told = {"rope_theta": 5e5, "rope_type": "linear", "factor": 2.0}
    config = graphs.read_config(
        changed(model_folder, tmp_path / "m", "config.json", rope_parameters=told), trust_remote_code=False
    )
    assert config.rope_theta == 5e5
    assert {key: config.rope_scaling[key] for key in ("rope_type", "factor")} == {"rope_type": "linear", "factor": 2.0}


@pytest.mark.usefixtures("old_transformers")
@pytest.mark.parametrize(("kind", "scaling"), [("default", None), ("linear", {"rope_type": "linear", "factor": 2.0})])
def test_an_older_version_is_told_how_much_is_rotated(
    kind: str, scaling: object, model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"rope_theta": 1e4, "rope_type": kind, "factor": 2.0, "partial_rotary_factor": 0.25}
    folder = changed(model_folder, tmp_path / "m", "config.json", rope_parameters=told)
    monkeypatch.setattr(graphs.AutoConfig, "from_pretrained", lambda *_args, **_kwargs: SimpleNamespace())
    config = vars(graphs.read_config(folder, trust_remote_code=False))
    assert config == {"rope_theta": 1e4, "partial_rotary_factor": 0.25, "rope_scaling": scaling}


@pytest.mark.usefixtures("old_transformers")
def test_an_older_version_is_told_the_context_that_was_stretched(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    factors = {"short_factor": [1.0] * 4, "long_factor": [2.0] * 4, "original_max_position_embeddings": 128}
    told = {"rope_theta": 1e4, "rope_type": "longrope", **factors}
    folder = changed(model_folder, tmp_path / "m", "config.json", rope_parameters=told)
    monkeypatch.setattr(graphs.AutoConfig, "from_pretrained", lambda *_args, **_kwargs: SimpleNamespace())
    assert vars(graphs.read_config(folder, trust_remote_code=False))["original_max_position_embeddings"] == 128


@pytest.mark.usefixtures("old_transformers")
def test_frequencies_by_kind_of_layer_are_refused_there(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"full_attention": {"rope_theta": 1e6}, "sliding_attention": {"rope_theta": 1e4}}
    folder = changed(model_folder, tmp_path / "m", "config.json", rope_parameters=told)
    monkeypatch.setattr(graphs.AutoConfig, "from_pretrained", lambda *_args, **_kwargs: SimpleNamespace())
    with pytest.raises(HarnessError, match=r"by kind of layer, which transformers 4.57.6 cannot read"):
        graphs.read_config(folder, trust_remote_code=False)


def test_a_version_that_knows_them_is_left_alone(model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = SimpleNamespace()
    monkeypatch.setattr(graphs.AutoConfig, "from_pretrained", lambda *_args, **_kwargs: found)
    monkeypatch.setattr(graphs.transformers, "__version__", "5.0.0")
    assert graphs.read_config(model_folder, trust_remote_code=False) is found
    assert vars(found) == {}


@pytest.mark.usefixtures("old_transformers")
def test_an_older_version_reads_a_newer_tokenizer(model_folder: Path, tmp_path: Path) -> None:
    folder = changed(model_folder, tmp_path / "m", "tokenizer_config.json", tokenizer_class="TokenizersBackend")
    tokenizer = graphs.read_tokenizer(folder, trust_remote_code=False)
    text = "27 arches of red stone"
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text
    assert tokenizer.chat_template is not None


@pytest.mark.usefixtures("old_transformers")
def test_an_older_version_says_who_converts_a_gguf(
    graph_spec: ModelSpec, gguf_of: Callable[..., Path], tmp_path: Path
) -> None:
    pytest.importorskip("gguf")
    model = replace(graph_spec, path=str(gguf_of(tmp_path / "tiny.gguf")))
    with pytest.raises(HarnessError, match=r"which transformers 4.57.6 does not convert: run harness fetch tiny where"):
        source(model, FP32).load()


def module(monkeypatch: pytest.MonkeyPatch, name: str, **members: object) -> None:
    """Let `name` be importable with these members, and every package above it."""
    parts = name.split(".")
    for length in range(1, len(parts)):
        above = ".".join(parts[:length])
        if above not in sys.modules:
            monkeypatch.setitem(sys.modules, above, ModuleType(above))
    made = ModuleType(name)
    vars(made).update(members)
    monkeypatch.setitem(sys.modules, name, made)


class Options:
    """What is set in ONNX Runtime's SessionOptions."""

    def __init__(self) -> None:
        self.entries: dict[str, str] = {}

    def add_session_config_entry(self, key: str, value: str) -> None:
        self.entries[key] = value


@pytest.fixture
def runtime_of_onnx(network_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """ONNX Runtime and optimum around the tiny network; returns what was asked of them."""
    told: dict[str, Any] = {}

    class Graph:
        config = network_of().config
        generation_config = None
        device = torch.device("cpu")
        dtype = torch.float32
        key_value_input_names = ("past_key_values.0.key", "past_key_values.0.value") * 2
        input_shapes = dict.fromkeys(key_value_input_names, ("batch_size", 2, "past", 8))

        def __call__(self, *, past_key_values: graphs.Pairs, **inputs: Any) -> Any:
            logits, pairs = as_graph(network_of())._run(inputs, past_key_values)
            return SimpleNamespace(logits=logits, past_key_values=pairs)

    class Model:
        @staticmethod
        def from_pretrained(folder: Path, **arguments: Any) -> Graph:
            told.update(arguments, folder=folder)
            return Graph()

    def export(network: Any, folder: Path, **arguments: Any) -> None:
        told["exported"] = (network, arguments)
        (folder / "model.onnx").write_bytes(b"graph")

    module(monkeypatch, "onnxruntime", SessionOptions=Options, get_available_providers=lambda: ["CPUExecutionProvider"])
    module(monkeypatch, "optimum.onnxruntime", ORTModelForCausalLM=Model)
    module(monkeypatch, "optimum.exporters.onnx", onnx_export_from_model=export)
    return told


def test_onnx_runtime_runs_what_was_exported(
    graph_spec: ModelSpec, runtime_of_onnx: dict[str, Any], prompts: Sequence[Prompt], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    provider = source(graph_spec, FP32).load()
    expected = TransformersSource(replace(graph_spec, provider="transformers"), FP32).load()
    decoding = Decoding(max_new_tokens=5)
    texts = [[answer.text for answer in each.generate(prompts, decoding)] for each in (provider, expected)]
    assert texts[0] == texts[1]
    assert runtime_of_onnx["session_options"].intra_op_num_threads == torch.get_num_threads()
    assert runtime_of_onnx["session_options"].entries == {"session.intra_op.allow_spinning": "0"}
    assert runtime_of_onnx["local_files_only"]


@pytest.mark.usefixtures("runtime_of_onnx")
def test_a_device_that_is_not_there_is_refused(graph_spec: ModelSpec) -> None:
    with pytest.raises(HarnessError, match="device 'cuda:1' is not there for this onnxruntime"):
        source(graph_spec, Runtime(device="cuda:1", dtype="fp32")).load()


@pytest.mark.parametrize("before", [None, "false"])
def test_openvino_runs_what_was_exported_and_sends_nothing(
    before: str | None,
    graph_spec: ModelSpec,
    network_of: Callable[..., Any],
    prompts: Sequence[Prompt],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: dict[str, Any] = {}

    class Graph:
        config = network_of().config
        generation_config = None
        device = torch.device("cpu")

        def __call__(self, *, past_key_values: Any, **inputs: Any) -> Any:
            held = [tuple(map(torch.from_numpy, pair)) for pair in past_key_values or ()]
            logits, pairs = as_graph(network_of())._run(inputs, held)
            return SimpleNamespace(
                logits=logits, past_key_values=[(keys.numpy(), values.numpy()) for keys, values in pairs]
            )

    def export(_network: Any, folder: Path, **_arguments: Any) -> None:
        told["ci"] = graphs.os.environ["CI"]
        (folder / "openvino_model.xml").write_bytes(b"graph")

    model = SimpleNamespace(from_pretrained=lambda _folder, **arguments: (told.update(arguments), Graph())[1])
    module(monkeypatch, "optimum.intel.openvino", OVModelForCausalLM=model, OVConfig=lambda **_: None)
    module(monkeypatch, "optimum.exporters.openvino.convert", export_from_model=export)
    if before is None:
        monkeypatch.delenv("CI", raising=False)
    else:
        monkeypatch.setenv("CI", before)
    provider = source(replace(graph_spec, provider="openvino"), FP32).load()
    expected = TransformersSource(replace(graph_spec, provider="transformers"), FP32).load()
    decoding = Decoding(max_new_tokens=5)
    texts = [[answer.text for answer in each.generate(prompts, decoding)] for each in (provider, expected)]
    assert texts[0] == texts[1]
    assert (told["ci"], graphs.os.environ.get("CI")) == ("true", before)
    assert told["ov_config"]["INFERENCE_PRECISION_HINT"] == "f32"
