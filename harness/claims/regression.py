"""The claim that no cell is worse than in a stored run by the margin or more, from the gate over both."""

from dataclasses import replace

from harness.analysis.gate import Gate, GateCell
from harness.claims.results import Finding
from harness.claims.wording import bounds, change, distance


def unregressed(gate: Gate) -> Finding:
    """Whether every compared cell loses less than the margin against the baseline.

    All cells must pass their test, and one that fails it is enough, each at its p-value over all cells (Holm). A cell
    whose answers and scores are the same in both runs was not changed, and passes.
    """
    share = gate.yardstick.column is None
    what = "" if share else f" in {gate.yardstick.name}"
    claim = f"no cell loses {distance(gate.rule.margin, share=share)} or more against {gate.a}{what}"
    if not gate.cells:
        return Finding(
            claim=claim, why=f"no cell can be compared: {gate.refused[0].reason if gate.refused else 'none'}"
        )
    changed = [cell for cell in gate.cells if cell.held is not None and cell.worse is not None]
    unsure = [cell for cell in gate.cells if cell.held is None and cell.verdict == "underpowered"]
    worst = min(changed or gate.cells, key=lambda cell: cell.gain.estimate)
    found = Finding(claim=claim, numbers=_numbers(gate, worst, share=share), n=worst.n)
    if unsure:
        return replace(found, why=f"nothing was tested in {unsure[0].model}:{unsure[0].condition}: {unsure[0].reason}")
    return replace(
        found,
        # where nothing was changed, nothing can have been lost
        support=max((cell.held.p for cell in changed if cell.held is not None), default=0.0),
        against=min((cell.worse.p for cell in changed if cell.worse is not None), default=1.0),
        needed=_needed(changed),
        why="the loss that was measured lies at the margin: no number of questions is sure to tell",
    )


def _numbers(gate: Gate, worst: GateCell, *, share: bool) -> str:
    count = len(gate.refused)
    left = f"; {count} cell{'' if count == 1 else 's'} could not be compared" if count else ""
    return (
        f"Of {len(gate.cells)} cells {worst.model}:{worst.condition} changed for the worst, by "
        f"{change(worst.gain.estimate, share=share)} {bounds(worst.gain, share=share, signed=True)} "
        f"on {worst.n} questions{left}."
    )


def _needed(cells: list[GateCell]) -> int | None:
    """What the cell that needs most needs; None where it has as many already, or none would do."""
    numbers = [(cell.power.n_needed, cell.n) for cell in cells]
    short = [needed for needed, n in numbers if needed is not None and needed > n]
    return max(short) if short else None
