"""vLLM's engine behind the provider's protocol, in this process; imports vllm, torch and transformers."""

import gc
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from importlib import import_module
from math import isfinite
from pathlib import Path
from time import perf_counter
from traceback import clear_frames
from typing import Any

from transformers import AutoConfig, AutoTokenizer, GenerationConfig

from harness.errors import HarnessError
from harness.providers.adapters import Adapter
from harness.providers.allocator import return_freed_memory
from harness.providers.base import failed
from harness.providers.causal_lm import NOT_FINITE
from harness.providers.convert import convert
from harness.providers.encoding import Encoded, Encoder, Unencodable, encode, encoder, turn_end_ids
from harness.providers.lora import adapted_layers, refuse_unfit
from harness.providers.quiet import quiet
from harness.providers.quoting import first_line
from harness.providers.stopping import cut_at_stop, stop_finder
from harness.providers.transformers import TransformersSource
from harness.providers.vllm import EngineOptions
from harness.records import Answer, Decoding, FinishReason, Prompt
from harness.registry.memory import GB, SizeUnknown, memory_rates

# What this process has not set itself: no process of its own for one device, so that none outlives this one; threads
# as OMP_NUM_THREADS says; nothing sent home; no log on a terminal that belongs to someone else.
ENVIRONMENT: Mapping[str, str] = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
}
CPU_CACHE_GB = 2.0
CACHE_SLACK = 1.1
LORA_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
DTYPES: Mapping[str, str] = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


@dataclass(slots=True)
class Asked:
    """One row on its way: what came of it so far; `loss` is awaited where `row.reference` is asked for."""

    row: Encoded
    measured: bool
    output: Any = None
    latency_s: float | None = None
    stopped: bool = False
    loss: float | None = None
    ids: Sequence[int] = field(default_factory=tuple)

    @property
    def is_settled(self) -> bool:
        """Whether nothing more is to come."""
        return self.latency_s is not None and (self.loss is not None or not self.measured)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """When the requests of a call began, and what ends an answer early."""

    started: float
    stopped: Callable[[Sequence[int]], bool]


def load(weights: TransformersSource, options: EngineOptions) -> "VllmProvider":
    """Start the engine on the weights; a GGUF that was not converted yet is converted first.

    Raises:
        HarnessError: the weights cannot be read, the adapter is another model's, or the engine refuses them.
    """
    folder = convert(weights.located, weights.model.package)
    if weights.adapter is not None:  # vLLM leaves out what fits no layer, without a word
        with quiet():
            refuse_unfit(folder, weights.adapter, trust_remote_code=weights.runtime.trust_remote_code)
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from vllm import LLM

    look_past_made_up_attributes()
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(
                str(folder), local_files_only=True, trust_remote_code=weights.runtime.trust_remote_code
            )
            engine = LLM(**engine_arguments(weights, options, folder))
    except HarnessError:
        raise
    except Exception as error:  # an engine raises whatever it stumbles over
        free_failed(error)
        if isinstance(error, MemoryError):
            raise
        raise HarnessError(
            f"vLLM cannot run model {weights.model.name!r} from {folder}: {first_line(error)}; "
            "use provider transformers"
        ) from error
    coder = encoder(tokenizer)
    return VllmProvider(engine, coder, end_ids(folder, coder), weights.adapter)


def look_past_made_up_attributes() -> None:
    """Let the engine start where llvmlite is loaded, which numba brings and with it the retriever.

    vLLM 0.32 looks for its kernels in `vars` of whatever stands in a module, and fails where an object that answers for
    every attribute makes up that one too.
    """
    try:
        searching = import_module("vllm.triton_utils.dispatcher")
    except ImportError:  # another version
        return
    searching.__dict__["vars"] = _vars


def _vars(value: object) -> Mapping[str, object]:
    found: object = vars(value)
    return found if isinstance(found, Mapping) else {}


def engine_arguments(weights: TransformersSource, options: EngineOptions, folder: Path) -> dict[str, Any]:
    """What `vllm.LLM` is called with."""
    precision, adapter = weights.precision, weights.adapter
    context = context_tokens(folder, weights)
    arguments: dict[str, Any] = {
        "model": str(folder),
        "skip_tokenizer_init": True,
        "trust_remote_code": weights.runtime.trust_remote_code,
        "dtype": DTYPES[precision.dtype],
        "quantization": options.quantisation,
        "tensor_parallel_size": options.tensor_parallel or 1,
        "enforce_eager": options.eager,
        "enable_prefix_caching": True,
        "max_model_len": context,
        "disable_log_stats": True,
    }
    if precision.kind == "cpu":
        arguments["kv_cache_memory_bytes"] = _cpu_cache_bytes(weights, context)
    else:
        arguments["gpu_memory_utilization"] = options.memory_share
    if adapter is not None:
        # Not every layer: beside a widened output head the engine cannot measure a reference.
        layers = {"lora_target_modules": adapted_layers(adapter)}
        arguments |= {"enable_lora": True, "max_loras": 1, "max_lora_rank": lora_rank(adapter), **layers}
    return arguments


def lora_rank(adapter: Adapter) -> int:
    """The smallest rank that vLLM has room for and that holds the adapter's.

    Raises:
        HarnessError: the adapter's rank is above all of them.
    """
    for rank in LORA_RANKS:
        if adapter.rank <= rank:
            return rank
    raise HarnessError(
        f"adapter {adapter.folder} has rank {adapter.rank}, vLLM takes up to {LORA_RANKS[-1]}: "
        "use provider transformers"
    )


def context_tokens(folder: Path, weights: TransformersSource) -> int:
    """The model's context, within the positions that its config knows."""
    trusted = weights.runtime.trust_remote_code
    config = AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=trusted)
    positions = getattr(config.get_text_config(decoder=True), "max_position_embeddings", None)
    known = positions if isinstance(positions, int) and positions > 0 else weights.model.context_length
    return min(weights.model.context_length, known)


def end_ids(folder: Path, coder: Encoder) -> frozenset[int]:
    """Whatever ends an answer: by the generation config, by the tokenizer, and by the chat template."""
    told = None
    if (folder / "generation_config.json").is_file():
        told = GenerationConfig.from_pretrained(str(folder), local_files_only=True).eos_token_id
    several = told if isinstance(told, list) else [told]
    candidates = [*several, coder.tokenizer.eos_token_id, *turn_end_ids(coder)]
    return frozenset(token for token in candidates if token is not None)


class VllmProvider:
    """A running engine; see `base.Provider`. All prompts of a call are in it at once: it batches them itself."""

    def __init__(self, engine: Any, coder: Encoder, ends: frozenset[int], adapter: Adapter | None) -> None:  # noqa: ANN401 - vllm.LLM
        self._engine: Any = engine
        self.coder = coder
        self.end_ids = ends
        self.context_tokens: int = engine.model_config.max_model_len
        self._adapter = adapter
        self._calls = 0

    def generate(self, prompts: Sequence[Prompt], decoding: Decoding) -> Iterator[Answer]:
        """Answer the prompts, in their order; each is given as soon as it and those before it are complete.

        Prompts are cut, logs of probabilities and tokens counted as by the transformers provider. A prompt's reference
        is measured in a request of its own, behind all answers.
        """
        started = perf_counter()
        coded = self._encode(prompts, decoding)
        asked = [Asked(row=item, measured=self._fits(item)) for item in coded if isinstance(item, Encoded)]
        requests = {f"answer-{place}": self._question(each, decoding) for place, each in enumerate(asked)}
        requests |= self._references(asked)
        waiting = iter(self._run(requests, asked, decoding, started))
        place = 0
        for item in coded:
            if isinstance(item, Unencodable):
                yield failed(item.reason, perf_counter() - started)
                continue
            while not asked[place].is_settled:
                next(waiting)
            yield self._answer(asked[place], decoding, len(asked))
            place += 1

    def reference_nll(self, prompts: Sequence[Prompt]) -> Iterator[float | None]:
        """Nats per token of each prompt's reference; the prompt leaves the room for an answer of default length."""
        coded = self._encode(prompts, Decoding())
        asked = [Asked(row=item, measured=self._fits(item)) for item in coded if isinstance(item, Encoded)]
        for _ in self._run(self._references(asked), asked, Decoding(), perf_counter()):
            pass
        found = iter(asked)
        for item in coded:
            yield next(found).loss if isinstance(item, Encoded) else None

    def close(self) -> None:
        """Stop the engine, with any process it started, and free its memory."""
        if self._engine is not None:
            self._engine.llm_engine.engine_core.shutdown()
            self._engine = None
            free_engine()

    def _encode(self, prompts: Sequence[Prompt], decoding: Decoding) -> list[Encoded | Unencodable]:
        room = self.context_tokens - decoding.max_new_tokens
        return [encode(prompt, self.coder, room) for prompt in prompts]

    def _fits(self, row: Encoded) -> bool:
        """Whether the row has a reference that can be measured: the engine needs room for one more token."""
        return bool(row.reference) and len(row.ids) + len(row.reference or ()) < self.context_tokens

    def _question(self, asked: Asked, decoding: Decoding) -> tuple[Sequence[int], Any]:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        seed = row_seed(decoding.seed, asked.row.ids) if decoding.temperature else None
        return asked.row.ids, SamplingParams(
            temperature=decoding.temperature,
            top_p=decoding.top_p,
            seed=seed,
            max_tokens=decoding.max_new_tokens,
            stop_token_ids=sorted(self.end_ids),
            logprobs=0,
            flat_logprobs=True,
            detokenize=False,
            output_kind=RequestOutputKind.CUMULATIVE if any(decoding.stop) else RequestOutputKind.FINAL_ONLY,
        )

    def _references(self, asked: Sequence[Asked]) -> dict[str, tuple[Sequence[int], Any]]:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        params = SamplingParams(
            temperature=0,
            max_tokens=1,
            prompt_logprobs=0,
            flat_logprobs=True,
            detokenize=False,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        return {
            f"reference-{place}": ((*each.row.ids, *(each.row.reference or ())), params)
            for place, each in enumerate(asked)
            if each.measured
        }

    def _run(
        self,
        requests: Mapping[str, tuple[Sequence[int], Any]],
        asked: Sequence[Asked],
        decoding: Decoding,
        started: float,
    ) -> Iterator[None]:
        """Step the engine until all requests are done, and settle the rows; what is left if nobody asks is aborted."""
        from vllm import TokensPrompt

        engine = self._running().llm_engine
        watch = Watch(started=started, stopped=stop_finder(self.coder.tokenizer, decoding.stop))
        self._calls += 1
        left = {f"{self._calls}-{name}": name for name in requests}
        try:
            for key, name in left.items():
                ids, params = requests[name]
                prompt = TokensPrompt(prompt_token_ids=list(ids))
                engine.add_request(key, prompt, params, lora_request=self._lora())
            while left:
                for output in engine.step():
                    known = output.request_id in left
                    if known and self._settle(asked, left[output.request_id], output, watch):
                        del left[output.request_id]
                yield
        finally:
            if left:
                engine.abort_request(list(left))

    def _settle(self, asked: Sequence[Asked], name: str, output: Any, watch: "Watch") -> bool:  # noqa: ANN401 - vllm's
        """Note what came of a request; returns whether nothing more comes of it."""
        kind, _, place = name.partition("-")
        row = asked[int(place)]
        if kind == "reference":
            row.loss = _loss(output, row.row) if output.finished else None
            return row.loss is not None
        row.ids, row.output = _said(output, self.end_ids), output
        row.stopped = watch.stopped(row.ids)
        if row.stopped and not output.finished:
            self._running().llm_engine.abort_request([output.request_id])
        if row.stopped or output.finished:
            row.latency_s = perf_counter() - watch.started
        return row.latency_s is not None

    def _lora(self) -> Any:  # noqa: ANN401 - vllm's LoRARequest
        if self._adapter is None:
            return None
        from vllm.lora.request import LoRARequest

        return LoRARequest(self._adapter.name, 1, str(self._adapter.folder))

    def _running(self) -> Any:  # noqa: ANN401 - vllm.LLM
        if self._engine is None:
            raise RuntimeError("the provider is closed")
        return self._engine

    def _answer(self, asked: Asked, decoding: Decoding, concurrency: int) -> Answer:
        logprobs = tuple(asked.output.outputs[0].logprobs.logprobs)
        failed = not all(map(isfinite, logprobs))  # the end token's too
        text, kept = ("", 0) if failed else cut_at_stop(self.coder.tokenizer, asked.ids, decoding.stop)
        reason: FinishReason = "stop" if asked.stopped or len(asked.ids) < decoding.max_new_tokens else "length"
        return Answer(
            text=text,
            prompt_tokens=len(asked.row.ids),
            output_tokens=kept,
            latency_s=asked.latency_s or 0.0,
            concurrency=concurrency,
            finish_reason="error" if failed else reason,
            logprobs=None if failed else logprobs[:kept],
            reference_nll=asked.loss,
            truncated_passages=asked.row.truncated_passages,
            bos_count=asked.row.bos_count,
            error=NOT_FINITE if failed else None,
        )


def free_failed(error: BaseException) -> None:
    """Free an engine that did not start: the frames of its error hold it, and so do those of the errors before."""
    reason: BaseException | None = error
    while reason is not None:
        clear_frames(reason.__traceback__)
        reason = reason.__cause__ or reason.__context__
    free_engine(freeze=False)


def free_engine(*, freeze: bool = True) -> None:
    """Free what an engine leaves in this process: its groups, its weights, the device's cache.

    Without `freeze`, what is still held stays open to later collections.
    """
    from vllm.distributed.parallel_state import cleanup_dist_env_and_memory

    frozen = gc.get_freeze_count()
    cleanup_dist_env_and_memory()
    if frozen and freeze:
        gc.freeze()  # it thaws what was kept out of collections
    return_freed_memory()


def row_seed(seed: int, ids: Iterable[int]) -> int:
    """One stream per seed and prompt, whatever else the engine answers; within 63 bits."""
    return int.from_bytes(sha256(f"{seed}:{','.join(map(str, ids))}".encode()).digest()[:8]) >> 1


def _said(output: Any, ends: frozenset[int]) -> Sequence[int]:  # noqa: ANN401 - vllm's RequestOutput
    """The answer's tokens so far, without the end token."""
    ids: Sequence[int] = output.outputs[0].token_ids
    return ids[:-1] if len(ids) and ids[-1] in ends else ids


def _loss(output: Any, row: Encoded) -> float:  # noqa: ANN401 - vllm's RequestOutput
    """Mean negative log-likelihood of the reference, the last tokens of what was read."""
    told = output.prompt_logprobs
    count = len(row.reference or ())
    total: float = sum(told.logprobs[start] for start in told.start_indices[-count:])
    return -total / count


def _cpu_cache_bytes(weights: TransformersSource, context: int) -> int:
    """Room for keys and values: at least for one prompt that fills the context."""
    try:
        rate = memory_rates(weights.model, weights.precision.dtype).cache_bytes_per_token
    except SizeUnknown:
        rate = 0
    return int(max(CPU_CACHE_GB * GB, CACHE_SLACK * rate * context))
