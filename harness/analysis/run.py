"""What the analysis must know of a run beside its results."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from harness.records import Condition, RetrieverSpec

OPTIONS = ("embedding_model", "reranker", "query_transform")  # of a retriever, as the published factors name them


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """One run of one study.

    `primary` says in words how correctness is judged, `correct_at` is the least primary score that counts as correct,
    `margin` the declared margin of non-inferiority as a share. `planned` counts the cases of the whole study, so that
    results which never arrived are seen. `higher_is_better` maps a metric's name to its direction, `gammas` a data set
    to its chance floor in [0, 1). `seed` is the study's and seeds every draw. `factors` maps a condition's name to the
    levels of the factors of its retrieval ("retriever_type", "top_k", ...); `prompt` follows from the data set's
    template where a condition does not name one.
    """

    run: str
    study: str
    primary: str
    planned: int
    correct_at: float = 1.0
    margin: float = 0.05
    seed: int = 0
    manifest: Mapping[str, object] = field(default_factory=dict)
    higher_is_better: Mapping[str, bool] = field(default_factory=dict)
    gammas: Mapping[str, float] = field(default_factory=dict)
    factors: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


def retrieval_factors(conditions: Iterable[Condition], retriever: RetrieverSpec) -> dict[str, dict[str, object]]:
    """The levels of the published factors of each condition with retrieved passages, by its name.

    An option that the retriever does not have is at the level "none".
    """
    options = {"embedding_model": retriever.options.get("model", "none"), **retriever.options}
    levels = {name: str(options.get(name, "none")) for name in OPTIONS}
    told: dict[str, object] = {"retriever_type": retriever.kind, "top_k": retriever.top_k, **levels}
    return {condition.name: dict(told) for condition in conditions if condition.context == "retrieved"}
