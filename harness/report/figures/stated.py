"""What the figures of confidence share: whose confidence, under which condition, and how each quantity looks."""

from collections.abc import Mapping

from harness.analysis.gap import Confidence
from harness.analysis.refusals import Refused
from harness.analysis.uplift_line import UpliftLine
from harness.report.figures.figure import FigureData
from harness.report.figures.look import Look
from harness.report.figures.theme import Style, condition_styles, light

STYLES: Mapping[str, Style] = {
    "accuracy": condition_styles(("direct",))["direct"],
    "confidence": Style(colour=light("violet"), shape="triangle-up", dash=(2, 2)),
    "loss": Style(colour=light("plum"), shape="square"),
    "gap": Style(colour=light("maroon"), shape="diamond", dash=(6, 3)),
}


def first_direct(data: FigureData, look: Look) -> str | Refused:
    """The first condition without passages of the models' own weights and precision."""
    arms = {arm.condition for arm in data.analysis.compared.arms if arm.is_base and arm.context == "none"}
    return next((name for name in look.conditions if name in arms), Refused(reason="needs 1 direct cell, has 0"))


def whole_cells(data: FigureData, condition: str) -> list[Confidence]:
    """The confidence of each cell of a condition over all questions, where any answer has one."""
    found = data.analysis.confidences
    if isinstance(found, Refused):
        return []
    return [one for one in found if one.condition == condition and one.task is None and one.gap.n]


def line_of(data: FigureData, quantity: str, condition: str) -> UpliftLine | Refused:
    """The line of a quantity over size, over all questions."""
    if isinstance(data.analysis.quantities, Refused):
        return data.analysis.quantities
    for one in data.analysis.quantities:
        if (one.quantity, one.condition, one.task) == (quantity, condition, None):
            return one.line
    return Refused(reason=f"no {quantity} under {condition}")
