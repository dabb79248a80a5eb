"""What the answers of one process cost, by the services' own counts and the list prices."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.providers.prices import cost_usd
from harness.providers.services import is_remote
from harness.providers.spending import Spent
from harness.records import Answer, ModelSpec


@dataclass(slots=True, kw_only=True)
class Bill:
    """Dollars of `priced` answers of services; `unpriced` others cost nobody knows what.

    `not_asked` counts the questions that a limit of cost kept from being asked.
    """

    usd: float = 0.0
    priced: int = 0
    unpriced: int = 0
    not_asked: int = 0

    def add(self, model: ModelSpec, answer: Answer) -> None:
        """Count a new answer; one of a model that runs on this machine is on no bill."""
        if not is_remote(model.provider):
            return
        usd = cost_usd(model, answer.prompt_tokens, answer.output_tokens)
        if usd is None:
            self.unpriced += 1
        else:
            self.usd, self.priced = self.usd + usd, self.priced + 1

    def told(self) -> list[float]:
        """The bill as numbers, to be sent to another process."""
        return [self.usd, self.priced, self.unpriced, self.not_asked]

    def add_told(self, numbers: Sequence[float]) -> None:
        """Add another process's bill."""
        self.usd += numbers[0]
        self.priced, self.unpriced, self.not_asked = (
            mine + int(other)
            for mine, other in zip((self.priced, self.unpriced, self.not_asked), numbers[1:], strict=True)
        )


def bill_lines(bill: Bill, limit_usd: float | None, spent: Spent | None) -> list[str]:
    """What is told of the cost at the end of a run; nothing where no service answered and nothing was limited.

    Args:
        bill: of all processes of the run.
        limit_usd: what may be spent, None without a limit.
        spent: what all starts of the run have spent, None without a limit.
    """
    lines = []
    if bill.priced:
        lines.append(f"cost: {bill.usd:.6f} dollars at list prices for {bill.priced} answers of this run")
    if bill.unpriced:
        lines.append(f"cost: not known for {bill.unpriced} answers of services: they are not in the price table")
    if limit_usd is not None and spent is not None:
        lines.append(
            f"--max-cost-usd {limit_usd:g}: {spent.settled_usd:.6f} dollars spent by all starts of this run, "
            f"{spent.reserved_usd:.6f} set aside, {bill.not_asked} questions not asked"
        )
    return lines
