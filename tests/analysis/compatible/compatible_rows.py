"""Reference vectors, and made-up experiment rows, for the tests of the compatible numbers."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import strategies as st

from harness.analysis.compatible.experiments import published_rows

REFERENCE = Path(__file__).resolve().parents[3].parent / "shared" / "reference"


def reference(name: str) -> Path:
    path = REFERENCE / name
    if not path.exists():
        pytest.skip(f"the reference vector {name} is not beside this checkout")
    return path


def golden(name: str) -> Any:
    return json.loads(reference(name).read_text(encoding="utf-8"))


def golden_rows() -> pd.DataFrame:
    return published_rows(pd.read_csv(reference("golden_variance_input.csv")))


def row(model: str = "m", dataset: str = "d", kind: str = "rag", **levels: object) -> dict[str, object]:
    return {"model": model, "params_b": 1.0, "tier": "tiny", "dataset": dataset, "kind": kind, "f1": 0.5, **levels}


def frame(*rows: dict[str, object]) -> pd.DataFrame:
    columns = [*row(), "prompt"]
    return pd.DataFrame(list(rows), columns=None if rows else columns)


scores = st.integers(min_value=-20, max_value=120).map(lambda hundredths: hundredths / 100)


@st.composite
def experiment_frames(draw: st.DrawFn, *, least: int = 0) -> pd.DataFrame:
    """Few levels, so that ties, empty strata and single rows are common; some scores are missing."""
    sizes = {"s": 1.0, "m": 3.0, "l": 7.0, "u": None}
    tiers = {"s": "tiny", "m": "small", "l": "medium", "u": None}
    made = draw(
        st.lists(
            st.tuples(
                st.sampled_from(sorted(sizes)),
                st.sampled_from(["d1", "d2", "d3"]),
                st.sampled_from(["direct", "rag", "rag", "ft"]),
                st.sampled_from(["cot", "concise", None]),
                st.sampled_from([3, 5]),
                scores | st.sampled_from([float("nan"), float("inf")]),
            ),
            min_size=least,
            max_size=30,
        )
    )
    names = ["model", "dataset", "kind", "prompt", "top_k", "f1"]
    rows = pd.DataFrame(made, columns=names)
    return rows.assign(
        params_b=[sizes[name] for name in rows["model"]],
        tier=pd.Series([tiers[name] for name in rows["model"]], rows.index, dtype="object"),
        f1=rows["f1"].astype("float64"),
    )
