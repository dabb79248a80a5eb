"""Claims of the study as tests: they run behind all cases, and are skipped while the questions are too few to tell.

State more with `scaling_report`, or declare them as [[claims]] in study.toml: `test_claim` runs once for each.
"""

import pytest

from harness.claim_fixtures import DeclaredClaim
from harness.claims.scaling import ScalingReport
from harness.study import Study

SMALL = "smollm2-135m"


@pytest.fixture(autouse=True)
def its_own_study(study: Study) -> None:
    if study.name != "embedded":
        pytest.skip(f"these are claims of the embedded study, and this is {study.name}")


def test_claim(claim: DeclaredClaim) -> None:
    claim.check()


def test_retrieval_beats_the_model_alone(scaling_report: ScalingReport) -> None:
    scaling_report.beats(f"{SMALL}:rag", f"{SMALL}:direct")


def test_the_right_passage_beats_the_model_alone(scaling_report: ScalingReport) -> None:
    scaling_report.beats(f"{SMALL}:oracle", f"{SMALL}:direct", by=0.05)


def test_retrieval_is_as_good_as_the_right_passage(scaling_report: ScalingReport) -> None:
    scaling_report.matches(f"{SMALL}:rag", f"{SMALL}:oracle", margin=0.1)


def test_the_right_passage_makes_the_gold_answer_more_likely(scaling_report: ScalingReport) -> None:
    scaling_report.beats(f"{SMALL}:oracle", f"{SMALL}:direct", metric="loss")


def test_the_model_knows_almost_none_of_the_invented_facts(scaling_report: ScalingReport) -> None:
    scaling_report.cell(f"{SMALL}:direct").at_most(correct=0.25)
