"""What became of a claim, and the rule that makes p-values a verdict."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from harness.analysis.multiplicity import Adjusted, adjust

Verdict = Literal["holds", "fails", "inconclusive", "untested"]
ALPHA = 0.05  # one-sided, in either direction


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimResult:
    """One claim as it was judged.

    `name` is the claim in words, `message` one paragraph with the numbers. `n` counts the questions it rests on, None
    when there are none. `needed` questions would tell with a chance of .80; None when it is told, or when no number
    can be given, for which `why` has the reason. "untested" is a claim over cells that this run was not to ask.
    `label` is that of a claim of the study file, None of one that a test states.
    """

    name: str
    verdict: Verdict
    message: str
    n: int | None = None
    needed: int | None = None
    why: str | None = None
    label: str | None = None

    @property
    def sentence(self) -> str:
        """The claim and its verdict in one line: "a matches b within 5 points: inconclusive, needs about 420 ..."."""
        if self.needed is not None:
            return f"{self.name}: {self.verdict}, needs about {self.needed} questions, has {self.n}"
        return f"{self.name}: {self.verdict}" + (f" ({self.why})" if self.why else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What the data say of a claim before it is judged.

    `support` is the one-sided p-value of the claim's contrary, `against` that of the claim itself: a small one says
    that it holds, or that it does not. Both are None exactly when `why` says why nothing was tested; else `why` says
    what is in the way when neither is small.
    """

    claim: str
    numbers: str = ""
    n: int | None = None
    support: float | None = None
    against: float | None = None
    needed: int | None = None
    why: str = ""
    untested: bool = False


class Undecided(Exception):
    """Nothing can be tested; with `untested` because the run was not to ask these cells."""

    def __init__(self, why: str, *, untested: bool = False, numbers: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.untested = untested
        self.numbers = numbers


def undecided(claim: str, found: Undecided, n: int | None = None) -> Finding:
    """The finding of a claim that could not be tested."""
    return Finding(claim=claim, numbers=found.numbers, n=n, why=found.why, untested=found.untested)


def judge(findings: Sequence[Finding]) -> tuple[ClaimResult, ...]:
    """The verdicts of claims that are one family, in order.

    A claim holds when the test of its contrary rejects at .05, and fails when the test of the claim itself does; it is
    never taken to hold because nothing was found against it. Both sets of p-values are adjusted by Holm over the
    family: the chance that any false claim holds is at most .05, and so is the chance that any true one fails.
    """
    support, against = (
        adjust([getattr(found, side) for found in findings], exploratory=False) for side in ("support", "against")
    )
    return tuple(_result(*each) for each in zip(findings, support, against, strict=True))


def _result(found: Finding, support: Adjusted | None, against: Adjusted | None) -> ClaimResult:
    verdict, decisive = _verdict(found, support, against)
    parts = [f"{found.claim}: {'does not hold' if verdict == 'fails' else verdict}.", found.numbers]
    if decisive is not None:
        parts.append(_rule(decisive))
    elif found.needed is not None:
        parts.append(f"That is too few to tell: about {found.needed} questions are needed, it has {found.n}.")
    else:
        parts.append(f"{found.why[:1].upper()}{found.why[1:]}.")
    made = ClaimResult(name=found.claim, verdict=verdict, message=" ".join(filter(None, parts)), n=found.n)
    if decisive is not None:
        return made
    return replace(made, needed=found.needed) if found.needed is not None else replace(made, why=found.why)


def _verdict(found: Finding, support: Adjusted | None, against: Adjusted | None) -> tuple[Verdict, Adjusted | None]:
    if support is None or against is None:
        return "untested" if found.untested else "inconclusive", None
    if against.p <= ALPHA:
        return "fails", against
    return ("holds", support) if support.p <= ALPHA else ("inconclusive", None)


def _rule(decisive: Adjusted) -> str:
    p = "p < .001" if decisive.p < 0.001 else f"p = {decisive.p:.3f}".replace("0.", ".")  # noqa: PLR2004 - as it is told
    over = f"by Holm over {decisive.size} claims" if decisive.size > 1 else "of this claim alone"
    return f"One-sided {p}, {over}."
