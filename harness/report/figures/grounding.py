"""How well answers stand on their passages, by model size."""

from harness.analysis.refusals import Refused
from harness.report import wording
from harness.report.figures.clouds import Cloud, condition_key, first_and_last, sized, too_few_sizes
from harness.report.figures.figure import Figure, FigureData
from harness.report.figures.look import look_of
from harness.report.figures.parts import metric_readings
from harness.report.figures.sizes import BESIDE, cloud_sheet, cloud_words
from harness.report.figures.words import reasons, sentence, whole

HEADINGS = {
    "faithfulness": "Faithfulness",
    "hallucination": "Hallucination (lower is better)",
    "answer_in_context": "Answer in the passages",
    "context_recall": "Recall of the context",
}


def groundedness_by_size(data: FigureData, width: int) -> Figure | Refused:
    """Faithfulness, hallucination, answer in context and context recall of every retrieval cell, a panel each."""
    retrieval = {arm.condition for arm in data.analysis.compared.arms if arm.context == "retrieved"}
    parts = {HEADINGS[name]: metric_readings(data, (name,)) for name in HEADINGS}
    kept = {
        heading: found
        for heading, part in parts.items()
        if not isinstance(part, Refused) and (found := [one for one in sized(part) if one.condition in retrieval])
    }
    everything = [one for part in kept.values() for one in part]
    if not everything:
        return Refused(reason=f"no retrieval cell has a value of {', '.join(HEADINGS)}")
    if (why := too_few_sizes(everything)) is not None:
        return why
    look = look_of(data)
    heading, part = next(iter(kept.items()))
    first, last = first_and_last(part)
    key = condition_key(look, everything)
    return Figure(
        stem="groundedness_by_size",
        title="How well answers stand on their passages",
        alt=(
            f"{heading} under {look.condition_names[first.condition]} goes from {whole(first.value)} "
            f"({wording.size(first.params_b)}) to {whole(last.value)} ({wording.size(last.params_b)})."
        ),
        caption=sentence(
            cloud_words(look, everything),
            "Retrieval cells only.",
            BESIDE if len(key) > 1 else "",
            reasons(dict(parts)),
        ),
        spec=cloud_sheet(look, kept, Cloud(named=(), unit="%"), width, key),
        width=width,
    )
