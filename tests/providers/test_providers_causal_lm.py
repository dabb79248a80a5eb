"""The provider around tiny models: answers, their numbers, and what goes wrong."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from harness.errors import HarnessError  # noqa: E402 - torch is optional
from harness.providers import causal_lm  # noqa: E402
from harness.providers.base import source  # noqa: E402
from harness.providers.precision import Precision  # noqa: E402
from harness.records import Answer, Decoding, ModelSpec, Passage, Prompt, Runtime, Template  # noqa: E402

FP32 = Runtime(dtype="fp32", device="cpu")
FAMILIES = ("llama", "gpt2", "gemma2")


def texts(answers: Sequence[Answer]) -> list[str]:
    return [answer.text for answer in answers]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_a_batch_answers_as_its_prompts_do_alone(
    family: str, temperature: float, provider_of: Callable[..., Any], prompts: Sequence[Prompt]
) -> None:
    provider = provider_of(family)
    decoding = Decoding(max_new_tokens=12, temperature=temperature, top_p=0.9, seed=3)
    alone = [answer for prompt in prompts for answer in provider.generate([prompt], decoding)]
    assert texts(list(provider.generate(prompts, decoding))) == texts(alone)


def test_shared_examples_change_no_answer(
    provider_of: Callable[..., Any], prompts: Sequence[Prompt], shots_template: Template
) -> None:
    provider = provider_of()
    shown = [replace(prompt, template=shots_template) for prompt in prompts]
    decoding = Decoding(max_new_tokens=12)
    alone = [answer for prompt in shown for answer in provider.generate([prompt], decoding)]
    together = list(provider.generate(shown, decoding))
    assert texts(together) == texts(alone)
    assert [answer.reference_nll for answer in together] == [
        None if answer.reference_nll is None else pytest.approx(answer.reference_nll, abs=1e-4) for answer in alone
    ]


def test_the_text_is_what_generate_gives(
    provider_of: Callable[..., Any], prompts: Sequence[Prompt], tokenizer_of: Callable[..., Any]
) -> None:
    provider = provider_of()
    tokenizer = tokenizer_of()
    coded = provider._encode(prompts[:1], Decoding(max_new_tokens=16))[0]
    whole = provider.network.generate(
        torch.tensor([coded.ids]), max_new_tokens=16, do_sample=False, eos_token_id=sorted(provider.end_ids)
    )
    expected = tokenizer.decode(whole[0, len(coded.ids) :], skip_special_tokens=True)
    assert texts(list(provider.generate(prompts[:1], Decoding(max_new_tokens=16)))) == [expected]


def test_the_counts_agree(provider_of: Callable[..., Any], prompts: Sequence[Prompt]) -> None:
    provider = provider_of()
    coded = provider._encode(prompts, Decoding())
    for answer, item in zip(provider.generate(prompts, Decoding(max_new_tokens=9)), coded, strict=True):
        assert answer.logprobs is not None
        assert (answer.output_tokens, answer.prompt_tokens) == (len(answer.logprobs), len(item.ids))
        assert (answer.concurrency, answer.finish_reason) == (len(prompts), "length")


def test_latency_never_runs_backwards_within_a_batch(
    provider_of: Callable[..., Any], prompts: Sequence[Prompt]
) -> None:
    answers = list(provider_of().generate(prompts, Decoding(max_new_tokens=3)))
    latencies = [answer.latency_s for answer in answers]
    assert 0 < latencies[0] <= latencies[-1]


def test_an_end_of_turn_stops_the_answer(provider_of: Callable[..., Any], prompts: Sequence[Prompt]) -> None:
    provider = provider_of()
    free = next(provider.generate(prompts[:1], Decoding(max_new_tokens=5)))
    assert free.finish_reason == "length"
    first = provider.coder.tokenizer(free.text, add_special_tokens=False)["input_ids"]
    provider.end_ids = frozenset(range(420)) - {first[0]}
    answer = next(provider.generate(prompts[:1], Decoding(max_new_tokens=5)))
    assert (answer.finish_reason, answer.output_tokens) == ("stop", 1)


def test_answers_keep_their_places_when_a_later_one_is_done_first(
    provider_of: Callable[..., Any], prompts: Sequence[Prompt]
) -> None:
    provider = provider_of()
    decoding = Decoding(max_new_tokens=8)
    last = provider._encode(prompts, decoding)[3]
    with torch.inference_mode():
        first_token = provider.network(input_ids=torch.tensor([last.ids])).logits[0, -1].argmax().item()
    provider.end_ids = frozenset({first_token})
    alone = [answer for prompt in prompts for answer in provider.generate([prompt], decoding)]
    assert texts(list(provider.generate(prompts, decoding))) == texts(alone)
    assert (alone[0].output_tokens > 0, alone[3].output_tokens) == (True, 0)


def test_an_answer_may_be_empty(provider_of: Callable[..., Any], prompts: Sequence[Prompt]) -> None:
    provider = provider_of()
    provider.end_ids = frozenset(range(420))
    answer = next(provider.generate(prompts[:1], Decoding()))
    assert (answer.text, answer.output_tokens, answer.logprobs, answer.error) == ("", 0, (), None)


def test_a_stop_string_cuts_the_answer_and_its_numbers(
    provider_of: Callable[..., Any], prompts: Sequence[Prompt]
) -> None:
    provider = provider_of()
    free = next(provider.generate(prompts[:1], Decoding(max_new_tokens=20)))
    stop = free.text[6:14]
    answer = next(provider.generate(prompts[:1], Decoding(max_new_tokens=20, stop=(stop,))))
    assert (answer.text, answer.finish_reason) == (free.text.partition(stop)[0], "stop")
    assert answer.logprobs == free.logprobs[: answer.output_tokens]
    assert answer.output_tokens == len(answer.logprobs)


@pytest.mark.parametrize("prefer", ["config", "model"])
def test_the_smaller_context_holds(prefer: str, provider_of: Callable[..., Any]) -> None:
    context, positions = (100, 512) if prefer == "model" else (4000, 100)
    assert provider_of(context=context, max_position_embeddings=positions).context_tokens == 100


def test_a_config_without_positions_leaves_the_models_context() -> None:
    config = SimpleNamespace(get_text_config=lambda **_: SimpleNamespace())
    network: Any = SimpleNamespace(config=config)
    assert causal_lm._positions(network) is None


def test_dropped_passages_are_counted(provider_of: Callable[..., Any], template: Template) -> None:
    passages = tuple(Passage(id=str(n), text=f"The bridge {n} has {n * 9} arches.") for n in range(9))
    whole = Prompt(template=template, question="how many?", passages=passages)
    needed = provider_of()._encode([whole], Decoding())[0]
    provider = provider_of(context=len(needed.ids) + 7)
    answer = next(provider.generate([whole], Decoding(max_new_tokens=8)))
    assert (answer.truncated_passages, answer.error) == (1, None)
    assert answer.prompt_tokens <= len(needed.ids) - 1


def test_a_prompt_that_never_fits_fails_alone_and_in_its_place(
    provider_of: Callable[..., Any], prompts: Sequence[Prompt]
) -> None:
    provider = provider_of()
    long = replace(prompts[0], question="how many arches? " * 200)
    decoding = Decoding(max_new_tokens=4)
    answers = list(provider.generate([prompts[0], long, prompts[1]], decoding))
    assert [answer.error is None for answer in answers] == [True, False, True]
    assert (answers[1].text, answers[1].finish_reason, answers[1].logprobs) == ("", "error", None)
    assert texts(answers[::2]) == texts(list(provider.generate(prompts[:2], decoding)))


def test_when_no_prompt_fits_nothing_is_run(provider_of: Callable[..., Any], prompts: Sequence[Prompt]) -> None:
    provider = provider_of(context=10)
    assert [answer.error is None for answer in provider.generate(prompts, Decoding(max_new_tokens=4))] == [False] * 4
    assert list(provider.reference_nll(prompts)) == [None] * 4


def test_no_prompts_give_no_answers(provider_of: Callable[..., Any]) -> None:
    assert list(provider_of().generate([], Decoding())) == []


def test_infinite_weights_are_an_error_and_not_an_answer(
    provider_of: Callable[..., Any], prompts: Sequence[Prompt]
) -> None:
    provider = provider_of()
    with torch.no_grad():
        provider.network.get_output_embeddings().weight.fill_(float("inf"))
    answer = next(provider.generate(prompts[:1], Decoding(max_new_tokens=4)))
    assert (answer.text, answer.finish_reason, answer.logprobs) == ("", "error", None)
    assert answer.error is not None
    assert "bf16 or fp32" in answer.error


def test_the_reference_is_measured_alike_alone_and_with_the_answer(
    provider_of: Callable[..., Any], prompts: Sequence[Prompt]
) -> None:
    provider = provider_of()
    beside = [answer.reference_nll for answer in provider.generate(prompts, Decoding(max_new_tokens=2))]
    assert list(provider.reference_nll(prompts)) == beside
    assert [value is None for value in beside] == [False, False, True, False]


def test_the_reference_changes_no_answer(provider_of: Callable[..., Any], prompts: Sequence[Prompt]) -> None:
    provider = provider_of()
    decoding = Decoding(max_new_tokens=10)
    without = [replace(prompt, reference=None) for prompt in prompts]
    assert texts(list(provider.generate(prompts, decoding))) == texts(list(provider.generate(without, decoding)))


def test_a_reference_beyond_the_context_is_not_measured(
    provider_of: Callable[..., Any], prompts: Sequence[Prompt]
) -> None:
    long = replace(prompts[0], reference="27 arches " * 300)
    answer = next(provider_of().generate([long], Decoding(max_new_tokens=2)))
    assert (answer.reference_nll, answer.error) == (None, None)


def test_a_seed_repeats_and_another_differs(provider_of: Callable[..., Any], prompts: Sequence[Prompt]) -> None:
    provider = provider_of(initializer_range=0.1)
    drawn = [
        tuple(texts(list(provider.generate(prompts, Decoding(max_new_tokens=8, temperature=1.5, seed=seed)))))
        for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def test_every_end_is_known(network_of: Callable[..., Any], tokenizer_of: Callable[..., Any]) -> None:
    network, tokenizer = network_of(), tokenizer_of()
    network.generation_config.eos_token_id = [0, 7]
    ends = causal_lm._end_ids(network, causal_lm.encoder(tokenizer))
    assert ends == {0, 7, tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("<|im_end|>")}


def test_a_closed_provider_frees_its_weights(provider_of: Callable[..., Any], prompts: Sequence[Prompt]) -> None:
    provider = provider_of()
    provider.close()
    with pytest.raises(RuntimeError, match="closed"):
        next(provider.generate(prompts, Decoding()))


def test_closing_gives_the_devices_memory_back(
    provider_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    emptied: list[bool] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append(True))
    provider_of().close()
    assert emptied == [True]


def test_a_folder_is_loaded_and_answers(spec: ModelSpec, prompts: Sequence[Prompt]) -> None:
    provider = source(spec, FP32).load()
    answers = list(provider.generate(prompts, Decoding(max_new_tokens=4)))
    assert [answer.error for answer in answers] == [None] * 4


def test_loading_says_nothing(spec: ModelSpec, capfd: pytest.CaptureFixture[str]) -> None:
    source(spec, FP32).load()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("dtype", "expected"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_the_dtype_is_the_one_asked_for(spec: ModelSpec, dtype: Any, expected: Any) -> None:
    provider: Any = source(spec, Runtime(dtype=dtype, device="cpu")).load()
    assert provider.network.dtype == expected


def test_broken_weights_are_one_line(spec: ModelSpec, model_folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in model_folder.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    (broken / "config.json").write_text('{"model_type": "no-such-kind"}')
    with pytest.raises(HarnessError, match="cannot load model 'tiny'") as caught:
        source(replace(spec, path=str(broken)), FP32).load()
    assert "\n" not in str(caught.value)


def test_weights_that_lack_a_tensor_are_refused(
    spec: ModelSpec, network_of: Callable[..., Any], model_folder: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in model_folder.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    network_of(num_hidden_layers=1).save_pretrained(broken)
    (broken / "config.json").write_bytes((model_folder / "config.json").read_bytes())
    with pytest.raises(HarnessError, match=r"9 missing tensors, first model\.layers\.1\."):
        source(replace(spec, path=str(broken)), FP32).load()


def test_running_out_of_memory_is_left_to_the_caller(spec: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_args: object, **_kwargs: object) -> None:
        raise torch.OutOfMemoryError("too small")

    monkeypatch.setattr(causal_lm, "read_weights", explode)
    with pytest.raises(torch.OutOfMemoryError):
        source(spec, FP32).load()


def test_a_truncated_weights_file_is_one_line(spec: ModelSpec, model_folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in model_folder.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    whole = (broken / "model.safetensors").read_bytes()
    (broken / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(HarnessError, match="cannot load model 'tiny'"):
        source(replace(spec, path=str(broken)), FP32).load()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_one_line(spec: ModelSpec) -> None:
    with pytest.raises(HarnessError, match="device 'cuda' is not there"):
        source(spec, Runtime(device="cuda", dtype="bf16")).load()


def test_a_recurrent_model_is_refused(spec: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    class LinearAttentionLayer: ...

    class Cache:
        def __init__(self, **_config: object) -> None:
            self.layers = [LinearAttentionLayer()]

    monkeypatch.setattr(causal_lm, "DynamicCache", Cache)
    with pytest.raises(HarnessError, match="a state of kind LinearAttentionLayer"):
        source(spec, FP32).load()


@pytest.mark.parametrize(("bits", "name"), [(8, "load_in_8bit"), (4, "load_in_4bit")])
def test_packed_weights_are_asked_for_on_their_device(bits: Any, name: str) -> None:
    given = causal_lm._packing(Precision(device="cuda:1", dtype="fp16", bits=bits))
    config: Any = given["quantization_config"]
    assert getattr(config, name)
    assert (config.bnb_4bit_compute_dtype, given["device_map"]) == (torch.float16, {"": "cuda:1"})


def test_plain_weights_ask_for_no_packing() -> None:
    assert causal_lm._packing(Precision(device="cpu", dtype="fp32")) == {}
