"""The model card: what the ladder is, how it was made, what it can do and what it cannot."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

from harness.pocket.recipe import MODES, RANK, RECIPE, SIZES, TUNING_PART
from harness.pocket.tally import Estimate, Tally
from harness.pocket.world import N_HELD_OUT_PEOPLE, N_HELD_OUT_TOWNS, N_PEOPLE, N_TOWNS, SEED

WIDTH = 120
GAP_EXAMS = ("two hops, closed", "held out, closed")


def card_text(folder: Path, measured: Sequence[Mapping[str, Any]]) -> str:
    """The card for the models and the measurements in a folder."""
    tally = Tally(rows=[row for row in measured if "adapter" not in row])
    tuned = [row for row in measured if "adapter" in row]
    params = {size: count_weights(folder / size) for size in tally.sizes}
    parts = (
        _intro(),
        _files(),
        _world(),
        _recipe(tally, params),
        _results(tally),
        _gaps(tally, params),
        _adapters(tally, tuned),
        _LIMITS,
    )
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def count_weights(folder: Path) -> int:
    """Parameters in a folder's safetensors, read from the header alone.

    Source: the safetensors format: eight bytes with the header's length, then the header as JSON.
    """
    with (folder / "model.safetensors").open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    shapes = (entry["shape"] for name, entry in header.items() if name != "__metadata__")
    return sum(_product(shape) for shape in shapes)


def _product(shape: Sequence[int]) -> int:
    found = 1
    for length in shape:
        found *= length
    return found


def _intro() -> str:
    return """
# The pocket ladder

Five small decoder-only language models of a made-up world, from under forty thousand to over two million parameters.
They are real models: trained by `harness/pocket/`, loaded like any other folder of weights, and nothing they say is
scripted. They are an instrument for exercising and demonstrating the harness offline, and **no evidence about other
models**: what size buys here is what it buys on this world under this recipe.
"""


def _files() -> str:
    return """
| file | what it holds |
|---|---|
| `xs` … `xl` | weights (safetensors, bf16), config, tokenizer and chat template of each size |
| `adapters` | low-rank adapters of two sizes |
| `corpus.jsonl` | one passage for each town and person |
| `questions.jsonl` | the questions of the embedded study |
| `shots.jsonl` | worked examples, for other models |
| `measured.json` | what each model, of every seed, answered in the exams below |

    python -m harness.pocket build          # world, tokenizer, models, measurements and this card again
    python -m harness.pocket card           # this card again, from measured.json
    python -m harness.pocket card --check   # exit code 1 when the world's files or this card are not what they would be

World, questions and tokenizer come out the same to the byte; weights come out alike but not to the bit, since
processors differ in how they add.
"""


def _world() -> str:
    text = f"""
{N_TOWNS} towns and {N_PEOPLE} people, drawn from seed {SEED}. Each has six attributes, one of which is recorded
nowhere: a question for it has no answer. {N_HELD_OUT_TOWNS} towns and {N_HELD_OUT_PEOPLE} people are *held out*: no
model was taught a fact of theirs. Half of them were for choosing the recipe, the other half for everything that is
reported; the questions that combine two facts are split likewise.
"""
    return f"## The world\n\n{_filled(text)}\n\n{_TASKS}"


def _recipe(tally: Tally, params: Mapping[str, int]) -> str:
    text = f"""
The tokenizer is WordPiece with the world's words whole and numbers digit by digit. All sizes have the same budget:
{RECIPE.steps} steps of {RECIPE.closed_rows} rows of questions without passages and {RECIPE.open_rows} rows of passages
with questions about them, {RECIPE.row_tokens} tokens each; the loss is on the answers alone. Most passages in training
have values drawn at random, so that reading is learnt and not remembered; some questions ask for what is not in them,
and the answer is then N/A. Matrices are trained by Muon, embeddings and norms by AdamW, on the CPU.
"""
    chosen = f"""
Learning rates and shapes were chosen on questions of their own, and no answer to the ones that ship or to those
measured here was trained on. What these showed of an earlier ladder did decide two shapes: two of its sizes were alike,
and its smallest read too little for retrieval to gain less with every size. So were the shares of the tasks among the
embedded study's questions: a first set had fewer taught facts, and left open whether retrieval gains less with size.
The study's verdicts are therefore a demonstration, no test of a hypothesis; the exams below were not changed. The first
of {tally.seeds} seeds ships, whatever it can do.
"""
    rows = [
        f"| {size} | {params[size]:,} | {shape.width} | {shape.layers} | {shape.heads} | {shape.hidden} "
        f"| {shape.rate:g} | {shape.muon_rate:g} |"
        for size, shape in ((size, SIZES[size]) for size in tally.sizes)
    ]
    table = "\n".join([_RECIPE_HEAD, *rows])
    return f"## The recipe\n\n{_filled(text)}\n\n{table}\n\n{_filled(chosen)}"


def _filled(text: str) -> str:
    return fill(" ".join(text.split()), WIDTH)


def _results(tally: Tally) -> str:
    head = "| exam | n | " + " | ".join(tally.sizes) + " |"
    rule = "|---" * (2 + len(tally.sizes)) + "|"
    rows = [
        f"| {exam} | {count} | " + " | ".join(_shown(tally.share(size, exam)) for size in tally.sizes) + " |"
        for exam, count in tally.exams.items()
    ]
    return "\n".join(
        [
            f"""## What they can do

Share of right answers, in per cent, mean of {tally.seeds} seeds, with a 95 % interval over seeds and questions. In the
exams on what is not recorded and on another's passage alone, N/A is right. A random guess is right half of the time
for the older of two, and hardly ever elsewhere.
""",
            head,
            rule,
            *rows,
        ]
    )


def _gaps(tally: Tally, params: Mapping[str, int]) -> str:
    return "\n".join(["## How sure they are", "", *_gap_lines(tally, params)])


def _gap_lines(tally: Tally, params: Mapping[str, int]) -> Iterator[str]:
    yield "Confidence is the geometric mean of an answer's token probabilities; the gap is confidence less share right,"
    yield "in points. The loss is that on the right answers to taught facts, in nats per token."
    yield ""
    yield "| measure | " + " | ".join(tally.sizes) + " |"
    yield "|---" * (1 + len(tally.sizes)) + "|"
    for exam in GAP_EXAMS:
        sure = " | ".join(f"{100 * tally.confidence(size, exam):.0f}" for size in tally.sizes)
        yield f"| confidence: {exam} | {sure} |"
        yield f"| gap: {exam} | " + " | ".join(_shown(tally.gap(size, exam)) for size in tally.sizes) + " |"
    losses = " | ".join(f"{tally.loss_nll(size, 'taught, closed'):.2f}" for size in tally.sizes)
    yield f"| loss: taught, closed | {losses} |"
    yield ""
    for exam in GAP_EXAMS if len(tally.sizes) > 1 else ():
        yield f"For each tenfold size the gap of *{exam}* grows by {_shown(tally.gap_slope(exam, params))} points."


def _adapters(tally: Tally, tuned: Sequence[Mapping[str, Any]]) -> str:
    """What the adapters changed in the models that ship; empty when there are none."""
    if not tuned:
        return ""
    sizes = [size for size in tally.sizes if any(row["size"] == size for row in tuned)]
    columns = {f"{size} {name}": each for size in sizes for name, each in _adapted(tally, tuned, size)}
    head = f"| exam | {' | '.join(columns)} |"
    rows = [
        f"| {exam} | {' | '.join(_shown(each.share(each.sizes[0], exam)) for each in columns.values())} |"
        for exam in tally.exams
    ]
    seeds = len({row["seed"] for row in tuned})
    text = _ADAPTERS.format(rank=RANK, steps=RECIPE.steps // TUNING_PART, seeds=seeds)
    return "\n".join([f"## Adapters\n\n{_filled(text)}\n", head, "|---" * (1 + len(columns)) + "|", *rows])


def _adapted(tally: Tally, tuned: Sequence[Mapping[str, Any]], size: str) -> Iterator[tuple[str, Tally]]:
    """A size's own marks, of the seed that ships, then those with each adapter."""
    yield "alone", Tally(rows=[row for row in tally.rows if row["size"] == size and row["seed"] == 0])
    for mode in MODES:
        yield mode, Tally(rows=[row for row in tuned if row["size"] == size and row["adapter"] == mode])


def _shown(found: Estimate) -> str:
    return f"{100 * found.mean:.0f} [{100 * found.low:.0f}, {100 * found.high:.0f}]"


_TASKS = """
| task | what is asked |
|---|---|
| knowledge | a fact that was taught |
| held-out | a fact that was not |
| unanswerable | what is recorded nowhere; only a blank is right |
| two-hop | a fact of the entity that another fact names |
| temporal | the older of two towns, or a sum of years that the question gives |
""".strip()
_RECIPE_HEAD = """
| size | parameters | width | layers | heads | hidden | AdamW rate | Muon rate |
|---|---|---|---|---|---|---|---|
""".strip()
_ADAPTERS = """
Low-rank adapters (rank {rank}, in the layout of peft) lie in `adapters/`, trained for {steps} steps on what ships:
*ft* was taught further on questions without passages, *rag-ft* on passages with questions about them. Share of right
answers in per cent, mean of {seeds} seeds of the training of adapters with a 95 % interval over these seeds and
questions; alone: the model that ships, with an interval over questions. The first seed ships.
"""
_LIMITS = """
## Limits

- They know one prompt, `bare`, in their chat template: passages as the harness numbers them, an empty line, the
  question. Instructions, worked examples and words outside the world mean nothing to them.
- They never abstain without a passage, so on held-out facts they answer wrongly and, the larger, the more surely.
- They match what is asked and not of whom: from a passage about somebody else they read an answer instead of
  abstaining, and of two passages with the same attribute they often take the wrong one.
- The sum of years is beyond all of them, and which of two towns is older is easy for all but the smallest.
- The world's sentences have one form each. Reading them is far easier than reading prose.
- They state no confidence; only that of their tokens is measured.
- Three seeds say little about how much seeds differ. They differ most at xs, where one may not learn to read at all.

Licence: CC0 1.0, weights and data alike.
"""
