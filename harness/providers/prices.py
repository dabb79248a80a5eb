"""What tokens cost, by the exact id of a model; an id that is not in the dated table has an unknown cost."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

from harness.errors import HarnessError
from harness.providers.remote_options import read_options
from harness.providers.services import SERVICES
from harness.records import ModelSpec

MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Dollars per million tokens; `seen` is the day of the price table, None for the user's own figures."""

    input_usd_per_m: float
    output_usd_per_m: float
    seen: date | None = None

    def usd(self, prompt_tokens: int, output_tokens: int) -> float:
        """What so many tokens cost, in dollars."""
        return (prompt_tokens * self.input_usd_per_m + output_tokens * self.output_usd_per_m) / MILLION


def price_of(model: ModelSpec) -> Price | None:
    """The price of a model: the user's own, else the table's for that exact id; None where it is not known.

    A model that runs on this machine has none, and neither has one that its service's client is told to ask elsewhere:
    no bill is known to be sent, and what it costs is not known.

    Raises:
        StudyError: the model's options cannot be read.
    """
    spec = SERVICES.get(model.provider)
    if spec is None:
        return None
    if "usd_per_million" in model.options and (own := read_options(model, spec).usd_per_million) is not None:
        return Price(input_usd_per_m=own[0], output_usd_per_m=own[1])
    if str(model.options.get("base_url", spec.base_url)).rstrip("/") != str(spec.base_url):
        return None
    row = _table().get(spec.prices or "", {}).get(model.server_name or model.name)
    return (
        None if row is None else Price(input_usd_per_m=row["input"], output_usd_per_m=row["output"], seen=row["seen"])
    )


def cost_usd(model: ModelSpec, prompt_tokens: int, output_tokens: int) -> float | None:
    """What an answer cost in dollars, from its own token counts; None where the price is not known."""
    price = price_of(model)
    return None if price is None else price.usd(prompt_tokens, output_tokens)


def require_price(model: ModelSpec) -> Price:
    """The price of a model whose spending is limited.

    Raises:
        HarnessError: it is not known, so that no limit could be kept.
    """
    price = price_of(model)
    if price is None:
        raise HarnessError(
            f"--max-cost-usd cannot be kept for {model.name!r}: the price of {model.server_name or model.name!r} at "
            f"{model.provider} is not known: add usd_per_million = {{ input = ..., output = ... }} to its options"
        )
    return price


@cache
def _table() -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    return tomllib.loads(files("harness.providers").joinpath("prices.toml").read_text(encoding="utf-8"))
