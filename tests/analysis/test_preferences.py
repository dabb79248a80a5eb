"""Bradley-Terry with ties: the likelihood's maximum by search, planted strengths covered, and what has no maximum."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize

from harness.analysis.preferences import Match, preferences

RESULTS = ("a", "b", "tie")


def played(draws: np.random.Generator, strengths: dict[str, float], nu: float, n: int) -> list[Match]:
    names, matches = list(strengths), []
    for place in range(n):
        a, b = draws.choice(len(names), 2, replace=False)
        power = np.exp([strengths[names[a]], strengths[names[b]]])
        weights = np.array([*power, nu * np.sqrt(power.prod())])
        result = RESULTS[int(draws.choice(3, p=weights / weights.sum()))]
        matches.append(Match(a=names[a], b=names[b], result=result, cluster=str(place)))
    return matches


STRENGTHS = {"x": 0.8, "y": 0.0, "z": -0.8}
SOME = played(np.random.default_rng(1), STRENGTHS, 0.5, 120)


def advantage(found: object, a: str, b: str) -> object:
    return next(each for each in found.advantages if (each.a, each.b) == (a, b))


def test_strengths_are_the_maximum_found_by_search() -> None:
    def loss(values: np.ndarray) -> float:
        power, nu = dict(zip("xyz", np.exp([0.0, *values[:2]]), strict=True)), np.exp(values[2])
        total = 0.0
        for match in SOME:
            a, b = power[match.a], power[match.b]
            tie = nu * np.sqrt(a * b)
            total -= np.log({"a": a, "b": b, "tie": tie}[match.result] / (a + b + tie))
        return total

    best = optimize.minimize(loss, np.zeros(3), method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10}).x
    found = preferences(SOME)
    assert advantage(found, "x", "y").log_odds == pytest.approx(-best[0], abs=1e-4)
    assert advantage(found, "x", "z").log_odds == pytest.approx(-best[1], abs=1e-4)
    assert found.tie_weight == pytest.approx(np.exp(best[2]), abs=1e-4)


def test_two_players_without_ties_have_a_closed_form() -> None:
    """The log-odds of 30 to 10 is log 3, its cluster-robust error sqrt(1/30 + 1/10) sqrt(40/39)."""
    rows = ["a"] * 30 + ["b"] * 10
    found = preferences([Match(a="p", b="q", result=result, cluster=str(k)) for k, result in enumerate(rows)])
    assert found.advantages[0].log_odds == pytest.approx(np.log(3))
    assert found.advantages[0].se == pytest.approx(np.sqrt((1 / 30 + 1 / 10) * 40 / 39))
    assert (found.tie_weight, found.ties) == (0.0, 0)


def test_strengths_are_sorted_and_around_zero() -> None:
    found = preferences(SOME)
    assert [row.player for row in found.strengths] == ["x", "y", "z"]
    assert sum(row.strength for row in found.strengths) == pytest.approx(0, abs=1e-9)
    assert sum(row.matches for row in found.strengths) == 2 * found.n
    assert all(row.low < row.strength < row.high for row in found.strengths)


@given(st.randoms())
def test_neither_order_nor_sides_change_anything(random: object) -> None:
    turned = {"a": "b", "b": "a", "tie": "tie"}
    rows = [Match(a=row.b, b=row.a, result=turned[row.result], cluster=row.cluster) for row in SOME]
    random.shuffle(rows)
    there, back = preferences(SOME), preferences(rows)
    assert [row.strength for row in there.strengths] == pytest.approx([row.strength for row in back.strengths])
    assert [row.se for row in there.strengths] == pytest.approx([row.se for row in back.strengths])


def test_matches_of_one_question_played_twice_are_one() -> None:
    once, twice = preferences(SOME), preferences(SOME + SOME)
    assert twice.advantages[0].se == pytest.approx(once.advantages[0].se)
    assert (twice.n, twice.clusters) == (240, 120)


def test_planted_strengths_are_covered_at_their_nominal_rate() -> None:
    """300 replications of 150 matches: the advantage of x over z is covered at .95 within .038."""
    draws, hits = np.random.default_rng(2), []
    for _ in range(300):
        found = advantage(preferences(played(draws, STRENGTHS, 0.5, 150)), "x", "z")
        hits.append(found.low <= 1.6 <= found.high)
    assert abs(np.mean(hits) - 0.95) < 0.038


def rows_of(*results: tuple[str, str, str]) -> list[Match]:
    return [Match(a=a, b=b, result=result, cluster=str(k)) for k, (a, b, result) in enumerate(results)]


@pytest.mark.parametrize(
    ("matches", "reason"),
    [
        ([], "there are no matches"),
        (rows_of(("p", "q", "tie"), ("p", "q", "tie")), "all 2 matches are ties"),
        (rows_of(("p", "q", "a"), ("p", "q", "a")), "'q' never beats or ties its way"),
        (
            rows_of(("p", "q", "a"), ("p", "q", "b"), ("r", "s", "a"), ("r", "s", "b")),
            "'p' never beats or ties its way",
        ),
        ([Match(a="p", b="q", result=result, cluster="one") for result in ("a", "b")], "are in one cluster"),
    ],
)
def test_what_has_no_maximum_says_why(matches: list, reason: str) -> None:
    found = preferences(matches)
    assert found.strengths == ()
    assert reason in found.refused


@pytest.mark.parametrize("wins", [1, 3])
def test_wins_in_one_order_that_ties_interrupt_have_no_maximum(wins: int) -> None:
    found = preferences(rows_of(*[("x", "y", "a")] * wins, ("x", "y", "tie"), ("y", "z", "a"), ("z", "y", "tie")))
    assert found.refused == "strengths are infinite: the wins follow one order, which ties alone interrupt"


@given(
    st.lists(st.tuples(st.sampled_from(["xy", "yz", "xz"]), st.sampled_from(["a", "b", "tie"])), min_size=2, max_size=9)
)
def test_a_maximum_is_found_or_refused_and_never_a_singular_matrix(played_matches: list) -> None:
    found = preferences(rows_of(*((pair[0], pair[1], result) for pair, result in played_matches)))
    if found.refused is None:
        assert np.isfinite([one.strength for one in found.strengths] + [one.se for one in found.strengths]).all()
        assert max(abs(one.strength) for one in found.strengths) < 20


def test_lopsided_matches_still_end() -> None:
    rows = rows_of(*[("p", "q", "a")] * 500, ("p", "q", "b"), *[("q", "r", "a")] * 500, ("q", "r", "tie"))
    found = preferences(rows)
    assert found.strengths[0].player == "p"
    power = {row.player: np.exp(row.strength) for row in found.strengths}
    tie = found.tie_weight * np.sqrt(power["p"] * power["q"])
    # at the maximum a player's expected points are the points it has
    assert 501 * (power["p"] + tie / 2) / (power["p"] + power["q"] + tie) == pytest.approx(500)


def test_a_player_does_not_meet_itself() -> None:
    with pytest.raises(ValueError, match="'p' is matched with itself"):
        preferences(rows_of(("p", "p", "a")))
