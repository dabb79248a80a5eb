"""Chromium, and the small page in it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.page.browsing import Browser, Tab
from tests.report.html.made_up_pages import small_page

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium on the PATH")
    with sync_api.sync_playwright() as player:
        started = player.chromium.launch(executable_path=chromium, args=FLAGS)
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
