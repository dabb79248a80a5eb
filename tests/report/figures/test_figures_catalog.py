"""Every figure by its stem: drawn with a finding and its n, or refused with a reason, at any size of run."""

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from harness.analysis.refusals import Refused
from harness.errors import UnknownName
from harness.report.figures.catalog import FIGURES, draw, draw_all
from harness.report.figures.figure import NARROW, WIDE, Figure, FigureData
from tests.report.figures.figure_runs import HOSTILE, MODELS, SIX, data_of, made_up, priced, run_results

SPEC = Path(__file__).resolve().parents[3].parent / "shared" / "spec" / "report.md"
NEEDS_SIZES = {
    "key_figure",
    "size_vs_overall",
    "size_vs_scores",
    "size_vs_latency",
    "size_vs_cost",
    "size_score_cost_bubble",
    "size_vs_energy",
    "direct_scaling",
    "rag_uplift",
    "multi_metric_scaling",
    "groundedness_by_size",
    "loss_accuracy_confidence",
    "ccg_by_task",
}
BARE = {"size_vs_latency", "size_vs_cost", "size_score_cost_bubble", "cost_vs_performance", "cost_vs_score"}
BARE |= {"energy_per_experiment", "size_vs_energy", "groundedness_by_size", "loss_accuracy_confidence", "reliability"}


@pytest.fixture(scope="module")
def whole() -> FigureData:
    return priced(4, ("direct", "rag", "dense", "ft", "ft+rag"), 40)


@pytest.fixture(scope="module")
def one_model() -> FigureData:
    return data_of(run_results(dict(list(MODELS.items())[:1]), SIX, n=30))


@pytest.fixture(scope="module")
def bare() -> FigureData:
    chosen = dict(list(MODELS.items())[:3])
    return data_of(run_results(chosen, ("direct", "rag"), n=30, rich=False, alone=False))


@pytest.fixture(scope="module")
def hostile() -> FigureData:
    return data_of(run_results(HOSTILE, ("direct", "rag", "<b>&"), n=18, repeats=2))


def drawn(stem: str, data: FigureData, width: int = WIDE) -> Figure:
    figure = draw(stem, data, width)
    assert isinstance(figure, Figure), figure
    return figure


def strings(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for part in value.values():
            yield from strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from strings(part)
    elif isinstance(value, str):
        yield value


def rows_of(spec: object) -> Iterator[list[object]]:
    if isinstance(spec, dict):
        if isinstance(spec.get("data"), dict):
            yield spec["data"]["values"]
        for part in spec.values():
            yield from rows_of(part)
    elif isinstance(spec, list):
        for part in spec:
            yield from rows_of(part)


def test_the_table_names_every_figure_of_the_specification() -> None:
    if not SPEC.exists():
        pytest.skip("the specification does not lie beside this checkout")
    told = SPEC.read_text().partition("## Figures")[2].partition("## ")[0]
    stems = set(re.findall(r"`([a-z]+(?:_[a-z]+)+|reliability)`", told))
    assert stems == set(FIGURES) - {"key_figure"}


@pytest.mark.parametrize("stem", FIGURES)
def test_every_row_of_the_table_leads_to_a_function(stem: str) -> None:
    module, _, name = FIGURES[stem].partition(":")
    assert callable(getattr(import_module(module), name))


def test_an_unknown_figure_is_told_with_the_nearest_name(whole: FigureData) -> None:
    with pytest.raises(UnknownName, match="did you mean 'rag_uplift'"):
        draw("rag_upflit", whole)


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("stem", FIGURES)
def test_a_rich_run_has_every_figure(stem: str, width: int, whole: FigureData) -> None:
    figure = drawn(stem, whole, width)
    assert (figure.stem, figure.width) == (stem, width)


@pytest.mark.parametrize("stem", FIGURES)
def test_a_finding_is_one_sentence_with_a_number(stem: str, whole: FigureData) -> None:
    alt = drawn(stem, whole).alt
    assert re.search(r"\d", alt)
    assert alt.endswith(".")
    assert "\n" not in alt


@pytest.mark.parametrize("stem", FIGURES)
def test_a_caption_says_n_and_what_the_intervals_are(stem: str, whole: FigureData) -> None:
    caption = drawn(stem, whole).caption
    assert re.search(r"n = \d+", caption)
    assert "interval" in caption


@pytest.mark.parametrize("stem", FIGURES)
def test_a_specification_is_valid_and_small(stem: str, whole: FigureData) -> None:
    altair = pytest.importorskip("altair")
    figure = drawn(stem, whole)
    altair.Chart.from_dict(figure.spec, validate=True)
    assert sum(len(rows) for rows in rows_of(figure.spec)) < 3000


@pytest.mark.parametrize("stem", FIGURES)
def test_figures_of_the_same_cases_are_the_same(stem: str, whole: FigureData) -> None:
    assert drawn(stem, whole).spec == drawn(stem, whole).spec


@pytest.mark.parametrize("stem", sorted(NEEDS_SIZES))
def test_one_size_is_too_few_for_an_axis_of_sizes(stem: str, one_model: FigureData) -> None:
    found = draw(stem, one_model)
    assert isinstance(found, Refused)
    assert found.reason


@pytest.mark.parametrize("stem", ["overall_ranking", "overall_scores", "tier_compensation", "reliability"])
def test_one_model_still_has_figures(stem: str, one_model: FigureData) -> None:
    assert drawn(stem, one_model).alt


def test_one_model_shows_its_effects_as_rows(one_model: FigureData) -> None:
    spec = drawn("six_condition_effects", one_model).spec
    assert "(rag-ft+rag - rag-ft) - (rag - direct)" in set(strings(spec))


@pytest.mark.parametrize("stem", sorted(BARE))
def test_what_was_not_measured_is_refused_with_the_reason(stem: str, bare: FigureData) -> None:
    found = draw(stem, bare)
    assert isinstance(found, Refused)
    assert re.search(r"no |needs |beside others", found.reason)


@pytest.mark.parametrize("stem", sorted(set(FIGURES) - BARE - {"score_breakdown"}))
def test_a_bare_run_of_three_models_has_the_other_figures(stem: str, bare: FigureData) -> None:
    assert drawn(stem, bare).caption


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_hostile_names_are_shown_without_anything_invisible(width: int, hostile: FigureData) -> None:
    for figure in draw_all(hostile, width).values():
        if isinstance(figure, Figure):
            shown = [figure.alt, figure.caption, *strings(figure.spec)]
            assert not [text for text in shown if not text.isprintable()]


def test_a_model_of_unknown_size_is_named_where_it_has_no_place(hostile: FigureData) -> None:
    assert "their size is not known: #064e9b" in drawn("size_vs_overall", hostile).caption


def test_a_run_without_any_answer_refuses_every_figure_over_sizes() -> None:
    empty = data_of([result for result in run_results(n=60) if result.outcome == "error"])
    found = {stem: draw(stem, empty) for stem in NEEDS_SIZES - {"size_vs_overall", "size_vs_scores"}}
    assert all(isinstance(one, Refused) for one in found.values())


def test_importing_a_figure_loads_no_heavy_package() -> None:
    code = (
        "import sys, importlib, harness.report.figures.catalog as c, harness.report.figures.render\n"
        "[importlib.import_module(place.partition(':')[0]) for place in c.FIGURES.values()]\n"
        "print({'pandas', 'scipy', 'altair', 'vl_convert', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_all_figures_come_in_the_order_of_the_table() -> None:
    assert list(draw_all(made_up(2, ("direct", "rag"), 20))) == list(FIGURES)
