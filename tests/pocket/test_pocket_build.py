"""The build: a small one makes every file, and what ships is what its card says."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.pocket import __main__ as program
from harness.pocket import build as building
from harness.pocket.build import CARD, FOLDER, MEASURED, Job, Plan, build, expected_card, train_one, world_files
from harness.pocket.card import count_weights
from harness.pocket.measure import exams
from harness.pocket.recipe import MODES, RECIPE, SIZES
from harness.pocket.tally import Tally
from harness.pocket.world import make_world
from harness.registry.catalog import find_model, load_catalog, match_models
from harness.registry.memory import count_params

WORLD = make_world()
EXAMS = exams(WORLD, "reported_on", 1)
TINY = replace(RECIPE, steps=2, closed_rows=1, open_rows=1, row_tokens=64)


def measured(right: dict[str, list[list[int]]], confidence: int) -> Tally:
    """Marks of one exam by size: one list of right answers a seed."""
    rows = [
        {
            "size": size,
            "seed": seed,
            "exams": {"e": {"right": each, "confidence": [confidence] * len(each), "loss_nll": 1.0}},
        }
        for size, seeds in right.items()
        for seed, each in enumerate(seeds)
    ]
    return Tally(rows=rows)


@pytest.fixture(scope="module")
def ladder(tmp_path_factory):
    """A ladder of one size, trained for two steps in this process, measured on a few questions."""
    folder = tmp_path_factory.mktemp("ladder")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "ProcessPoolExecutor", Here)
        patch.setattr(building, "exams", lambda *_: {name: exam[:3] for name, exam in EXAMS.items()})
        told: list[str] = []
        patch.setattr(building, "ADAPTED", ("xs",))
        build(Plan(folder=folder, sizes=("xs",), seeds=2, recipe=TINY), told.append)
    return folder, told


class Here:
    """A pool whose work is done in this process."""

    def __init__(self, *_args, **_settings) -> None:
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        pass

    map = staticmethod(map)


def test_a_build_makes_every_file(ladder) -> None:
    folder, told = ladder
    assert {path.name for path in folder.iterdir()} == {*world_files(WORLD), MEASURED, CARD, "xs", "adapters"}
    assert told == [
        *(f"pocket-xs, seed {seed}: trained and measured" for seed in (0, 1)),
        *(f"pocket-xs, adapter {mode}, seed {seed}: trained and measured" for seed in (0, 1) for mode in MODES),
    ]


def test_adapters_lie_in_folders_of_their_own(ladder) -> None:
    folders = sorted(path.name for path in (ladder[0] / "adapters").iterdir())
    assert folders == [f"xs-{mode}" for mode in MODES]


def test_a_build_measures_every_seed_in_every_exam(ladder) -> None:
    rows = json.loads((ladder[0] / MEASURED).read_text())
    named = [(row["size"], row["seed"], row.get("adapter")) for row in rows]
    assert named == [("xs", seed, mode) for seed in (0, 1) for mode in (None, *MODES)]
    assert all(row["exams"].keys() == EXAMS.keys() for row in rows)
    assert all(len(marks["right"]) == len(marks["confidence"]) == 3 for marks in rows[0]["exams"].values())


def test_a_fresh_build_is_not_stale_and_a_changed_file_is(ladder) -> None:
    folder, _ = ladder
    assert program.stale_files(folder) == ()
    (folder / "corpus.jsonl").write_text("{}\n")
    assert program.stale_files(folder) == ("corpus.jsonl",)
    for name, text in world_files(WORLD).items():
        (folder / name).write_text(text)


def test_a_check_says_what_is_stale(ladder, capsys) -> None:
    folder, _ = ladder
    arguments = ["card", "--folder", str(folder)]
    assert program.main([*arguments, "--check"]) == 0
    (folder / CARD).write_text("old")
    assert program.main([*arguments, "--check"]) == 1
    assert "README.md is not what would be made now" in capsys.readouterr().err
    assert program.main(arguments) == 0
    assert (folder / CARD).read_text(encoding="utf-8") == expected_card(folder)


def test_options_of_a_build_reach_it(tmp_path, monkeypatch) -> None:
    asked: list[Plan] = []
    monkeypatch.setattr(program, "build", lambda plan, _told: asked.append(plan))
    options = ["--sizes", "m", "xs", "--seeds", "1", "--steps", "5", "--processes", "1"]
    assert program.main(["build", "--folder", str(tmp_path), *options]) == 0
    assert asked == [Plan(folder=tmp_path, sizes=("xs", "m"), seeds=1, recipe=replace(RECIPE, steps=5), processes=1)]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.integers(0, 1), min_size=4, max_size=4), min_size=1, max_size=3), st.integers(0, 100))
def test_a_mean_lies_in_its_interval(right: list[list[int]], confidence: int) -> None:
    tally = measured({"xs": right}, confidence)
    for found in (tally.share("xs", "e"), tally.gap("xs", "e")):
        assert found.low - 1e-9 <= found.mean <= found.high + 1e-9
    assert tally.share("xs", "e").mean == pytest.approx(np.mean(right))
    assert tally.gap("xs", "e").mean == pytest.approx(confidence / 100 - np.mean(right))


def test_the_gap_grows_by_what_each_tenfold_size_adds() -> None:
    tally = measured({"xs": [[1, 1]], "s": [[1, 0]], "m": [[0, 0]]}, 100)
    slope = tally.gap_slope("e", {"xs": 10, "s": 100, "m": 1000})
    assert slope.mean == pytest.approx(0.5)


def test_an_answer_without_tokens_has_no_confidence() -> None:
    rows = [{"size": "xs", "seed": 0, "exams": {"e": {"right": [0, 1], "confidence": [None, 80], "loss_nll": None}}}]
    tally = Tally(rows=rows)
    assert tally.confidence("xs", "e") == pytest.approx(0.8)
    assert tally.gap("xs", "e").mean == pytest.approx(-0.2)


def test_exams_ask_of_their_own_part() -> None:
    chosen, reported = exams(WORLD, "chosen_on", 1), EXAMS
    assert chosen.keys() == reported.keys()
    for name in ("held out, closed", "two hops, closed"):
        texts = [{item.question.text for item in exam[name]} for exam in (chosen, reported)]
        assert not texts[0] & texts[1]


@pytest.mark.parametrize("name", [name for name in EXAMS if "closed" in name])
def test_a_closed_exam_shows_no_passage(name: str) -> None:
    assert not any(item.passages for item in EXAMS[name])


@pytest.mark.parametrize("name", [name for name in EXAMS if "gold" in name])
def test_a_gold_passage_holds_the_answer(name: str) -> None:
    for item in EXAMS[name]:
        assert any(item.question.answers[0] in passage.text for passage in item.passages)


@pytest.mark.parametrize("name", ["not recorded, own passage", "held out, another's passage"])
def test_where_only_a_blank_is_right_the_question_is_unanswerable(name: str) -> None:
    assert all(not item.question.answerable and item.passages for item in EXAMS[name])


@pytest.mark.slow
def test_a_ladder_can_be_trained_again(tmp_path) -> None:
    found = train_one(Job(size="xs", seed=0, folder=tmp_path, recipe=replace(RECIPE, steps=60)))
    assert (found["size"], found["seed"], found["exams"].keys()) == ("xs", 0, EXAMS.keys())
    assert found["exams"]["taught, closed"]["loss_nll"] < 6


def test_the_shipped_card_is_not_stale() -> None:
    assert program.stale_files(FOLDER) == ()


@pytest.mark.parametrize("size", SIZES)
def test_the_presets_lead_to_the_shipped_weights(size: str) -> None:
    model = find_model(load_catalog(), f"pocket-{size}")
    assert model.path == str(FOLDER / size)
    assert count_weights(FOLDER / size) == count_params(model.shape) == round(model.params_b * 1e9)


def test_the_group_is_the_whole_ladder_in_order_of_size() -> None:
    found = match_models(load_catalog(), ["pocket"])
    assert [model.name for model in found] == [f"pocket-{size}" for size in SIZES]


def test_the_ladder_is_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) <= 12e6
