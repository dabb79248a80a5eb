"""The ladder made again from its seed: world, tokenizer, models, what they can do, and the card."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness.pocket.card import card_text
from harness.pocket.dataset import file_text, passage_line, passages, question_line, questions, shot_line, shots
from harness.pocket.measure import exams, measure
from harness.pocket.recipe import MODES, RECIPE, SIZES, Mode, Recipe
from harness.pocket.world import SEED, World, make_world

FOLDER = Path(__file__).parents[1] / "data" / "pocket"
MEASURED = "measured.json"
CARD = "README.md"
REPORTED_SEED = 77
TUNING_SEED = 101
ADAPTED = ("s", "m")
"""The sizes that have adapters."""

Row = Mapping[str, Any]
"""The marks of one model: its size and seed, the mode of its adapter if it has one, and its marks by exam."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is made: `sizes` by name, each from `seeds` seeds, of which the first ships; `processes` train at a time."""

    folder: Path
    sizes: tuple[str, ...] = tuple(SIZES)
    seeds: int = 3
    recipe: Recipe = RECIPE
    processes: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One model to train; it ships when its seed is 0."""

    size: str
    seed: int
    folder: Path
    recipe: Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneJob:
    """One adapter to train on a shipped model; it ships when its seed is 0."""

    size: str
    mode: Mode
    seed: int
    folder: Path
    recipe: Recipe


def world_files(world: World) -> Mapping[str, str]:
    """The files of the world by name, the same bytes for the same seed."""
    return {
        "corpus.jsonl": file_text(map(passage_line, passages(world))),
        "questions.jsonl": file_text(map(question_line, questions(world))),
        "shots.jsonl": file_text(map(shot_line, shots(world))),
    }


def build(plan: Plan, told: Callable[[str], None]) -> None:
    """Make everything in the plan's folder; `told` hears what is done.

    What was measured there of sizes that the plan leaves out stays; every result is kept as soon as it is there.

    Raises:
        OSError: the folder cannot be written.
    """
    plan.folder.mkdir(parents=True, exist_ok=True)
    for name, text in world_files(make_world(SEED)).items():
        (plan.folder / name).write_text(text, encoding="ascii")
    found = [row for row in read_measured(plan.folder) if row["size"] not in plan.sizes]
    largest_first = tuple(reversed(plan.sizes))  # so that no long job is left for the end
    jobs = [
        Job(size=size, seed=seed, folder=plan.folder, recipe=plan.recipe)
        for seed in range(plan.seeds)
        for size in largest_first
    ]
    tunings = [
        TuneJob(size=size, mode=mode, seed=seed, folder=plan.folder, recipe=plan.recipe)
        for seed in range(plan.seeds)
        for size in ADAPTED
        if size in plan.sizes
        for mode in MODES
    ]
    with _pool(plan.processes) as pool:
        trained = _told(pool.map(train_one, jobs), told)
        for row in chain(trained, _told(_later(pool, tunings), told)):
            found.append(row)
            write_measured(plan.folder, found)
    write_card(plan.folder)


def read_measured(folder: Path) -> list[Row]:
    """What was measured, a row for each model and adapter; none where nothing was."""
    file = folder / MEASURED
    rows: list[Row] = json.loads(file.read_text(encoding="ascii")) if file.is_file() else []
    return rows


def write_measured(folder: Path, rows: Sequence[Row]) -> None:
    """Write what was measured, a model a line: by size, seed and adapter."""
    ordered = sorted(rows, key=lambda row: (list(SIZES).index(row["size"]), row["seed"], row.get("adapter", "")))
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in ordered)
    (folder / MEASURED).write_text(f"[\n{lines}\n]\n", encoding="ascii")


def write_card(folder: Path) -> None:
    """Write the card from what was measured."""
    (folder / CARD).write_text(expected_card(folder), encoding="utf-8")


def expected_card(folder: Path) -> str:
    """The card that belongs to the folder's files."""
    return card_text(folder, read_measured(folder))


def train_one(job: Job) -> Row:
    """Train and measure one model; its folder is kept when it ships."""
    import torch

    from harness.pocket.lessons import Teacher
    from harness.pocket.tokenizer import Coder, make_tokenizer
    from harness.pocket.train import Course, make_model, optimisers_of, save, train

    torch.set_num_threads(1)
    world = make_world(SEED)
    tokenizer = make_tokenizer(world)
    size = SIZES[job.size]
    model = make_model(size, tokenizer, job.seed)
    course = Course(recipe=job.recipe, optimisers=optimisers_of(model, job.recipe, size))
    train(model, Teacher(world, Coder(tokenizer), job.seed), course)
    with TemporaryDirectory() as scratch:
        folder = job.folder / job.size if job.seed == 0 else Path(scratch)
        save(model, tokenizer, folder)
        return {"size": job.size, "seed": job.seed, "exams": _measured(folder, world)}


def tune_one(job: TuneJob) -> Row:
    """Train an adapter and measure the shipped model with it; its folder is kept when it ships."""
    import torch

    from harness.pocket.adapters import add_adapter, load_base, save_adapter, tune, tuning
    from harness.pocket.lessons import Teacher
    from harness.pocket.tokenizer import Coder, make_tokenizer

    torch.set_num_threads(1)
    world, seed = make_world(SEED), TUNING_SEED + job.seed
    model = load_base(job.folder / job.size)
    add_adapter(model, seed)
    tune(model, Teacher(world, Coder(make_tokenizer(world)), seed), tuning(job.mode, job.recipe))
    with TemporaryDirectory() as scratch:
        shipped = job.folder / "adapters" / f"{job.size}-{job.mode}"
        folder = shipped if job.seed == 0 else Path(scratch)
        save_adapter(model, SIZES[job.size], folder)
        exams_of = _measured(job.folder / job.size, world, folder)
        return {"size": job.size, "seed": job.seed, "adapter": job.mode, "exams": exams_of}


def _measured(folder: Path, world: World, adapter: Path | None = None) -> Mapping[str, object]:
    found = measure(folder, exams(world, "reported_on", REPORTED_SEED), adapter)
    return {name: asdict(marks) for name, marks in found.items()}


def _told(rows: Iterable[Row], told: Callable[[str], None]) -> Iterator[Row]:
    for row in rows:
        adapter = f", adapter {row['adapter']}" if "adapter" in row else ""
        told(f"pocket-{row['size']}{adapter}, seed {row['seed']}: trained and measured")
        yield row


def _later(pool: ProcessPoolExecutor, jobs: Sequence[TuneJob]) -> Iterator[Row]:
    """Adapters are begun when the models that they belong to are there."""
    yield from pool.map(tune_one, jobs)


def _pool(processes: int) -> ProcessPoolExecutor:
    # Threads that spin while they wait slow the other process down; one core each is what the sizes need.
    os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive", "TOKENIZERS_PARALLELISM": "false"}
    return ProcessPoolExecutor(processes, mp_context=get_context("spawn"))
