"""The same run told twice, in processes that order sets and dictionaries differently: the same bytes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("vl_convert")
ROOT = Path(__file__).resolve().parents[2]
RENDER = """
import sys
from pathlib import Path
from harness.analysis.run import RunInfo
from harness.analysis.simulate import PlantedModel, Truth
from harness.report.write import write_run
from tests.report.planted_runs import planted_results

models = tuple(
    PlantedModel(name=name, params_b=size, accuracy={"direct": share, "rag": share + 0.2}, loss_nll=2.0 - share)
    for name, size, share in (("s", 2.7e-5, 0.2), ("m", 0.5, 0.4), ("l", 7.0, 0.6))
)
truth = Truth(models=models, questions=12, clusters=6, tasks=("a", "b"))
results = planted_results(truth, 1)
info = RunInfo(run="r", study="s", primary="planted", planned=len(results), higher_is_better={"planted": True})
write_run(results, info, Path(sys.argv[1]))
"""


def rendered(folder: Path, hash_seed: str, epoch: str = "1700000000") -> dict[str, bytes]:
    kept = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed, "SOURCE_DATE_EPOCH": epoch}
    subprocess.run([sys.executable, "-c", RENDER, str(folder)], env=kept, cwd=folder.parent, check=True)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], dict[str, bytes]]:
    folder = tmp_path_factory.mktemp("twice")
    return rendered(folder / "a", "1"), rendered(folder / "b", "4242")


@pytest.mark.parametrize("kind", ["json", "md", "html", "csv", "parquet", "svg", "png", "pdf"])
def test_every_file_has_the_same_bytes(kind: str, both: tuple[dict[str, bytes], dict[str, bytes]]) -> None:
    first, second = ({name: data for name, data in found.items() if name.endswith(f".{kind}")} for found in both)
    assert first
    assert first == second


def test_the_page_tells_the_time_of_source_date_epoch(both: tuple[dict[str, bytes], dict[str, bytes]]) -> None:
    assert b"Generated 2023-11-14" in both[0]["index.html"]
