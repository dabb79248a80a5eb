"""The explorer in a real browser: filters, sorting, one case, long lists."""

from pathlib import Path

import pytest

from harness.records import Passage
from tests.acceptance.page.browsing import Browser, Tab
from tests.report.html.made_up_pages import small_page, small_run
from tests.report.made_up_runs import make_cell, make_question, make_result


class TestFilters:
    @pytest.mark.parametrize(
        ("name", "value", "count"),
        [
            ("model", "tiny", 24),
            ("condition", "rag", 24),
            ("task", "compositional", 24),
            ("outcome", "error", 8),
            ("outcome", "missing", 6),
        ],
    )
    def test_a_choice_leaves_its_cases(self, tab: Tab, name: str, value: str, count: int) -> None:
        tab.choose(name, value)
        assert tab.status == f"{count} of 48 cases"

    def test_choices_add_up(self, tab: Tab) -> None:
        for name, value in (("model", "tiny"), ("condition", "rag"), ("task", "knowledge")):
            tab.choose(name, value)
        assert tab.status == "6 of 48 cases"

    def test_words_are_found_in_questions(self, tab: Tab) -> None:
        tab.search("FERRY line 11?", "4")
        assert all("line 11?" in row for row in tab.rows)

    def test_words_are_found_in_answers(self, tab: Tab) -> None:
        tab.search("{broken", "8")
        assert all("unparsed" in row for row in tab.rows)

    def test_what_nothing_matches_is_said(self, tab: Tab) -> None:
        tab.search("no such words", "0")
        assert tab.page.locator(".empty").is_visible()

    def test_filters_can_be_cleared(self, tab: Tab) -> None:
        tab.choose("model", "tiny")
        tab.page.get_by_role("button", name="Clear").click()
        tab.page.locator("#explorer-status", has_text="48 of 48 cases").wait_for()
        assert tab.page.locator("form.filters [name=model]").input_value() == ""


def column(tab: Tab, name: str) -> list[str]:
    return [str(cell.inner_text()) for cell in tab.page.locator(f".case-row .c-{name}").all()]


class TestSorting:
    def test_a_head_sorts_and_sorts_back(self, tab: Tab) -> None:
        head = tab.page.get_by_role("columnheader", name="Latency").get_by_role("button")
        head.click()
        upwards = column(tab, "latency")[0]
        head.click()
        assert (upwards, column(tab, "latency")[0]) == ("250 ms", "2.75 s")

    def test_a_head_tells_how_it_sorted(self, tab: Tab) -> None:
        head = tab.page.get_by_role("columnheader", name="Score")
        head.get_by_role("button").click()
        assert head.get_attribute("aria-sort") == "ascending"

    def test_what_has_no_number_comes_last_both_ways(self, tab: Tab) -> None:
        head = tab.page.get_by_role("columnheader", name="Tokens").get_by_role("button")
        head.click()
        head.click()
        assert column(tab, "tokens")[0] == "4"

    def test_a_telephone_sorts_by_a_list(self, browser: Browser, small: Path) -> None:
        shown = browser.show(small, 390)
        shown.choose("sort", "outcome")
        assert "correct" in shown.rows[0]
        shown.page.close()

    def test_a_table_is_sorted_by_the_keyboard(self, tab: Tab) -> None:
        head = tab.page.locator("#direct-scaling th button", has_text="params")
        head.focus()
        tab.page.keyboard.press("Enter")
        names = tab.page.locator("#direct-scaling tbody th").all_inner_texts()
        assert (names, tab.page.locator("#direct-scaling th").nth(1).get_attribute("aria-sort")) == (
            ["c", "b", "a"],
            "ascending",
        )

    def test_a_table_sorts_names_as_words(self, tab: Tab) -> None:
        head = tab.page.locator("#direct-scaling th button", has_text="model")
        head.click()
        head.click()
        assert tab.page.locator("#direct-scaling tbody th").all_inner_texts() == ["c", "b", "a"]


class TestOneCase:
    def test_it_shows_every_models_answer(self, tab: Tab) -> None:
        tab.search("line 11?", "4")
        rows = tab.open_first().locator("table tbody tr").all_inner_texts()
        assert [row.split("\t")[0] for row in rows] == ["tiny", "tiny", "large", "large"]

    def test_it_marks_the_gold_passage_alone(self, tab: Tab) -> None:
        tab.choose("condition", "rag")
        marked = tab.open_first().locator(".passages li", has=tab.page.locator(".gold")).all_inner_texts()
        assert [text.split("\n")[0] for text in marked] == ["[2] Ferries p-gold gold"]

    def test_it_names_gold_passages_that_were_not_shown(self, tab: Tab) -> None:
        tab.choose("condition", "direct")
        assert tab.open_first().locator(".unseen").inner_text() == "Gold, but not shown: p-gold"

    def test_it_shows_the_prompt(self, tab: Tab) -> None:
        tab.choose("condition", "rag")
        prompt = tab.open_first().locator("details.prompt")
        prompt.locator("summary").click()
        assert "[1] Other: Somewhere else.\n\n[2] Ferries: The line is long." in prompt.inner_text()

    def test_it_shows_scores_tokens_and_latency(self, tab: Tab) -> None:
        text = tab.open_first().inner_text()
        wanted = (
            "value_accuracy@1 (decides)",
            "40 in the prompt, 4 in the answer",
            "250 ms, 8 prompts answered together",
        )
        assert [part for part in wanted if part not in text] == []

    def test_next_goes_through_the_list(self, tab: Tab) -> None:
        tab.choose("model", "large")
        drawer = tab.open_first()
        drawer.get_by_role("button", name="Next").click()
        drawer.get_by_role("heading", name="How long is ferry line 1?").wait_for()
        assert drawer.locator(".who").inner_text().startswith("large, direct")

    def test_the_first_has_none_before_it(self, tab: Tab) -> None:
        assert tab.open_first().get_by_role("button", name="Previous").is_disabled()

    def test_another_answer_can_be_opened(self, tab: Tab) -> None:
        drawer = tab.open_first()
        drawer.locator("table button").last.click()
        drawer.locator(".who", has_text="large, rag").wait_for()
        assert drawer.locator("tr[aria-current]").count() == 1

    def test_escape_leads_back_to_the_list(self, tab: Tab) -> None:
        tab.page.locator(".cases").focus()
        tab.page.keyboard.press("ArrowDown")
        tab.page.keyboard.press("Enter")
        tab.page.locator("dialog[open]").wait_for()
        tab.page.keyboard.press("Escape")
        assert tab.page.evaluate("document.activeElement.getAttribute('role')") == "grid"

    def test_its_address_opens_it_again(self, tab: Tab, browser: Browser, small: Path) -> None:
        tab.search("line 7?", "4")
        tab.open_first()
        again = browser.show(small, hash_=tab.page.evaluate("location.hash"))
        again.page.locator("dialog[open]").wait_for()
        assert "How long is ferry line 7?" in again.page.locator("dialog[open] h2").inner_text()
        again.page.close()

    def test_passages_that_did_not_fit_are_not_in_the_prompt(self, browser: Browser) -> None:
        passages = (Passage(id="p1", text="first"), Passage(id="p2", text="second"))
        cut = make_result(
            make_cell(condition="rag"), make_question(1), "wrong", passages=passages, truncated_passages=1
        )
        shown = browser.show(browser.write(small_page([cut])))
        drawer = shown.open_first()
        drawer.locator("details.prompt summary").click()
        told = (drawer.locator(".lost").count(), "second" in drawer.locator("details.prompt").inner_text())
        assert told == (1, False)
        shown.page.close()


class TestLists:
    def test_only_rows_in_sight_are_in_the_document(self, browser: Browser) -> None:
        shown = browser.show(browser.write(small_page(small_run(questions=2000))))
        assert (shown.status, len(shown.rows) < 40) == ("8,000 of 8,000 cases", True)
        shown.page.close()

    def test_the_last_row_can_be_reached_by_a_key(self, tab: Tab) -> None:
        tab.page.locator(".cases").focus()
        tab.page.keyboard.press("End")
        tab.page.locator("#case-row-47").wait_for()
        assert tab.page.locator(".cases").get_attribute("aria-activedescendant") == "case-row-47"

    def test_a_page_key_moves_by_what_is_in_sight(self, tab: Tab) -> None:
        tab.page.locator(".cases").focus()
        tab.page.keyboard.press("PageDown")
        tab.page.keyboard.press("PageUp")
        assert tab.page.locator(".cases").get_attribute("aria-activedescendant") == "case-row-0"
