"""Hostile text in a real browser: shown as text, wherever it stands."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from harness.report.html.page import page
from harness.report.html.visible import visible
from tests.acceptance.page.browsing import SCHEMES, WIDTHS, Browser, Tab
from tests.report.html.made_up_pages import (
    GENERATED,
    HOSTILE,
    hostile_run,
    small_explorer,
    small_pictures,
    small_report,
)
from tests.report.made_up_runs import make_cell, make_question, make_result


@pytest.fixture(scope="module", params=[(width, scheme) for width in WIDTHS for scheme in SCHEMES], ids=str)
def hostile(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Tab]:
    """A hostile page of which a case is open."""
    width, scheme = request.param
    report = small_report([f"{text} m" for text in HOSTILE])
    sections = tuple(replace(section, title=f"{section.title} {HOSTILE[0]}") for section in report.sections)
    whole = replace(report, title=HOSTILE[0], lead=" ".join(HOSTILE[1:7]), sections=sections)
    run = [*hostile_run(), make_result(make_cell("z", 99.0), make_question(99), "wrong", text="long" + "x" * 100_000)]
    html = page(whole, small_pictures(), small_explorer(run), generated=GENERATED)
    shown = browser.show(browser.write(html), width, scheme)
    shown.open_first()
    yield shown
    shown.page.close()


class TestHostile:
    def test_nothing_of_it_is_run(self, hostile: Tab) -> None:
        assert hostile.page.evaluate("window.hacked") is None

    def test_nothing_of_it_is_an_element(self, hostile: Tab) -> None:
        assert hostile.page.evaluate("document.querySelectorAll('img, body script:not([id])').length") == 2

    def test_nothing_is_said_or_asked_for(self, hostile: Tab) -> None:
        assert (hostile.said, len(hostile.asked_for)) == ([], 1)

    def test_the_window_is_wide_enough(self, hostile: Tab) -> None:
        assert hostile.page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    def test_the_drawer_is_wide_enough(self, hostile: Tab) -> None:
        assert hostile.page.locator("dialog").evaluate("(it) => it.scrollWidth <= it.clientWidth")

    @pytest.mark.parametrize("place", range(len(HOSTILE)))
    def test_a_question_is_shown_as_text(self, hostile: Tab, place: int) -> None:
        shown = hostile.page.locator(".case-row .c-question").all_text_contents()
        assert " ".join(visible(HOSTILE[place]).split()) in shown

    def test_a_model_and_its_answer_are_shown_as_text(self, hostile: Tab) -> None:
        shown = hostile.page.locator("dialog").inner_text()
        assert [text for text in (f"{HOSTILE[0]} m0", HOSTILE[1], HOSTILE[2]) if visible(text) not in shown] == []

    def test_a_long_answer_is_whole(self, hostile: Tab) -> None:
        hostile.page.evaluate("document.querySelector('dialog').close()")
        hostile.search("longxxx", "1")
        box = hostile.open_first().locator(".text").first
        assert (len(box.inner_text()), box.evaluate("(it) => it.clientHeight < 500")) == (100_004, True)
