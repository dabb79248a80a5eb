"""The page in a real browser: it works, keeps to itself, can be read by everyone, and shows hostile text as text."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.prompts.catalog import find_template
from harness.prompts.render import messages
from harness.records import Passage, Prompt, Shot, Template
from harness.report.html.explorer import _template
from harness.report.html.page import page
from harness.report.html.visible import visible
from harness.report.sections import Report
from tests.report.html.made_up_pages import (
    GENERATED,
    HOSTILE,
    hostile_run,
    small_explorer,
    small_page,
    small_pictures,
    small_report,
    small_run,
)
from tests.report.made_up_runs import make_cell, make_question, make_result

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on the PATH")

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
WIDTHS = (1440, 390)
SCHEMES = ("light", "dark")
SETTLED_MS = 30_000
ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=("Cs",)), max_size=40)
PASSAGE = st.builds(Passage, id=st.just("p"), title=ANY_TEXT, text=ANY_TEXT)
LOW_CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const found = rgb(getComputedStyle(at).backgroundColor);
      if (found[3] === 255) return found;
    }
    return [255, 255, 255, 255];
  };
  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const low = new Set();
  let seen = 0;
  while (words.nextNode()) {
    const element = words.currentNode.parentElement;
    if (!words.currentNode.data.trim() || !element.checkVisibility()) continue;
    seen += 1;
    const style = getComputedStyle(element);
    const [one, other] = [light(rgb(element.closest("svg") ? style.fill : style.color)), light(ground(element))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < 4.5) low.add(`${ratio.toFixed(2)} ${element.tagName} ${element.className} ${words.currentNode.data}`);
  }
  return { seen, low: [...low] };
}"""


@dataclass
class Tab:
    """An open page, and what its browser had to say."""

    page: Any
    said: list[str] = field(default_factory=list)
    asked_for: list[str] = field(default_factory=list)

    @property
    def rows(self) -> list[str]:
        return [row.inner_text() for row in self.page.locator(".case-row").all()]

    @property
    def status(self) -> str:
        return str(self.page.locator("#explorer-status").inner_text())

    def choose(self, name: str, value: str) -> None:
        self.page.locator(f"form.filters [name={name}]").select_option(value)

    def search(self, words: str, count: str) -> None:
        self.page.locator("form.filters [name=words]").fill(words)
        self.page.locator("#explorer-status").filter(has_text=re.compile(f"^{count} of ")).wait_for()

    def open_first(self) -> Any:
        self.page.locator(".case-row").first.click()
        self.page.locator("dialog[open]").wait_for()
        return self.page.locator("dialog[open]")


@dataclass
class Browser:
    """A browser that opens pages from files and notes what they do."""

    context: Any
    folder: Path
    pages: int = 0

    def write(self, html: str) -> Path:
        self.pages += 1
        path = self.folder / f"{self.pages}.html"
        path.write_text(html, encoding="utf-8", newline="\n")
        return path

    def show(self, path: Path, width: int = 1440, scheme: str = "light", hash_: str = "") -> Tab:
        opened = self.context.new_page()
        opened.set_viewport_size({"width": width, "height": 900})
        opened.emulate_media(color_scheme=scheme)
        tab = Tab(page=opened)
        opened.on("console", lambda message: tab.said.append(message.text))
        opened.on("pageerror", lambda error: tab.said.append(str(error)))
        opened.on("request", lambda request: tab.asked_for.append(request.url.partition("#")[0]))
        opened.goto(path.as_uri() + hash_)
        opened.wait_for_selector("html[data-explorer=ready]", timeout=SETTLED_MS)
        opened.wait_for_function("document.querySelector('.c-answer bdi')?.textContent", timeout=SETTLED_MS)
        return tab


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with sync_api.sync_playwright() as player:
        started = player.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield Browser(context=started.new_context(), folder=tmp_path_factory.mktemp("pages"))
        started.close()


@pytest.fixture(scope="module")
def small(browser: Browser) -> Path:
    return browser.write(small_page())


@pytest.fixture
def stranger(browser: Browser, small: Path) -> Iterator[Tab]:
    """The page in a browser that remembers nothing, and whose memory is thrown away."""
    own = Browser(context=browser.context.browser.new_context(), folder=browser.folder)
    yield own.show(small)
    own.context.close()


@pytest.fixture
def tab(browser: Browser, small: Path) -> Iterator[Tab]:
    shown = browser.show(small)
    yield shown
    shown.page.close()


@pytest.fixture(scope="module")
def long_lived(browser: Browser, small: Path) -> Iterator[Tab]:
    """A page for tests that only call functions of its script."""
    shown = browser.show(small)
    yield shown
    shown.page.close()


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


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
class TestEverywhere:
    @pytest.fixture
    def tab(self, browser: Browser, small: Path, width: int, scheme: str) -> Iterator[Tab]:
        shown = browser.show(small, width, scheme)
        yield shown
        shown.page.close()

    def test_nothing_is_said_on_the_console(self, tab: Tab) -> None:
        tab.open_first()
        assert tab.said == []

    def test_only_the_file_itself_is_asked_for(self, tab: Tab, small: Path) -> None:
        tab.open_first()
        assert tab.asked_for == [small.as_uri()]

    def test_the_body_is_no_wider_than_the_window(self, tab: Tab, width: int) -> None:
        assert tab.page.evaluate("document.documentElement.scrollWidth") == width

    def test_text_has_contrast(self, tab: Tab) -> None:
        found = tab.page.evaluate(LOW_CONTRAST)
        assert (found["seen"] > 50, found["low"]) == (True, [])

    def test_text_of_an_open_case_has_contrast(self, tab: Tab) -> None:
        tab.choose("condition", "rag")
        tab.open_first()
        found = tab.page.evaluate(LOW_CONTRAST)
        assert (found["seen"] > 50, found["low"]) == (True, [])

    def test_an_open_case_is_no_wider_than_the_window(self, tab: Tab) -> None:
        drawer = tab.open_first()
        assert drawer.evaluate("(it) => it.scrollWidth <= it.clientWidth")

    def test_a_model_can_be_chosen(self, tab: Tab) -> None:
        tab.choose("model", "large")
        assert {row.split("\n")[0] for row in tab.rows} == {"large"}


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


class TestPage:
    def test_the_theme_can_be_changed(self, stranger: Tab) -> None:
        ground = "getComputedStyle(document.documentElement).backgroundColor"
        before = stranger.page.evaluate(ground)
        stranger.page.get_by_role("button", name="Dark theme").click()
        assert (before, stranger.page.evaluate(ground)) == ("rgb(255, 255, 255)", "rgb(21, 24, 29)")

    def test_the_theme_reaches_the_figures(self, stranger: Tab) -> None:
        ink = "getComputedStyle(document.querySelector('#figure-key_figure text')).fill"
        before = stranger.page.evaluate(ink)
        stranger.page.get_by_role("button", name="Dark theme").click()
        assert (before, stranger.page.evaluate(ink)) == ("rgb(31, 35, 40)", "rgb(230, 232, 235)")

    def test_the_theme_is_remembered(self, stranger: Tab) -> None:
        stranger.page.get_by_role("button", name="Dark theme").click()
        stranger.page.reload()
        assert stranger.page.get_by_role("button", name="Light theme").is_visible()

    def test_contents_are_folded_on_a_telephone(self, browser: Browser, small: Path) -> None:
        shown = browser.show(small, 390)
        before = shown.page.locator("nav a").first.is_visible()
        shown.page.locator("nav summary").click()
        assert (before, shown.page.locator("nav a").first.is_visible()) == (False, True)
        shown.page.close()

    def test_contents_stay_in_sight_on_a_wide_screen(self, tab: Tab) -> None:
        tab.page.evaluate("scrollTo({ top: 2000, behavior: 'instant' })")
        assert tab.page.locator("nav a").first.evaluate("(it) => it.getBoundingClientRect().top") > 0

    def test_the_first_tab_skips_to_the_report(self, tab: Tab) -> None:
        tab.page.keyboard.press("Tab")
        assert tab.page.evaluate("document.activeElement.hash") == "#main"

    def test_what_has_the_focus_is_seen(self, tab: Tab) -> None:
        tab.page.keyboard.press("Tab")
        assert tab.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"

    def test_a_wide_table_scrolls_in_its_own_box(self, browser: Browser, small: Path) -> None:
        shown = browser.show(small, 390)
        assert shown.page.locator("#wide .scroll").evaluate("(it) => it.scrollWidth > it.clientWidth")
        shown.page.close()

    def test_all_pictures_are_named(self, tab: Tab) -> None:
        unnamed = "[...document.querySelectorAll('svg, img')].filter((it) => !it.ariaLabel && !it.alt).length"
        assert tab.page.evaluate(unnamed) == 0

    def test_print_leaves_out_what_paper_cannot_do(self, tab: Tab) -> None:
        tab.page.emulate_media(media="print")
        shown = [tab.page.locator(part).first.is_visible() for part in ("nav", "#theme", ".explorer", "h1", "#wide")]
        assert shown == [False, False, False, True, True]

    def test_print_unfolds_and_folds_again(self, tab: Tab) -> None:
        count = "document.querySelectorAll('main details[open]').length"
        before = tab.page.evaluate(count)
        opened = tab.page.evaluate(f"(dispatchEvent(new Event('beforeprint')), {count})")
        assert (before, opened, tab.page.evaluate(f"(dispatchEvent(new Event('afterprint')), {count})")) == (0, 2, 0)

    def test_the_report_can_be_read_without_scripts(self, browser: Browser, small: Path) -> None:
        context = browser.context.browser.new_context(java_script_enabled=False)
        plain = context.new_page()
        plain.goto(small.as_uri())
        seen = [plain.get_by_text(text).first.is_visible() for text in ("tiny + rag beats direct", "allow JavaScript")]
        assert seen == [True, True]
        context.close()

    def test_a_browser_that_cannot_unpack_says_so(self, browser: Browser, small: Path) -> None:
        old = browser.context.new_page()
        old.add_init_script("delete window.DecompressionStream")
        old.goto(small.as_uri())
        old.locator("#explorer-status", has_text="cannot unpack").wait_for()
        assert old.locator(".cases").count() == 0
        old.close()

    def test_a_page_without_cases_says_nothing_on_the_console(self, browser: Browser) -> None:
        said: list[str] = []
        opened = browser.context.new_page()
        opened.on("console", lambda message: said.append(message.text))
        opened.on("pageerror", lambda error: said.append(str(error)))
        bare = Report(title="t", lead="l", sections=())
        opened.goto(browser.write(page(bare, {}, None, generated=GENERATED)).as_uri())
        assert said == []
        opened.close()


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
