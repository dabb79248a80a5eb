"""The gate's word as a terminal, a pull request and a program read it."""

import json
from dataclasses import replace

import pytest

from harness.analysis.gate import Gate, GateCell, Rule
from harness.analysis.gate_cells import Refused
from harness.analysis.intervals import Interval
from harness.analysis.multiplicity import Adjusted
from harness.analysis.power import NonInferiorityPower
from harness.analysis.yardstick import Yardstick
from harness.report.gate import gate_json, gate_markdown, gate_notes, gate_table, gate_text, lead, sentence

LONG = "a-model-with-a-rather-long-name-of-57-characters-instruct"
POWER = NonInferiorityPower(
    n=282, margin=0.05, true_difference=0.0, alpha=0.05, power_aimed=0.8, power=0.41, n_needed=740
)


def adjusted(p):
    return Adjusted(p=p, method="Holm", size=3, exploratory=False)


def cell(verdict, **changes):
    fields = {
        "model": "tiny",
        "condition": "rag",
        "n": 282,
        "mean_a": 0.6,
        "mean_b": 0.5512,
        "gain": Interval(
            estimate=-0.0488, n=282, clusters=282, method="Tango", level=0.9, se=0.02, low=-0.0801, high=-0.0175
        ),
        "power": POWER,
        "method": "Tango",
        "worse": adjusted(0.0002),
        "held": adjusted(0.31),
    }
    return GateCell(verdict=verdict, **(fields | changes))


def made(*cells, refused=(), changed=(), stick=None, margin=0.05):
    return Gate(
        a="main",
        b="change",
        rule=Rule(margin=margin),
        yardstick=stick or Yardstick(name="correct"),
        cells=cells,
        refused=refused,
        changed=changed,
    )


EVERY = made(
    cell("regression"),
    cell("no regression", model=LONG, held=adjusted(0.004), measurably_worse=True),
    cell("underpowered", condition="direct", notes=("answered 100 % in A, 75 % in B; the rest counts as wrong",)),
    refused=(Refused(model="big", condition="rag", reason="only in A"),),
    changed=("prompts changed: d: concise",),
)


def test_no_line_is_wider_than_the_terminal():
    for width in (80, 100, 120):
        assert max(map(len, gate_text(EVERY, width=width))) <= width


def test_numbers_are_never_folded():
    assert any(" -4.9 [-8.0, -1.8]  <0.001  REGRESSION" in line for line in gate_text(EVERY))


def test_a_long_name_is_folded_and_whole():
    column = len(gate_text(EVERY)[1].partition("condition")[0])
    assert LONG in "".join(line[:column].strip() for line in gate_text(EVERY)[2:])


def test_each_verdict_shows_the_p_that_decides_it():
    assert [row[-2:] for row in gate_table(EVERY).rows] == [
        ("<0.001", "REGRESSION"),
        ("0.004", "ok"),
        ("0.310", "underpowered"),
    ]


def test_notes_tell_what_the_rows_cannot():
    notes = gate_notes(EVERY)
    assert f"{LONG} rag: measurably worse, by less than the margin" in notes
    assert "tiny direct: power 0.41 with 282 questions, needs about 740 questions if nothing changed" in notes
    assert "not compared: big rag: only in A" in notes
    assert notes[-1] == "prompts changed: d: concise"


def test_a_loss_that_is_not_shown_to_pass_the_margin_is_told():
    assert "measurably worse than A" in gate_notes(made(cell("underpowered", measurably_worse=True)))[0]


def test_a_power_that_is_unknown_gives_its_reason():
    power = replace(POWER, power=None, n_needed=None, reason="why", n_reason="why not")
    untested = cell("underpowered", worse=None, held=None, power=power, reason="no spread")
    assert gate_notes(made(untested)) == ("tiny rag: no spread", "tiny rag: why not")
    assert gate_table(made(untested)).rows[0][-2] == "-"


def test_the_same_note_stands_once_for_all_its_cells():
    cells = [cell("underpowered", condition=name) for name in "abcde"]
    assert gate_notes(made(*cells)) == (
        "tiny a, tiny b, tiny c, 2 more: power 0.41 with 282 questions, needs about 740 questions if nothing changed",
    )


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (EVERY, "REGRESSION in 1 of 3 cells: tiny rag (1 ok, 1 underpowered); 1 not compared."),
        (made(cell("underpowered")), "UNDERPOWERED in 1 of 1 cell: neither a regression nor its absence shown."),
        (made(cell("no regression")), "NO REGRESSION in 1 cell."),
        (made(refused=EVERY.refused), "NOTHING COMPARED: none of 1 cells can be."),
    ],
)
def test_one_sentence_ends_it(found, told):
    assert sentence(found) == told
    assert " ".join(gate_text(found)).endswith(told)


@pytest.mark.parametrize(
    ("stick", "told"),
    [
        (Yardstick(name="correct"), "A main (baseline), B change: correct in %, margin 5 points."),
        (
            Yardstick(name="loss", higher_is_better=False, high=float("inf")),
            "A main (baseline), B change: loss, margin 0.05, lower is better: a loss is below 0.",
        ),
    ],
)
def test_the_lead_names_runs_metric_and_margin(stick, told):
    assert lead(made(stick=stick)) == told


def test_a_metric_without_bounds_keeps_its_unit():
    found = made(cell("regression"), stick=Yardstick(name="loss", higher_is_better=False, high=float("inf")))
    assert gate_table(found).columns[5] == "gain [90 %]"
    assert gate_table(found).rows[0][3:6] == ("0.600", "0.551", "-0.049 [-0.080, -0.018]")


def test_an_interval_stays_within_what_can_be():
    wide = replace(cell("underpowered").gain, low=-1.4, high=1.2)
    assert "[-100.0, 100.0]" in gate_table(made(cell("underpowered", gain=wide))).rows[0][5]


def test_many_notes_are_cut_and_counted():
    refused = tuple(Refused(model=f"m{at}", condition="rag", reason="only in A") for at in range(25))
    assert "  5 more with --json or --markdown" in gate_text(made(cell("no regression"), refused=refused))


def test_json_is_unrounded_and_complete():
    document = json.loads(gate_json(EVERY))
    assert (document["exit_code"], document["rule"]["margin"]) == (1, 0.05)
    assert document["cells"][0]["gain"]["low"] == -0.0801
    assert [found["reason"] for found in document["refused"]] == ["only in A"]


def test_markdown_leads_with_the_sentence_and_holds_every_cell():
    text = gate_markdown(EVERY)
    assert text.startswith(f"# Gate: change against main\n\n{sentence(EVERY)}")
    assert text.count("| tiny |") == 2
    assert "- prompts changed: d: concise" in text


def test_markdown_without_cells_tells_why():
    text = gate_markdown(made(refused=EVERY.refused))
    assert "## Cells" not in text
    assert "not compared: big rag: only in A" in text


def test_names_from_the_data_are_harmless():
    found = made(cell("regression", model="\x1b[31mred\n| <b>"))
    assert not any("\x1b" in line for line in gate_text(found))
    assert "<b>" not in gate_markdown(found)
