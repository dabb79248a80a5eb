"""Captions, tooltips and findings: the same words for the same things under every figure."""

from collections.abc import Iterable, Mapping, Sequence

from harness.analysis.intervals import Interval
from harness.analysis.refusals import Refused
from harness.analysis.verdicts import percent
from harness.report.figures.look import Look
from harness.report.figures.names import SHOWN, clean

NAMES_MOST = 40
NAME_MOST = 80


def sentence(*parts: str) -> str:
    """The parts that say something, as one caption on one line."""
    return " ".join(" ".join(part.split()) for part in parts if part)


def n_words(counts: Iterable[int], what: str = "question", of: str = "per point") -> str:
    """How many stand behind each number: "n = 200 questions per point", "n = 180 to 200 questions per point"."""
    known = sorted(set(counts))
    if not known:
        return ""
    plural = what if known[-1] == 1 else f"{what}s"
    told = f"{known[0]}" if len(known) == 1 else f"{known[0]} to {known[-1]}"
    return f"n = {told} {plural} {of}".rstrip() + "."


def interval_words(found: Iterable[Interval], mark: str = "Bars") -> str:
    """What the intervals are, by their methods, and how many points have none."""
    known = list(found)
    methods = sorted({one.method for one in known if one.low is not None})
    levels = sorted({one.level for one in known})
    without = sum(one.low is None for one in known)
    told = f"{mark}: {100 * levels[-1]:g} % intervals ({'; '.join(methods)})." if methods else "No interval."
    return told + (f" {without} of {len(known)} points have none." if without and methods else "")


def name_words(look: Look, models: Sequence[str]) -> str:
    """The full names of the models whose labels are shortened."""
    full = {model: clean(model, NAME_MOST) for model in models}
    told = [f"{look.names[model]} is {name}" for model, name in full.items() if look.names[model] != name]
    more = len(told) - NAMES_MOST
    return "" if not told else f"Names: {'; '.join(told[:NAMES_MOST])}{f'; and {more} more' if more > 0 else ''}."


def unsized_words(look: Look, models: Iterable[str]) -> str:
    """Which models have no place on an axis of sizes."""
    names = [clean(model, SHOWN) for model in dict.fromkeys(models) if look.sizes_b.get(model) is None]
    return f"Not shown, since their size is not known: {', '.join(names)}." if names else ""


def share_tip(name: str, found: Interval, unit: str = "%") -> str:
    """A point in full: "tiny · rag: 62.0 [55.1, 68.4] %, n = 200"."""
    return f"{name}: {percent(found, 1)} {unit}, n = {found.n}"


def points_tip(name: str, found: Interval) -> str:
    """A difference of shares in points, with its interval: "tiny · rag: +3.0 [+0.5, +5.5] points, n = 200"."""
    ends = "" if found.low is None or found.high is None else f" [{signed(found.low)}, {signed(found.high)}]"
    return f"{name}: {signed(found.estimate)}{ends} points, n = {found.n}"


def value_tip(name: str, found: Interval, unit: str) -> str:
    """A point that is no share, with three significant digits."""
    ends = "" if found.low is None or found.high is None else f" [{found.low:.3g}, {found.high:.3g}]"
    return f"{name}: {found.estimate:.3g}{ends} {unit}".rstrip() + f", n = {found.n}"


def cell_name(model: str, condition: str, repeat: int = 0) -> str:
    """A cell in full, on one line and without anything invisible."""
    again = f" #{repeat + 1}" if repeat else ""
    return f"{clean(model, NAME_MOST)} · {clean(condition, NAME_MOST)}{again}"


def whole(share: float) -> str:
    """A share in whole percent."""
    return f"{100 * share:.0f} %"


def signed(share: float) -> str:
    """A difference of shares in points with its sign, never "-0"."""
    shown = f"{100 * share:+.1f}"
    return "0.0" if shown in {"-0.0", "+0.0"} else shown


def reasons(parts: Mapping[str, object]) -> str:
    """Why parts of a figure are missing."""
    told = [f"{name}: {part.reason}" for name, part in parts.items() if isinstance(part, Refused)]
    return f"Not shown: {'; '.join(told)}." if told else ""
