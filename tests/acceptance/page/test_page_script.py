"""What the page's script does a second time comes out as in Python."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.prompts.catalog import find_template
from harness.prompts.render import messages
from harness.records import Passage, Prompt, Shot, Template
from harness.report.html.explorer import _template
from harness.report.html.visible import visible
from tests.acceptance.page.browsing import Browser, Tab
from tests.report.html.made_up_pages import HOSTILE

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=("Cs",)), max_size=40)
PASSAGE = st.builds(Passage, id=st.just("p"), title=ANY_TEXT, text=ANY_TEXT)


@pytest.fixture(scope="module")
def long_lived(browser: Browser, small: Path) -> Iterator[Tab]:
    """A page for tests that only call functions of its script."""
    shown = browser.show(small)
    yield shown
    shown.page.close()


class TestSameAsInPython:
    @settings(max_examples=40)
    @given(st.lists(st.text(st.characters(codec=None, exclude_categories=())) | st.sampled_from(HOSTILE), max_size=20))
    def test_the_script_spells_hidden_characters_alike(self, long_lived: Tab, texts: list[str]) -> None:
        # lone surrogates do not pass between the two processes
        sent = [text.encode("utf-16", "replace").decode("utf-16") for text in texts]
        assert long_lived.page.evaluate("(texts) => texts.map(visible)", sent) == [visible(text) for text in sent]

    def test_the_script_spells_lone_surrogates_alike(self, long_lived: Tab) -> None:
        assert long_lived.page.evaluate(r"visible('\ud800a\udfff')") == visible("\ud800a\udfff")

    @settings(max_examples=40)
    @given(
        st.sampled_from(["concise", "cot", "cited", "concise-json", "completion", "concise+1", "concise-json+1"]),
        ANY_TEXT | st.sampled_from(["{passages}", "{question} $& $1", *HOSTILE[:7]]),
        st.lists(PASSAGE, max_size=3),
    )
    def test_the_script_writes_the_same_prompt(
        self, long_lived: Tab, name: str, question: str, passages: list[Passage]
    ) -> None:
        template = found_template(name)
        prompt = Prompt(template=template, question=question, passages=tuple(passages))
        rows = [[passage.id, passage.title, passage.text, ""] for passage in passages]
        turns = long_lived.page.evaluate(
            "([template, question, passages]) => promptTurns(template, question, passages)",
            [_template(template), question, rows],
        )
        assert turns == [[turn.role, turn.content] for turn in messages(prompt)]


def found_template(name: str) -> Template:
    shots = [Shot(question="Which {question}?", answer="That", passages=(Passage(id="s", text="It is."),), refs=("s",))]
    return find_template(name, shots)
