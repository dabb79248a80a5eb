"""A causal language model behind the provider's protocol; imports torch and transformers."""

import gc
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from time import perf_counter

import torch
from transformers import AutoTokenizer, DynamicCache, PreTrainedModel

from harness.errors import HarnessError
from harness.providers.adapters import Adapter
from harness.providers.allocator import keep_freed_memory, return_freed_memory
from harness.providers.base import failed
from harness.providers.convert import convert
from harness.providers.decoding import Choose, Limits, Read, Start, Written, greedy, read, reference_nll, sampler, write
from harness.providers.encoding import Encoded, Encoder, Unencodable, encode, encoder, turn_end_ids
from harness.providers.lora import merge
from harness.providers.precision import Precision
from harness.providers.quiet import quiet
from harness.providers.quoting import first_line
from harness.providers.reading import read_weights
from harness.providers.stopping import cut_at_stop, stop_finder
from harness.providers.weights import Located
from harness.records import Answer, Decoding, ModelSpec, Prompt, Runtime

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
PLAIN_LAYERS = frozenset({"DynamicLayer", "DynamicSlidingWindowLayer", "DummyLayer"})
NOT_FINITE = "the model gave no finite probabilities: try dtype bf16 or fp32"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What is fixed while a batch is written: `rows` are the prompts that could be encoded, `losses` one per row."""

    rows: Sequence[Encoded]
    losses: Sequence[float | None]
    decoding: Decoding
    started: float


def load(
    model: ModelSpec, runtime: Runtime, located: Located, precision: Precision, adapter: Adapter | None = None
) -> "TransformersProvider":
    """Load the weights onto the device, with the adapter laid into them; a GGUF is converted first where it was not.

    Raises:
        HarnessError: the files cannot be read as a causal language model, the adapter is another model's, or the device
            is not there.
        torch.OutOfMemoryError: the device is too small.
    """
    folder = convert(located, model.package)
    _require_device(precision)
    if precision.kind == "cpu":
        keep_freed_memory()
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(
                str(folder), local_files_only=True, trust_remote_code=runtime.trust_remote_code
            )
            network = read_weights(
                folder,
                trust_remote_code=runtime.trust_remote_code,
                dtype=DTYPES[precision.dtype],
                **_packing(precision),
            )
    except (torch.OutOfMemoryError, MemoryError):
        raise
    except Exception as error:  # readers of damaged files raise whatever they stumble over
        raise HarnessError(f"cannot load model {model.name!r} from {folder}: {first_line(error)}") from error
    if adapter is not None:
        merge(network, adapter)
    _require_plain_cache(model, network)
    if precision.bits is None:
        network.to(torch.device(precision.device))  # type: ignore[arg-type] # its stub describes a decorator
    network.train(mode=False)
    return TransformersProvider(network, encoder(tokenizer), model)


class TransformersProvider:
    """A loaded model; see `base.Provider`."""

    def __init__(self, network: PreTrainedModel, coder: Encoder, model: ModelSpec) -> None:
        self.network: PreTrainedModel | None = network
        self.coder = coder
        self.context_tokens = min(model.context_length, _positions(network) or model.context_length)
        self.end_ids = _end_ids(network, coder)
        self.start = Start()

    def generate(self, prompts: Sequence[Prompt], decoding: Decoding) -> Iterator[Answer]:
        """Answer the prompts as one batch, in their order.

        A prompt that exceeds the context loses passages from the end; one that still does not fit gets an error of its
        own. `logprobs` are those of the model itself, whatever the temperature, of the answer's tokens without the end
        token and without a stop string; `output_tokens` counts the same tokens.

        Raises:
            torch.OutOfMemoryError: the batch is too large for the device.
        """
        started = perf_counter()
        coded = self._encode(prompts, decoding)
        rows = [item for item in coded if isinstance(item, Encoded)]
        finished: dict[int, Answer] = {}
        answers = self._answers(rows, decoding, started)
        row = 0
        for item in coded:
            if isinstance(item, Unencodable):
                yield failed(item.reason, perf_counter() - started)
                continue
            while row not in finished:
                number, answer = next(answers)
                finished[number] = answer
            yield finished.pop(row)
            row += 1

    def reference_nll(self, prompts: Sequence[Prompt]) -> Iterator[float | None]:
        """Nats per token of each prompt's reference; the prompt leaves the room for an answer of default length."""
        coded = self._encode(prompts, Decoding())
        rows = [item for item in coded if isinstance(item, Encoded)]
        losses = iter(self._losses(rows, read(self._loaded(), [row.ids for row in rows], self.start)) if rows else ())
        for item in coded:
            yield next(losses) if isinstance(item, Encoded) else None

    def close(self) -> None:
        """Free the weights and what the device keeps for them."""
        self.network, self.start = None, Start()
        gc.collect()
        return_freed_memory()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _loaded(self) -> PreTrainedModel:
        if self.network is None:
            raise RuntimeError("the provider is closed")
        return self.network

    def _encode(self, prompts: Sequence[Prompt], decoding: Decoding) -> list[Encoded | Unencodable]:
        room = self.context_tokens - decoding.max_new_tokens
        return [encode(prompt, self.coder, room) for prompt in prompts]

    def _answers(self, rows: Sequence[Encoded], decoding: Decoding, started: float) -> Iterator[tuple[int, Answer]]:
        state = read(self._loaded(), [row.ids for row in rows], self.start)
        batch = Batch(rows=rows, losses=self._losses(rows, state), decoding=decoding, started=started)
        limits = Limits(
            max_new_tokens=decoding.max_new_tokens,
            end_ids=self.end_ids,
            stopped=stop_finder(self.coder.tokenizer, decoding.stop),
        )
        for written in write(self._loaded(), state, _chooser(rows, decoding), limits):
            yield written.row, self._answer(written, batch)

    def _losses(self, rows: Sequence[Encoded], state: Read) -> list[float | None]:
        """References that run over the context are not measured: the model knows no positions beyond it."""
        fitting = [
            row.reference if row.reference and len(row.ids) + len(row.reference) <= self.context_tokens else None
            for row in rows
        ]
        return reference_nll(self._loaded(), state, fitting)

    def _answer(self, written: Written, batch: Batch) -> Answer:
        row = batch.rows[written.row]
        failed = written.finish_reason == "error"
        text, kept = ("", 0) if failed else cut_at_stop(self.coder.tokenizer, written.ids, batch.decoding.stop)
        return Answer(
            text=text,
            prompt_tokens=len(row.ids),
            output_tokens=kept,
            latency_s=perf_counter() - batch.started,
            concurrency=len(batch.rows),
            finish_reason=written.finish_reason,
            logprobs=None if failed else written.logprobs[:kept],
            reference_nll=batch.losses[written.row],
            truncated_passages=row.truncated_passages,
            bos_count=row.bos_count,
            error=NOT_FINITE if failed else None,
        )


def _chooser(rows: Sequence[Encoded], decoding: Decoding) -> Choose:
    if decoding.temperature == 0:
        return greedy
    return sampler(decoding.temperature, decoding.top_p, [_seed(decoding.seed, row.ids) for row in rows])


def _seed(seed: int, ids: Sequence[int]) -> int:
    """One stream per seed and prompt, whatever else is in the batch."""
    return int.from_bytes(sha256(f"{seed}:{','.join(map(str, ids))}".encode()).digest()[:8]) >> 1


def _positions(network: PreTrainedModel) -> int | None:
    config = network.config.get_text_config(decoder=True)
    positions = getattr(config, "max_position_embeddings", None)
    return positions if isinstance(positions, int) and positions > 0 else None


def _end_ids(network: PreTrainedModel, coder: Encoder) -> frozenset[int]:
    """Whatever ends an answer: by the generation config, by the tokenizer, and by the chat template."""
    told = getattr(network.generation_config, "eos_token_id", None)
    several = told if isinstance(told, list) else [told]
    candidates = [*several, coder.tokenizer.eos_token_id, *turn_end_ids(coder)]
    return frozenset(token for token in candidates if token is not None)


def _require_device(precision: Precision) -> None:
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if not there[precision.kind]:
        raise HarnessError(
            f"device {precision.device!r} is not there for this torch: use device cpu, or install its build"
        )


def _require_plain_cache(model: ModelSpec, network: PreTrainedModel) -> None:
    """A recurrent state can neither be cut back after a reference nor skip the padding of a shorter neighbour."""
    kinds = {type(layer).__name__ for layer in DynamicCache(config=network.config).layers}
    if unknown := kinds - PLAIN_LAYERS:
        raise HarnessError(
            f"model {model.name!r} keeps a state of kind {', '.join(sorted(unknown))}: only attention over keys and "
            "values can be run here; serve it and name the server instead"
        )


def _packing(precision: Precision) -> Mapping[str, object]:
    """Arguments that pack the weights while they load, onto the device; none for plain weights."""
    if precision.bits is None:
        return {}
    from transformers import BitsAndBytesConfig

    four = precision.bits == 4  # noqa: PLR2004 - the number of bits itself
    config = BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_8bit=not four,
        load_in_4bit=four,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=DTYPES[precision.dtype],
    )
    return {"quantization_config": config, "device_map": {"": precision.device}}
