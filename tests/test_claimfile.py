from pathlib import Path

import pytest

from harness.claimfile import CLAIMS, cells_of, labelled
from harness.errors import StudyError, UnknownName
from harness.records import Selection
from harness.study import build_study
from harness.studyfile import builtin_text, parse_study

MATCHES = 'kind = "matches"\na = "planted-3b:rag"\nb = "planted-7b:direct"\n'


def claims(text: str):
    return parse_study(f"[[claims]]\n{text}", "study file x").claims


def study(text: str, **selected):
    return build_study(
        parse_study(f"{builtin_text('planted')}\n[[claims]]\n{text}", "x"), Selection(**selected), Path()
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('kind = "macthes"', "claims.0.kind = 'macthes' is no kind of claim: did you mean 'matches'?"),
        ('a = "x"', "claims.0.kind = None is no kind of claim"),
        (f"{MATCHES}marign = 0.1", "unknown key 'claims.0.matches.marign': did you mean 'margin'?"),
        (f"{MATCHES}margin = 2", "claims.0.matches.margin = 2"),
        ('kind = "matches"\na = "x"', "claims.0.matches.b"),
        ('kind = "at_least"\ncell = "x"\nvalue = nan', "claims.0.at_least.value"),
        ('kind = "grows_with_size"\nquantity = "up"', "claims.0.grows_with_size.quantity = 'up'"),
        (f'{MATCHES}label = "a b"', "claims.0.matches.label = 'a b'"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(text, told):
    with pytest.raises(StudyError) as caught:
        claims(text)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_claim_that_is_no_table_is_refused():
    with pytest.raises(StudyError, match=r"claims\.0"):
        parse_study("claims = [1]", "x")


def test_every_kind_has_a_table():
    assert sorted(CLAIMS) == [
        "at_least",
        "at_most",
        "beats",
        "calibrated",
        "grows_with_size",
        "matches",
        "no_regression",
        "shrinks_with_size",
    ]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        (MATCHES, "planted-3b:rag-matches-planted-7b:direct"),
        (f'{MATCHES}label = "small-is-enough"', "small-is-enough"),
        ('kind = "at_most"\ncell = "a:rag"\nmetric = "loss"\nvalue = 1.5', "a:rag-loss-at-most-1.5"),
        ('kind = "calibrated"\nmodel = "a"\nmax_ece = 0.1', "a-calibrated"),
        ('kind = "grows_with_size"\nquantity = "gap"\ntask = "far reaching"', "gap-far_reaching-grows-with-size"),
        ('kind = "no_regression"\nbaseline = "reports/main"', "no-regression-reports_main"),
    ],
)
def test_a_label_says_what_the_claim_says(text, label):
    assert list(labelled(claims(text))) == [label]


def test_claims_that_say_the_same_are_counted():
    (one,) = claims(MATCHES)
    assert list(labelled([one, one, one]))[1:] == [
        "planted-3b:rag-matches-planted-7b:direct~2",
        "planted-3b:rag-matches-planted-7b:direct~3",
    ]


def test_a_claim_names_its_cells():
    (matches,), (trend,) = claims(MATCHES), claims('kind = "grows_with_size"\nquantity = "gap"')
    assert cells_of(matches) == ("planted-3b:rag", "planted-7b:direct")
    assert cells_of(trend) == ()


def test_a_study_has_its_claims_by_label():
    assert list(study(MATCHES).claims) == ["planted-3b:rag-matches-planted-7b:direct"]


def test_a_cell_that_the_options_leave_out_is_no_mistake():
    found = study(MATCHES, models=("planted-3b",), conditions=("rag",), limit=1)
    assert "planted-7b:direct" in found.elsewhere
    assert "planted-3b:rag" not in found.elsewhere
    assert found.claims


def test_nothing_is_left_out_without_options():
    assert study(MATCHES).elsewhere == ()


@pytest.mark.parametrize(
    "text",
    [
        'kind = "beats"\na = "planted-3b:rga"\nb = "planted-7b:direct"',
        'kind = "at_least"\ncell = "planted-3b"\nvalue = 0.5',
        'kind = "calibrated"\nmodel = "planted-4b"\nmax_ece = 0.1',
    ],
)
def test_an_unknown_cell_is_told_at_the_door(text):
    with pytest.raises(UnknownName, match=r"unknown cell in .*did you mean 'planted-"):
        study(text)
