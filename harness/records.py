"""The values that pass between the parts: frozen, keyword-only, standard library only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Quantisation = Literal["fp32", "bf16", "fp16", "8bit", "4bit"]
AnswerType = Literal["text", "number", "range", "list", "boolean", "choice"]
Context = Literal["none", "retrieved", "gold", "distractor"]
FinishReason = Literal["stop", "length", "refusal", "content_filter", "error"]
Outcome = Literal["correct", "wrong", "blank", "unparsed", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The sizes in a decoder's config that decide its memory; bytes follow from them and from the precision."""

    layers: int
    hidden_size: int
    attention_heads: int
    kv_heads: int
    head_dim: int
    intermediate_size: int
    vocab_size: int
    tied_embeddings: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """One model of the registry or of the study file.

    `params_b` and `active_params_b` are in billions; `memory_gb` maps a quantisation to gigabytes as once measured.
    Weights are named by any of `path` (folder of safetensors, or a GGUF file), `package` + `package_file` (a GGUF
    inside an installed distribution, `package` as a pip requirement), `hub_id` + `revision`, or `server_name`;
    `options` go to the provider; `adapters` maps the name of a low-rank adapter to its folder.
    """

    name: str
    family: str
    params_b: float | None
    context_length: int
    title: str = ""
    aliases: tuple[str, ...] = ()
    active_params_b: float | None = None
    params_source: str = ""
    params_estimated: bool = False
    memory_gb: Mapping[str, float] = field(default_factory=dict)
    shape: Shape | None = None
    batch_size: int | None = None
    max_new_tokens: int | None = None
    capabilities: frozenset[str] = frozenset()
    provider: str = "transformers"
    hub_id: str | None = None
    revision: str | None = None
    path: str | None = None
    package: str | None = None
    package_file: str | None = None
    server_name: str | None = None
    licence: str = ""
    options: Mapping[str, object] = field(default_factory=dict)
    adapters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """A machine as far as choosing a model goes; `memory_gb` is what one model may use."""

    name: str
    title: str
    kind: Literal["cuda", "mps", "cpu"]
    memory_gb: float
    quantisation: Quantisation
    batch_size: int
    suggested: tuple[str, ...] = ()
    flash_attention: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A piece of the corpus, the unit of retrieval."""

    id: str
    text: str
    title: str = ""
    document: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question with its accepted answers; an unanswerable one has none, and a blank is then correct.

    `cluster` names what questions share (document, passage or topic), the unit of resampling. `tolerance` is
    absolute, in the unit of the answer. `options` are the choices of a choice question.
    """

    id: str
    text: str
    answers: tuple[str, ...]
    answer_type: AnswerType = "text"
    dataset: str = ""
    unit: str = ""
    tolerance: float | None = None
    gold_passages: tuple[str, ...] = ()
    cluster: str = ""
    task: str = ""
    tags: tuple[str, ...] = ()
    answerable: bool = True
    options: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """How a question becomes a prompt, and which weights answer it."""

    name: str
    context: Context
    quantisation: Quantisation | None = None
    adapter: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Model x condition x repeat: the unit of work and of aggregation."""

    model: ModelSpec
    condition: Condition
    repeat: int = 0
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One question asked of one cell; `label` is the pytest id and is looked up, never parsed."""

    cell: Cell
    question: Question
    label: str

    @property
    def model(self) -> str:
        """The model's name."""
        return self.cell.model.name

    @property
    def condition(self) -> str:
        """The condition's name."""
        return self.cell.condition.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A worked example for a few-shot prompt, from outside the evaluated questions."""

    question: str
    answer: str
    passages: tuple[Passage, ...] = ()
    refs: tuple[str, ...] = ()
    explanation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A named way to ask; `reader` says how the answer text is read back, `hash` covers every field.

    With `chat` off the turns are plain text to be continued, as a base model is asked, and no chat template is used.
    """

    name: str
    system: str
    user: str
    user_with_passages: str
    reader: Literal["line", "json", "cited", "cot"]
    shots: tuple[Shot, ...] = ()
    chat: bool = True
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a model is asked, before its own chat template.

    Passages are kept apart from the text so that a provider which counts tokens can drop them from the end.
    `reference` is the gold answer whose negative log-likelihood is measured under this prompt; it is never shown.
    """

    template: Template
    question: str
    passages: tuple[Passage, ...] = ()
    condition: str = ""
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """How text is drawn; temperature 0 is greedy, and a seed then changes nothing."""

    max_new_tokens: int = 64
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """How weights are loaded on this machine; `adapter` names one of the model's own."""

    dtype: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    device: str = "auto"
    quantisation: Quantisation | None = None
    download: bool = False
    trust_remote_code: bool = False
    adapter: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one model said to one prompt, or why it said nothing.

    `logprobs` has one natural log per generated token, or is None when the provider cannot report them; it is never
    filled with zeros. `latency_s` runs from the start of the batch to this answer's last token, among `concurrency`
    prompts answered together. `reference_nll` is the mean negative log-likelihood, in nats per token, of the prompt's
    reference. With `error` set, the text is empty and the case counts as a failure, not as a wrong answer.
    """

    text: str
    prompt_tokens: int
    output_tokens: int
    latency_s: float
    concurrency: int = 1
    finish_reason: FinishReason = "stop"
    logprobs: tuple[float, ...] | None = None
    reference_nll: float | None = None
    truncated_passages: int = 0
    bos_count: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """An answer's text read as its template asked for.

    `value` is the bare answer; `refs` the passage ids it cites; `confidence` a stated one in [0, 1] or None.
    `problem` is the reason when the text could not be read ("unparsed"), else None.
    """

    value: str
    refs: tuple[str, ...] = ()
    confidence: float | None = None
    explanation: str = ""
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that a metric may look at for one case."""

    question: Question
    answer: Answer
    reading: Reading
    passages: tuple[Passage, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One metric's word on one case; `value` is None exactly when `reason` says why it is unscored."""

    metric: str
    version: int
    value: float | None
    reason: str | None = None

    @property
    def column(self) -> str:
        """The column of the case table: `NAME@VERSION`."""
        return f"{self.metric}@{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSpec:
    """Where a data set comes from: `builtin` by name, or `path` with an optional `corpus`, relative to `base`.

    `cluster` names the question field that overrides the cluster; `gamma` is the chance floor of accuracy in [0, 1).
    """

    name: str
    base: str = "."
    path: str | None = None
    builtin: str | None = None
    corpus: str | None = None
    shots: str | None = None
    cluster: str | None = None
    gamma: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Questions, the corpus they are asked over, and worked examples; `hash` covers all three."""

    name: str
    questions: tuple[Question, ...]
    passages: tuple[Passage, ...] = ()
    shots: tuple[Shot, ...] = ()
    gamma: float = 0.0
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrieverSpec:
    """A retriever as a value; `options` are its kind's own."""

    kind: str = "bm25"
    top_k: int = 3
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """All that is known of one planned case when the run is told.

    `outcome` is None while the case is unanswered. `answer` and `reading` are None exactly when there is no stored
    answer; `error` is then the last failure, or None when the case was never tried. `primary` is one of `scores`.
    `flipped` says whether the same prompt, asked again by itself, got another text; None where that was not checked.
    """

    case: Case
    key: str
    outcome: Outcome | None
    answer: Answer | None = None
    reading: Reading | None = None
    passages: tuple[Passage, ...] = ()
    scores: tuple[Score, ...] = ()
    primary: Score | None = None
    confidence: float | None = None
    confidence_source: str | None = None
    error: str | None = None
    flipped: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What the options say over the study file; an empty tuple or None leaves the file's word."""

    models: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    limit: int | None = None
    provider: str | None = None
    download: bool = False
    quantisation: Quantisation | None = None
    batch_size: int | Literal["auto"] | None = None
    extra_models: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
