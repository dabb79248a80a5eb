"""The terminal table: what it shows, at which width, and that nothing hostile gets through."""

import re
from dataclasses import replace

import pytest

from harness.analysis.simulate import PlantedModel, Truth
from harness.claims.results import ClaimResult
from harness.records import CaseResult
from harness.report.sections_verdicts import verdict_lines
from harness.report.terminal import Wider, render
from harness.report.write import summarise_run
from tests.report.made_up_runs import make_cell, make_cell_results, make_info, make_question, make_result, make_run
from tests.report.planted_runs import Told, told

MODELS = {"smollm2-135m": 0.135, "qwen2.5-0.5b-instruct": 0.5, "a-very-long-model-name-of-somebody": None}


def shown(results: list[CaseResult], **options: object) -> str:
    return render(summarise_run(results, make_info(len(results))), **options)


def test_the_table_says_everything_of_a_cell() -> None:
    text = shown([*make_cell_results(["correct"] * 8 + ["blank", "error"])])
    assert "model params condition  n    right % [95 %] blank err tokens latency" in text
    assert "tiny    135M direct    10 80.0 [49.0, 94.3]     1   1   40/4  0.5s@8" in text


def test_verdicts_stand_above_the_table() -> None:
    text = shown(make_run({"direct": 0.1, "rag": 0.5}, n=88))
    assert text.index("rag beats direct by 41 points [31, 51]") < text.index("model params")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_nothing_is_wider_than_the_terminal(width: int) -> None:
    text = shown(make_run({"direct": 0.1, "rag": 0.5}, n=200, models=MODELS, tasks=("a", "b")), width=width)
    assert max(len(line) for line in text.splitlines()) <= width


def test_long_names_fold_and_are_whole() -> None:
    text = shown(make_run({"direct": 0.1}, n=2000, models={"m" * 40: 1.0}))
    assert "".join(line.split()[0] for line in text.splitlines() if line.startswith("mmm")) == "m" * 40


def test_plain_text_has_no_styles_and_colour_has() -> None:
    results = make_cell_results(["correct", "error"])
    assert "\x1b[" not in shown(results)
    assert "\x1b[" in shown(results, colour=True)


def test_hostile_names_and_markup_are_shown_as_text() -> None:
    cell = make_cell(model="\x1b[31m[red]evil[/red]\x1b[0m")
    text = shown([make_result(cell, make_question(1), "correct")])
    assert "\x1b" not in text
    assert "[red]evil[/red]" in text


def test_flags_and_places_follow_the_table() -> None:
    text = shown(make_cell_results(["correct", None]), places=["reports/made-up/report.md"])
    assert text.index("latency") < text.index("MISSING_QUESTIONS tiny-direct: 1 of 2") < text.index("reports/made-up")


def test_many_verdicts_are_counted_instead() -> None:
    models = {f"m{size}": float(size + 1) for size in range(7)}
    text = shown(make_run({"direct": 0.1, "rag": 0.4, "oracle": 0.5}, n=12, models=models))
    assert "2 more verdicts in report.md" in text


def test_a_flag_of_many_cells_is_one_line() -> None:
    models = {f"m{size}": float(size + 1) for size in range(7)}
    results = make_run({"direct": 1.0}, n=12, models=models)
    text = shown([replace(each, answer=replace(each.answer, bos_count=2)) for each in results])
    assert text.count("DOUBLE_BOS") == 1
    assert "DOUBLE_BOS m0-direct: 12 of 12 prompts" in text
    assert "(and 6 more in report.md)" in " ".join(text.split())


def test_more_kinds_of_flags_than_fit_are_counted_instead() -> None:
    faults = {"bos_count": 2, "latency_s": 0.0, "output_tokens": 0, "truncated_passages": 1}
    cell = make_cell(condition="rag", params_b=None)
    results = [make_result(cell, make_question(i), "wrong", passages=(), **faults) for i in range(10)]
    slow = make_result(cell, make_question(10), "wrong", latency_s=99.0)
    text = shown([*results, slow, make_result(cell, make_question(11), None)])
    assert text.count("MISSING_QUESTIONS") == 1
    assert "3 more flags in report.md" in text


def test_the_flip_rate_is_told_only_where_it_was_checked() -> None:
    results = make_cell_results(["correct"] * 40)
    checked = [replace(each, flipped=i == 5) for i, each in enumerate(results)]
    assert "flips: 1 of 40 answers differ at batch size 1 (2.5 % [0.4, 12.9])\n" in shown(checked)
    assert "flips:" not in shown(results)
    assert "flips: 0 of 1 answer differs at batch size 1 (0.0 % [0.0, 79.3])" in shown(checked[:1])


def test_a_pair_that_is_refused_is_one_line() -> None:
    text = shown([*make_cell_results(["correct"] * 3, "rag"), *make_cell_results(["wrong"] * 2)])
    (line,) = re.findall(r"\* tiny: .*\n(?:  .*\n)*", text)
    assert " ".join(line.split()) == (
        "* tiny: rag and direct are not compared (questions not asked in every cell: 1 of 3)"
    )


def test_repeats_are_told_apart() -> None:
    results = [make_result(make_cell(repeat=repeat), make_question(1), "correct") for repeat in (0, 1)]
    assert "direct #2" in shown(results)


def test_unreported_tokens_and_latency_are_dashes() -> None:
    (row,) = [line for line in shown(make_cell_results([None])).splitlines() if line.startswith("tiny    ")]
    assert row.split()[-2:] == ["-", "-"]


def wider(run: Told, *claims: ClaimResult) -> Wider:
    return Wider(analysis=run.analysis, claims=claims)


@pytest.fixture(scope="module")
def planted() -> Told:
    models = tuple(
        PlantedModel(name=f"model-{place}", params_b=0.5 * 3**place, accuracy={"direct": 0.2 + 0.1 * place, "rag": 0.6})
        for place in range(7)
    )
    return told(Truth(models=models, questions=40, shared=0.4))


def test_the_verdicts_of_the_whole_analysis_stand_in_their_place(planted: Told) -> None:
    text = render(planted.summary, wider=wider(planted))
    shown_as = " ".join(text.split())
    assert "* Size: from 500M to 364B direct answering changes by" in shown_as
    assert "* model-0 + rag against larger models' direct answers (n 40): " in shown_as
    assert max(len(line) for line in text.splitlines()) <= 80


def test_claims_stand_first_and_failed_ones_are_red(planted: Told) -> None:
    claim = ClaimResult(name="a beats b", verdict="fails", message="-5 points", n=40)
    text = render(planted.summary, colour=True, wider=wider(planted, claim))
    (line,) = [line for line in text.splitlines() if "a beats b" in line]
    assert "\x1b[31m* Claim: a beats b: fails." in line
    assert text.index("a beats b") < text.index("Size:")


def test_more_verdicts_than_fit_are_counted(planted: Told) -> None:
    claims = [ClaimResult(name=f"claim {place}", verdict="fails", message="") for place in range(12)]
    found = len(verdict_lines(planted.analysis)) + 1
    assert f"{found} more verdicts in report.md" in render(planted.summary, wider=wider(planted, *claims))
