"""Where labels of points go: beside their point if there is room, farther off with a leader line, or nowhere."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import hypot

from harness.report.figures.names import text_width
from harness.report.figures.theme import SMALL

GAP = 3.0
RINGS = (0.0, 10.0, 20.0, 32.0, 44.0)
LEADER_FROM = 9.0  # a label farther than this from its point gets a line to it
LEADER_GAP = 2.0
PIECES = 8
LINE = 1.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle in pixels, y growing downwards."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A text that belongs to a point, and the half extent of the point's mark, all in pixels.

    `ends` are the top and the bottom of its interval, where it has one.
    """

    text: str
    x: float
    y: float
    reach: float = 5.0
    ends: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A placed text: its point of alignment, its box, and its leader's two ends if it has one."""

    text: str
    x: float
    y: float
    align: str
    box: Box
    leader: tuple[tuple[float, float], tuple[float, float]] | None = None


def overlap(a: Box, b: Box) -> bool:
    """Whether two boxes share more than an edge."""
    return a.left < b.right and b.left < a.right and a.top < b.bottom and b.top < a.bottom


def place(anchors: Sequence[Anchor], obstacles: Sequence[Box], area: Box, *, size: float = SMALL) -> tuple[Label, ...]:
    """Labels that overlap neither each other nor an obstacle, inside the area, in the order of the anchors.

    An anchor that finds no free place gets no label. Earlier anchors choose first. Marks of all anchors are obstacles,
    and no leader line runs through a label.
    """
    taken = [*obstacles, *(_mark(anchor) for anchor in anchors)]
    found: list[Label] = []
    for anchor in anchors:
        for label in _candidates(anchor, area, size):
            crossed = any(overlap(piece, other.box) for piece in _trail(label) for other in found)
            if not crossed and _is_free(label, taken, area):
                found.append(label)
                taken += [label.box, *_trail(label)]
                break
    return tuple(found)


def spread(places: Sequence[float], gap: float, ends: tuple[float, float]) -> tuple[float, ...]:
    """Places moved apart to at least `gap`, as little as a pass down and a pass up allow, within both ends if they fit.

    Args:
        places: in any order, in pixels.
        gap: between neighbours.
        ends: the least and the greatest place.
    """
    order = sorted(range(len(places)), key=lambda at: places[at])
    moved = [float(value) for value in places]
    for before, at in zip([None, *order], order, strict=False):
        least = ends[0] if before is None else moved[before] + gap
        moved[at] = max(moved[at], least)
    for after, at in zip([None, *reversed(order)], reversed(order), strict=False):
        most = ends[1] if after is None else moved[after] - gap
        moved[at] = min(moved[at], most)
    return tuple(moved)


def _candidates(anchor: Anchor, area: Box, size: float) -> Iterator[Label]:
    """Places for a label, the best first: beside the mark, at the ends of its interval, then farther and farther."""
    width, half = text_width(anchor.text, size), LINE * size / 2
    # above and below, a label moves sideways rather than out of the area
    middle = min(max(anchor.x, area.left + width / 2), area.right - width / 2)
    for place in _around(anchor, middle, half, RINGS[0]):
        yield _label(anchor, place, (width, half))
    if anchor.ends is not None:
        for y in (anchor.ends[0] - GAP - half, anchor.ends[1] + GAP + half):
            # the interval itself leads to it
            yield replace(_label(anchor, (middle, y, "center"), (width, half)), leader=None)
    for ring in RINGS[1:]:
        for place in _around(anchor, middle, half, ring):
            yield _label(anchor, place, (width, half))


def _around(anchor: Anchor, middle: float, half: float, ring: float) -> tuple[tuple[float, float, str], ...]:
    """Eight points of alignment around a mark, `ring` pixels farther off than need be."""
    away, slant = anchor.reach + GAP + ring, 0.75 * ring
    return (
        (anchor.x + away, anchor.y, "left"),
        (anchor.x - away, anchor.y, "right"),
        (middle, anchor.y - away - half, "center"),
        (middle, anchor.y + away + half, "center"),
        (anchor.x + away / 2, anchor.y - slant - half, "left"),
        (anchor.x + away / 2, anchor.y + slant + half, "left"),
        (anchor.x - away / 2, anchor.y - slant - half, "right"),
        (anchor.x - away / 2, anchor.y + slant + half, "right"),
    )


def _label(anchor: Anchor, place: tuple[float, float, str], extent: tuple[float, float]) -> Label:
    (x, y, align), (width, half) = place, extent
    left = x - width * {"left": 0.0, "center": 0.5, "right": 1.0}[align]
    box = Box(left=left, top=y - half, right=left + width, bottom=y + half)
    return Label(text=anchor.text, x=x, y=y, align=align, box=box, leader=_leader(anchor, box))


def _leader(anchor: Anchor, box: Box) -> tuple[tuple[float, float], tuple[float, float]] | None:
    end = (min(max(anchor.x, box.left), box.right), min(max(anchor.y, box.top), box.bottom))
    length = hypot(end[0] - anchor.x, end[1] - anchor.y)
    if length - anchor.reach < LEADER_FROM:
        return None
    start = anchor.reach / length
    return (
        _between((anchor.x, anchor.y), end, start),
        _between((anchor.x, anchor.y), end, 1 - LEADER_GAP / length),
    )


def _between(a: tuple[float, float], b: tuple[float, float], share: float) -> tuple[float, float]:
    return a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])


def _trail(label: Label) -> list[Box]:
    """Small boxes along a label's leader line; none without one."""
    if label.leader is None:
        return []
    steps = [_between(*label.leader, place / PIECES) for place in range(PIECES + 1)]
    return [
        Box(left=min(x, x2) - 0.5, top=min(y, y2) - 0.5, right=max(x, x2) + 0.5, bottom=max(y, y2) + 0.5)
        for (x, y), (x2, y2) in pairwise(steps)
    ]


def _is_free(label: Label, taken: Sequence[Box], area: Box) -> bool:
    box = label.box
    inside = box.left >= area.left and box.right <= area.right and box.top >= area.top and box.bottom <= area.bottom
    return inside and not any(overlap(box, other) for other in taken)


def _mark(anchor: Anchor) -> Box:
    reach = anchor.reach
    return Box(left=anchor.x - reach, top=anchor.y - reach, right=anchor.x + reach, bottom=anchor.y + reach)
