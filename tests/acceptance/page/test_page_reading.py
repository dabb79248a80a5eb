"""The page in a real browser: it keeps to itself, and can be read by everyone at every width and in both themes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.report.html.page import page
from harness.report.sections import Report
from tests.acceptance.page.browsing import SCHEMES, WIDTHS, Browser, Tab
from tests.report.html.made_up_pages import GENERATED

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
