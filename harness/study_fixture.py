"""The fixture `study`, a function of a module: pytest gives up session fixtures that are methods."""

from typing import TYPE_CHECKING

import pytest

from harness.fixtures import SESSION

if TYPE_CHECKING:
    from harness.study import Study


@pytest.fixture(scope="session")
def study(request: pytest.FixtureRequest) -> "Study":
    """The study: its cells, questions, decoding and retriever."""
    return request.config.stash[SESSION].study
