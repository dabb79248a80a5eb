"""What figures show is what the analysis says."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.crossfit import CrossFit
from harness.analysis.interaction import CONTRASTS
from harness.analysis.intervals import Interval
from harness.analysis.refusals import Refused
from harness.report.figures import confidence, costs, look, panel, parts, ranking, scaling, words
from harness.report.figures.axes import share_axis, size_axis
from harness.report.figures.catalog import draw
from harness.report.figures.clouds import Reading, model_sizes, rail
from harness.report.figures.effects import contrast_name
from harness.report.figures.figure import NARROW, WIDE, Figure, FigureData
from harness.report.figures.marks import Dot, dots
from harness.report.figures.metrics import _names as metric_names
from harness.report.figures.metrics import _upright as upright
from harness.report.figures.panel import Frame, labelled
from harness.report.figures.sheet import Entry, key_of
from harness.report.figures.stated import line_of, whole_cells
from harness.report.figures.theme import HOSTED_SHAPE, LOCAL_SHAPE, Style, light
from harness.report.figures.tradeoff import front
from tests.report.figures.figure_runs import MODELS, data_of, made_up, many_models, priced, run_results
from tests.report.figures.test_figures_catalog import rows_of, strings


@pytest.fixture(scope="module")
def data() -> FigureData:
    return made_up(8, ("direct", "rag", "dense"), 40)


def marks(figure: Figure | Refused) -> list[dict[str, object]]:
    """Every point of a figure."""
    assert isinstance(figure, Figure), figure
    return [row for rows in rows_of(figure.spec) for row in rows if "shape" in row and row.get("tip")]


def intervals(figure: Figure | Refused) -> list[dict[str, object]]:
    assert isinstance(figure, Figure), figure
    return [row for rows in rows_of(figure.spec) for row in rows if {"low", "high", "colour"} <= set(row)]


def test_the_key_figure_shows_the_cross_fitted_estimates_with_their_own_intervals(data: FigureData) -> None:
    uplifts = data.analysis.headline.uplifts
    wanted = {
        (found.estimate.estimate, found.estimate.low, found.estimate.high)
        for one in uplifts
        for found in (one.direct, one.retrieval)
        if isinstance(found, CrossFit)
    }
    figure = draw("key_figure", data)
    assert {row["y"] for row in marks(figure)} == {estimate for estimate, *_ in wanted}
    assert {(row["low"], row["high"]) for row in intervals(figure)} == {(low, high) for _, low, high in wanted}


def test_no_cell_is_left_out_of_the_ranking_for_scoring_low(data: FigureData) -> None:
    figure = draw("overall_ranking", data)
    bars = [row for rows in rows_of(figure.spec) for row in rows if "start" in row]
    shares = [cell.share.intent_to_test.estimate for cell in data.summary.cells]
    votes = [one.vote.comparison.mean_a for one in data.analysis.votes]
    assert sorted(row["x"] for row in bars) == sorted([*shares, *votes])


def test_votes_are_hatched(data: FigureData) -> None:
    figure = draw("overall_ranking", data)
    bars = [row for rows in rows_of(figure.spec) for row in rows if "start" in row]
    hatched = [row["tip"] for row in bars if row["fill"] == light("hatch")]
    assert len(hatched) == len(data.analysis.votes)
    assert all(tip.startswith("vote of") for tip in hatched)


def test_local_models_are_squares_and_those_behind_an_api_circles(data: FigureData) -> None:
    shapes = {row["tip"].partition(" ")[0]: row["shape"] for row in marks(draw("size_vs_overall", data))}
    assert shapes["gpt-hosted"] == HOSTED_SHAPE
    assert {shape for name, shape in shapes.items() if name != "gpt-hosted"} == {LOCAL_SHAPE}


@pytest.mark.parametrize(("provider", "shape"), [("openai", HOSTED_SHAPE), ("ollama", LOCAL_SHAPE)])
def test_a_server_on_the_same_machine_is_local(provider: str, shape: str) -> None:
    run = data_of(run_results({"m": ("f", 1.0, provider), "n": ("f", 2.0, provider)}, ("direct",), n=12))
    assert {row["shape"] for row in marks(draw("size_vs_overall", run))} == {shape}


def test_repeats_of_a_cell_are_all_shown() -> None:
    again = data_of(run_results(dict(list(MODELS.items())[:2]), ("direct", "rag"), n=24, repeats=2))
    tips = {row["tip"].partition(":")[0] for row in marks(draw("size_vs_latency", again))}
    assert len(tips) == 8
    assert "smollm2-135m · direct #2" in tips


def test_a_cell_of_the_same_name_as_a_repeat_of_another_is_told_apart() -> None:
    chosen = {"m": ("f", 1.0, "transformers"), "n": ("f", 2.0, "transformers")}
    again = data_of(run_results(chosen, ("direct",), n=24, repeats=2))
    found = draw("reliability", again)
    assert {text for text in strings(found.spec) if text.startswith("m #")} == {"m #1", "m #2"}


def test_a_metric_that_is_better_when_lower_stands_the_right_way_up(data: FigureData) -> None:
    lines = next(one for one in data.analysis.metrics if one.metric == "hallucination@1")
    turned = next(one.retrieval.estimate for one in lines.uplifts)
    shown = upright(turned, turned=True)
    assert shown.estimate == -turned.estimate > 0
    assert shown.low < shown.estimate < shown.high


def test_the_published_formula_is_hollow_and_without_interval(data: FigureData) -> None:
    hollow = [row for row in marks(draw("rag_uplift", data)) if "published formula" in row["tip"]]
    assert len(hollow) == len(MODELS)
    assert {row["fill"] for row in hollow} == {light("paper")}


def test_one_retrieval_cell_needs_no_choice_and_no_key() -> None:
    figure = draw("rag_uplift", made_up(4, ("direct", "rag"), 60))
    assert len(marks(figure)) == 4
    assert "vconcat" not in figure.spec


def test_each_contrast_is_named_by_its_conditions() -> None:
    names = {contrast.name: contrast_name(contrast) for contrast in CONTRASTS}
    assert names["4-2"] == "ft+rag - rag"
    assert names["(4-3)-(2-1)"] == "(ft+rag - ft) - (rag - direct)"


def test_effects_over_sizes_have_a_panel_per_contrast() -> None:
    figure = draw("six_condition_effects", made_up(3, ("direct", "rag", "ft", "ft+rag"), 40))
    assert len(figure.spec["vconcat"][1]["concat"]) == 5


def test_bins_of_a_reliability_panel_hold_every_answer_with_a_confidence(data: FigureData) -> None:
    tips = [row["tip"] for row in marks(draw("reliability", data))]
    stated = [one for one in data.analysis.confidences if one.condition == "direct" and one.task is None]
    assert sum(int(tip.rpartition(" ")[2]) for tip in tips) == sum(one.gap.n for one in stated)


READINGS = st.lists(
    st.tuples(st.floats(0.01, 10), st.floats(0, 1)).map(
        lambda pair: Reading(model=f"{pair}", condition="c", value=pair[1], tip=str(pair[0]), n=1)
    ),
    min_size=1,
    max_size=15,
    unique_by=lambda one: one.model,
)


@given(READINGS)
def test_no_cell_beats_one_of_the_front_in_both_and_every_other_is_beaten(known: list[Reading]) -> None:
    priced_by = {costs.cell_of(one): float(one.tip) for one in known}
    best = front(known, priced_by)
    for one in known:
        cost = priced_by[costs.cell_of(one)]
        beaten = any(
            other.value >= one.value and priced_by[costs.cell_of(other)] <= cost and other is not one for other in best
        )
        assert beaten or one in best
        assert not (
            one in best and any(other.value > one.value and priced_by[costs.cell_of(other)] < cost for other in known)
        )


def test_cells_that_cost_nothing_are_told() -> None:
    run = priced(4, ("direct", "rag"), 60)
    first = run.summary.cells[0]
    free = replace(first, cost_usd=replace(first.cost_usd, total=0.0, mean=0.0))
    some = replace(run, summary=replace(run.summary, cells=(free, *run.summary.cells[1:])))
    assert "1 cells that cost nothing" in draw("cost_vs_performance", some).caption
    cells = tuple(replace(cell, cost_usd=replace(cell.cost_usd, total=0.0, mean=0.0)) for cell in run.summary.cells)
    none = replace(run, summary=replace(run.summary, cells=cells))
    for stem in ("cost_vs_performance", "cost_vs_score", "size_vs_cost", "size_score_cost_bubble"):
        assert draw(stem, none) == Refused(reason="every value is 0" if stem == "size_vs_cost" else "every cost is 0")


@pytest.mark.parametrize(("factor", "unit"), [(1e3, "Wh"), (1.0, "mWh"), (1e-3, "µWh"), (1e-7, "µWh")])
def test_energy_is_told_in_the_unit_that_fits(factor: float, unit: str) -> None:
    run = priced(2, ("direct", "rag"), 20)
    spent = run.tables.cases["energy_wh"] / run.tables.cases["energy_wh"].max() * 1e-2 * factor
    tables = replace(run.tables, cases=run.tables.cases.assign(energy_wh=spent))
    figure = draw("energy_per_experiment", replace(run, tables=tables))
    assert isinstance(figure, Figure)
    assert re.findall(r"[\d.] (\S*Wh)\b", figure.alt) == [unit, unit]


def test_a_metric_has_its_version_only_beside_another_of_its_name() -> None:
    lines = made_up(3, ("direct", "rag"), 40).analysis.metrics
    one = next(line for line in lines if line.metric == "f1@1")
    assert list(metric_names([one]).values()) == ["f1"]
    assert list(metric_names([one, replace(one, metric="f1@2")]).values()) == ["f1@1", "f1@2"]


def test_energy_without_values_is_refused() -> None:
    run = priced(4, ("direct", "rag"), 60)
    tables = replace(run.tables, cases=run.tables.cases.assign(energy_wh=float("nan")))
    assert draw("energy_per_experiment", replace(run, tables=tables)) == Refused(reason="no answer reports its energy")


def test_a_crowd_of_models_names_every_second_one() -> None:
    sizes = {name: size for name, (_, size, _) in many_models(30).items()}
    names = {name: name for name in sizes}
    shown = replace(look.look_of(made_up(2, ("direct", "rag"), 20)), models=tuple(sizes), names=names)
    frame = Frame(x=size_axis(sizes.values()), y=share_axis([0.1, 0.9], "t"), width=250, height=100)
    told = [text for text in strings(rail(frame, shown, sizes, named=True)) if text in sizes]
    assert 10 <= len(told) <= 250 / 13


def test_models_without_a_size_have_none() -> None:
    reading = Reading(model="m", condition="c", value=0.5, tip="", n=1)
    assert model_sizes([reading]) == {}


def test_without_entries_there_is_no_key() -> None:
    assert key_of([], 300) == []


def test_a_key_wraps_at_the_width() -> None:
    entries = [Entry(text="a condition", style=Style(colour=light("ink"), shape="circle"), dashed=True)] * 6
    (key,) = key_of(entries, 300)
    assert key["height"] == 3 * 19


def test_no_points_are_no_layers() -> None:
    assert dots([]) == []


def test_names_that_find_no_room_are_left_out() -> None:
    frame = Frame(x=size_axis([1, 2]), y=share_axis([0.2, 0.8], "t"), width=20, height=20)
    dot = Dot(x=1.5, y=0.5, style=Style(colour=light("ink"), shape="circle"), tip="t")
    assert labelled(frame, [dot], ["a long name"]) == []


def test_a_level_beyond_the_axis_is_not_drawn() -> None:
    frame = Frame(x=size_axis([1, 2]), y=share_axis([0.6, 0.9], "t"), width=200, height=200)
    assert panel.level(frame, 0.0, light("axis")) == []


POINT = Interval(estimate=0.5, n=10, clusters=10, method="Wilson", level=0.95, low=0.2, high=0.8)


def test_words_for_n_and_intervals() -> None:
    bare = replace(POINT, low=None, high=None, refused="one question")
    assert words.n_words([5, 9, 5]) == "n = 5 to 9 questions per point."
    assert words.n_words([1]) == "n = 1 question per point."
    assert words.n_words([]) == ""
    assert words.interval_words([POINT, bare]) == "Bars: 95 % intervals (Wilson). 1 of 2 points have none."
    assert words.interval_words([bare]) == "No interval."


def test_words_for_differences_never_say_minus_zero() -> None:
    assert [words.signed(share) for share in (-0.0001, 0.0, 0.123, -0.2)] == ["0.0", "0.0", "+12.3", "-20.0"]
    assert words.points_tip("a", replace(POINT, low=None)) == "a: +50.0 points, n = 10"


def test_many_shortened_names_are_counted() -> None:
    shown = replace(
        look.look_of(made_up(2, ("direct", "rag"), 20)), names={f"model {place}": f"m{place}" for place in range(50)}
    )
    assert words.name_words(shown, list(shown.names)).endswith("and 10 more.")


def test_a_flat_line_is_grey_and_says_so() -> None:
    flat = data_of(run_results({name: MODELS[name] for name in list(MODELS)[2:5]}, ("direct", "rag"), n=30))
    line = flat.analysis.headline.direct
    assert line.fit.spans_zero
    assert "grey since it spans 0" in scaling.line_words(line, "direct")
    assert light("flat") in set(strings(draw("direct_scaling", flat).spec))


def test_lines_of_two_models_have_no_interval_and_say_so() -> None:
    two = made_up(2, ("direct", "rag"), 20)
    assert "no interval (an interval needs" in draw("key_figure", two).caption
    assert "no interval (an interval needs" in draw("rag_uplift", two).caption


def test_models_of_one_size_have_points_but_no_line() -> None:
    chosen = dict.fromkeys(("a", "b"), ("f", 1.0, "transformers"))
    same = data_of(run_results(chosen, ("direct", "rag"), n=24))
    assert "no line" in draw("key_figure", same).caption
    assert isinstance(draw("rag_uplift", same), Refused)


def test_families_with_lines_of_their_own_have_pale_bands() -> None:
    chosen = {f"{family}{size}": (family, size, "transformers") for family in "ab" for size in (0.5, 2.0, 8.0)}
    figure = draw("key_figure", data_of(run_results(chosen, ("direct", "rag"), n=60, rich=False)))
    assert "of each family" in figure.caption
    assert scaling.SEVERAL in [
        part["mark"].get("fillOpacity") for part in figure.spec["concat"][0]["layer"] if "mark" in part
    ]


def without(data: FigureData, **parts: object) -> FigureData:
    return replace(data, analysis=replace(data.analysis, **parts))


NO = Refused(reason="no such thing")


@pytest.mark.parametrize(
    ("part", "stems"),
    [
        ("headline", "key_figure direct_scaling rag_uplift tier_compensation variance_by_tier six_condition_effects"),
        ("metrics", "multi_metric_scaling"),
        ("confidences", "reliability"),
        ("quantities", "ccg_by_task"),
        ("latencies", "size_vs_latency"),
        ("questions", "unique_wins agreement_heatmap"),
    ],
)
def test_a_refused_part_of_the_analysis_is_the_figures_refusal(part: str, stems: str, data: FigureData) -> None:
    assert [draw(stem, without(data, **{part: NO})) for stem in stems.split()] == [NO] * len(stems.split())


@pytest.mark.parametrize(
    ("part", "stem"),
    [
        ("direct", "key_figure"),
        ("direct", "direct_scaling"),
        ("uplifts", "rag_uplift"),
        ("tiers", "tier_compensation"),
        ("importance", "variance_by_tier"),
        ("effects", "six_condition_effects"),
    ],
)
def test_a_refused_part_of_the_headline_is_the_figures_refusal(part: str, stem: str, data: FigureData) -> None:
    headline = replace(data.analysis.headline, **{part: NO})
    assert draw(stem, without(data, headline=headline)) == NO


def test_refused_details_leave_the_rest(data: FigureData) -> None:
    some = without(data, published=NO, votes=NO, confidences=NO)
    assert not [row for row in marks(draw("rag_uplift", some)) if "published" in row["tip"]]
    assert isinstance(draw("variance_by_tier", some), Figure)
    assert isinstance(draw("ccg_by_task", some), Figure)
    assert ranking.vote_readings(some) == []
    assert "Not shown: confidence" in draw("loss_accuracy_confidence", some).caption


def test_without_retrieval_the_key_figure_has_one_line() -> None:
    direct = made_up(4, ("direct",), 40)
    figure = draw("key_figure", direct)
    assert "best retrieval:" in figure.caption
    assert len(marks(figure)) == 4
    for stem in ("rag_uplift", "tier_compensation", "variance_by_tier", "groundedness_by_size"):
        assert isinstance(draw(stem, direct), Refused)


def test_without_direct_answering_confidence_has_no_figure() -> None:
    rag = made_up(3, ("rag",), 40)
    for stem in ("loss_accuracy_confidence", "ccg_by_task", "reliability"):
        assert draw(stem, rag) == Refused(reason="needs 1 direct cell, has 0")


def test_parts_without_values_are_told() -> None:
    bare = data_of(run_results(dict(list(MODELS.items())[:2]), ("direct", "rag"), n=24, rich=False))
    found = parts.score_parts(bare)
    assert found["References: overlap with gold"] == Refused(reason="no answer has a value of ref_overlap")
    assert "no answer has a value of ref_overlap" in draw("score_breakdown", bare).caption


def test_a_loss_without_confidence_and_the_other_way_round() -> None:
    results = run_results(dict(list(MODELS.items())[:3]), ("direct",), n=24)
    no_loss = [replace(one, answer=one.answer and replace(one.answer, reference_nll=None)) for one in results]
    told = draw("loss_accuracy_confidence", data_of(no_loss))
    assert "Not shown: loss" in told.caption
    no_confidence = [replace(one, confidence=None, confidence_source=None) for one in results]
    figure = draw("loss_accuracy_confidence", data_of(no_confidence), NARROW)
    assert "Not shown: confidence" in figure.caption


def test_slopes_without_a_line_are_refused_with_its_reason(data: FigureData) -> None:
    lines = tuple(replace(one, line=NO) for one in data.analysis.quantities)
    assert draw("ccg_by_task", without(data, quantities=lines)) == NO
    assert draw("ccg_by_task", without(data, quantities=())) == Refused(reason="condition direct has no slope")


def test_slopes_by_task_alone_are_told_so(data: FigureData) -> None:
    lines = tuple(one for one in data.analysis.quantities if one.task is not None)
    assert "none over all questions" in draw("ccg_by_task", without(data, quantities=lines)).alt


def test_ccg_notes() -> None:
    found = draw("ccg_by_task", made_up(8, ("direct", "rag", "dense"), 40))
    assert any(text.startswith("CCG ") for text in strings(found.spec))
    two = draw("ccg_by_task", data_of(run_results(dict(list(MODELS.items())[:3]), ("direct",), n=24, rich=False)))
    assert "no CCG" in set(strings(two.spec))


def test_an_unknown_quantity_has_no_line(data: FigureData) -> None:
    assert line_of(without(data, quantities=NO), "loss", "direct") == NO
    assert isinstance(line_of(data, "loss", "nothing"), Refused)
    assert whole_cells(without(data, confidences=NO), "direct") == []


def test_the_gap_panel_has_a_line_at_zero(data: FigureData) -> None:
    figure = confidence.loss_accuracy_confidence(data, WIDE)
    assert len(figure.spec["vconcat"][1]["concat"]) == 3


def gains_by(data: FigureData, gains: dict[str, float]) -> FigureData:
    headline = data.analysis.headline
    uplifts = tuple(
        replace(one, best_uplift=replace(POINT, estimate=gains[one.model], low=None, high=None))
        for one in headline.uplifts
    )
    return without(data, headline=replace(headline, uplifts=uplifts, best_uplift_by_size=NO))


@pytest.mark.parametrize(
    ("gains", "told"),
    [
        ({"smollm2-135m": 0.1, "smollm2-360m": 0.2}, r"smollm2-360m \(360M\), \+20.0 points, the largest model\."),
        ({"smollm2-135m": 0.2, "smollm2-360m": 0.1}, r"\+20.0 points, and \+10.0 to the largest, smollm2-360m"),
    ],
)
def test_where_retrieval_adds_most(gains: dict[str, float], told: str) -> None:
    figure = draw("rag_uplift", gains_by(made_up(2, ("direct", "rag"), 20), gains))
    assert re.search(told, figure.alt)
    assert "no line (no such thing)" in figure.caption


def test_a_run_without_cells_has_nothing_to_rank() -> None:
    run = made_up(2, ("direct", "rag"), 20)
    empty = replace(run, summary=replace(run.summary, cells=()))
    stems = ("overall_ranking", "overall_scores", "refusal_rates", "score_breakdown")
    assert all(isinstance(draw(stem, empty), Refused) for stem in stems)


def test_effects_without_any_difference_are_refused_with_their_reason() -> None:
    run = made_up(2, ("direct", "rag"), 20)
    told = run.analysis.headline.effects
    bare = tuple(replace(one, difference=None, refused="nothing to compare") for one in told.effects)
    headline = replace(run.analysis.headline, effects=replace(told, effects=bare))
    assert draw("six_condition_effects", without(run, headline=headline)) == Refused(reason="nothing to compare")


def test_effects_of_models_of_unknown_size_are_rows_told_apart_by_shape() -> None:
    unknown = dict.fromkeys(("a", "b"), ("f", None, "transformers"))
    figure = draw("six_condition_effects", data_of(run_results(unknown, ("direct", "rag"), n=24)))
    assert {row["shape"] for row in marks(figure) if row["tip"]} == {"circle", "diamond"}


def test_no_factor_that_can_be_told_is_a_refusal() -> None:
    run = made_up(2, ("direct", "rag"), 20)
    tiers = tuple(replace(one, importance=NO) for one in run.analysis.headline.importance)
    assert draw("variance_by_tier", without(run, headline=replace(run.analysis.headline, importance=tiers))) == NO
    mixed = (replace(run.analysis.headline.importance[0], importance=NO), *run.analysis.headline.importance[1:])
    told = draw("variance_by_tier", without(run, headline=replace(run.analysis.headline, importance=mixed)))
    assert "Not shown: tiny: no such thing." in told.caption


def test_metrics_of_one_kind_alone_are_counted() -> None:
    run = made_up(3, ("direct", "rag"), 20)
    bare = tuple(
        one
        if isinstance(one.uplifts, Refused)
        else replace(one, uplifts=tuple(replace(each, best_uplift=NO) for each in one.uplifts))
        for one in run.analysis.metrics
    )
    assert "none of them both" in draw("multi_metric_scaling", without(run, metrics=bare)).alt


def test_a_vote_without_comparison_is_no_bar() -> None:
    run = made_up(2, ("direct", "rag"), 20)
    votes = tuple(replace(one, vote=replace(one.vote, comparison=None, refused="few")) for one in run.analysis.votes)
    assert ranking.vote_readings(without(run, votes=votes)) == []


def test_confidence_under_another_condition_alone_is_refused() -> None:
    run = made_up(2, ("direct", "rag"), 20)
    other = tuple(one for one in run.analysis.confidences if one.condition == "rag")
    assert draw("reliability", without(run, confidences=other)) == Refused(
        reason="no answer under direct has a confidence"
    )


def test_uplifts_that_are_refused_leave_no_points(data: FigureData) -> None:
    headline = replace(data.analysis.headline, uplifts=NO)
    assert scaling._points(headline, look.look_of(data), "direct") == []
    lines = tuple(replace(one, uplifts=NO) for one in data.analysis.metrics)
    assert isinstance(draw("multi_metric_scaling", without(data, metrics=lines)), Refused)


def test_a_refused_line_has_no_words() -> None:
    assert scaling.line_words(NO, "direct") == ""


def test_no_condition_of_several_models_refuses_wins_and_agreement() -> None:
    lone = made_up(1, ("direct", "rag"), 20)
    for stem in ("unique_wins", "agreement_heatmap"):
        assert draw(stem, lone) == Refused(reason="needs 2 models in one condition")


def test_many_models_lose_the_numbers_of_tiles_but_not_the_key() -> None:
    many = data_of(run_results(many_models(13), ("direct", "rag"), n=12, rich=False))
    figure = draw("agreement_heatmap", many, NARROW)
    assert "The numbers are in the tooltips." in figure.caption
    assert "83-100 %" in set(strings(figure.spec))


def test_one_type_of_question_has_no_figure_by_type() -> None:
    results = [
        one
        for one in run_results(dict(list(MODELS.items())[:2]), ("direct",), n=40)
        if one.case.question.task == "lookup"
    ]
    assert draw("accuracy_by_type", data_of(results)) == Refused(reason="needs 2 types of question, has 1")
