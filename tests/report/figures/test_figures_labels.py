"""Labels that overlap nothing."""

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report.figures.labels import Anchor, Box, Label, overlap, place, spread

AREA = Box(left=0, top=0, right=400, bottom=250)
PLACES = st.tuples(st.floats(0, 400), st.floats(0, 250))
ANCHORS = st.lists(
    st.builds(
        lambda at, text, tall: Anchor(text=text, x=at[0], y=at[1], ends=(at[1] - tall, at[1] + tall) if tall else None),
        PLACES,
        st.text(alphabet="abcim", min_size=1, max_size=15),
        st.one_of(st.none(), st.floats(1, 60)),
    ),
    max_size=15,
)


def inside(box: Box, area: Box) -> bool:
    across = area.left <= box.left and box.right <= area.right
    return across and area.top <= box.top and box.bottom <= area.bottom


@given(ANCHORS)
def test_labels_overlap_neither_each_other_nor_a_mark_and_stay_inside(anchors: list[Anchor]) -> None:
    placed = place(anchors, [], AREA)
    marks = [Box(left=one.x - 5, top=one.y - 5, right=one.x + 5, bottom=one.y + 5) for one in anchors]
    assert not any(overlap(a.box, b.box) for a, b in combinations(placed, 2))
    assert not any(overlap(label.box, mark) for label in placed for mark in marks)
    assert all(inside(label.box, AREA) for label in placed)


@given(ANCHORS, st.lists(PLACES, max_size=5))
def test_labels_keep_off_obstacles(anchors: list[Anchor], corners: list[tuple[float, float]]) -> None:
    walls = [Box(left=x, top=y, right=x + 60, bottom=y + 30) for x, y in corners]
    placed = place(anchors, walls, AREA)
    assert not any(overlap(label.box, wall) for label in placed for wall in walls)


@given(ANCHORS)
def test_no_leader_runs_through_a_label(anchors: list[Anchor]) -> None:
    placed = place(anchors, [], AREA)
    for label in placed:
        (x, y), (x2, y2) = label.leader or ((-1, -1), (-1, -1))
        points = [(x + (x2 - x) * part / 40, y + (y2 - y) * part / 40) for part in range(41)]
        others = [other.box for other in placed if other is not label]
        assert not [box for box in others for x, y in points if box.left < x < box.right and box.top < y < box.bottom]


def only(anchor: Anchor, obstacles: list[Box]) -> Label:
    (found,) = place([anchor], obstacles, AREA)
    return found


def test_a_label_stands_at_the_right_of_its_point_where_there_is_room() -> None:
    found = only(Anchor(text="abc", x=100, y=100), [])
    assert (found.align, found.leader) == ("left", None)
    assert found.box.left > 105


def test_at_the_right_edge_it_stands_at_the_left() -> None:
    assert only(Anchor(text="abc", x=399, y=100), []).align == "right"


def test_beside_a_wall_it_stands_at_the_end_of_the_interval() -> None:
    wall = Box(left=60, top=70, right=140, bottom=130)
    found = only(Anchor(text="abc", x=100, y=100, ends=(60, 140)), [wall])
    assert found.box.bottom == pytest.approx(57)
    assert found.leader is None


def test_a_label_far_from_its_point_has_a_leader_that_ends_near_both() -> None:
    wall = Box(left=80, top=85, right=180, bottom=115)
    found = only(Anchor(text="abc", x=100, y=100), [wall])
    assert found.leader is not None
    (x, y), _ = found.leader
    assert (x - 100) ** 2 + (y - 100) ** 2 == pytest.approx(25)


def test_without_any_room_there_is_no_label() -> None:
    assert place([Anchor(text="abc", x=100, y=100)], [AREA], AREA) == ()


@given(st.lists(st.floats(0, 400), min_size=1, max_size=20))
def test_spread_places_keep_their_order_and_distance_inside_the_ends(places: list[float]) -> None:
    moved = spread(places, 10, (0, 400))
    order = sorted(range(len(places)), key=lambda at: places[at])
    assert all(moved[b] - moved[a] >= 10 - 1e-9 for a, b in pairwise(order))
    assert min(moved) >= -1e-9
    assert max(moved) <= 400 + 1e-9


def test_places_far_apart_stay() -> None:
    assert spread([30, 10, 20], 5, (0, 100)) == (30, 10, 20)
