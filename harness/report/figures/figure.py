"""A figure as a value: one specification, what it shows in words, and what it is drawn from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis.refusals import Refused

if TYPE_CHECKING:  # processes that only draw go without the analysis
    from harness.analysis.frame import CaseTables
    from harness.analysis.summary import RunSummary
    from harness.analysis.whole import Analysis

Spec = dict[str, object]
WIDE, NARROW = 720, 360
ROOMY = 500  # pixels from which on panels stand beside each other


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FigureData:
    """What figures are drawn from: the aggregates, the analysis, and the cases that both were made of."""

    summary: "RunSummary"
    analysis: "Analysis"
    tables: "CaseTables"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Figure:
    """One figure.

    `alt` states the finding in one sentence, `caption` says n and what the intervals are; both are plain text and
    unescaped. `spec` is a Vega-Lite specification in the colours of the light theme, laid out for `width` pixels.
    """

    stem: str
    title: str
    alt: str
    caption: str
    spec: Spec
    width: int = WIDE


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a figure is called and says, for those that are drawn alike: `unit` names its axis of values."""

    stem: str
    title: str
    alt: str = ""
    unit: str = ""
    label: str = ""
    notes: str = ""


Drawer = Callable[[FigureData, int], Figure | Refused]
