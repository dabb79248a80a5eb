"""The five sizes and how they are trained; everything was chosen on questions that no report asks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Mode = Literal["ft", "rag-ft"]
MODES: tuple[Mode, ...] = ("ft", "rag-ft")
"""What an adapter is taught on: questions alone, or passages with questions about them."""
RANK = 4
TUNING_PART = 4
"""An adapter is trained for a model's steps divided by this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """One rung: the shape of its decoder, and its learning rates for embeddings and norms, and for matrices."""

    name: str
    width: int
    layers: int
    heads: int
    hidden: int
    rate: float
    muon_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What all sizes share. `closed_rows` and `open_rows` make one step's batch, each row `row_tokens` long."""

    steps: int = 1200
    closed_rows: int = 5
    open_rows: int = 8
    row_tokens: int = 160
    betas: tuple[float, float] = (0.9, 0.98)
    decay: float = 0.05
    clip: float = 1.0
    warm_share: float = 0.03
    last_share: float = 0.02


RECIPE = Recipe()
HEAD_SIZE = 32
"""The width of every attention head, also where that is more than its share of the model's: vLLM takes no narrower."""
SIZES: Mapping[str, Size] = {
    size.name: size
    for size in (
        Size(name="xs", width=24, layers=2, heads=2, hidden=8, rate=0.0055, muon_rate=0.012),
        Size(name="s", width=32, layers=2, heads=2, hidden=64, rate=0.012, muon_rate=0.012),
        Size(name="m", width=64, layers=3, heads=2, hidden=128, rate=0.01, muon_rate=0.012),
        Size(name="l", width=128, layers=3, heads=4, hidden=256, rate=0.01, muon_rate=0.012),
        Size(name="xl", width=224, layers=4, heads=7, hidden=448, rate=0.006, muon_rate=0.01),
    )
}
