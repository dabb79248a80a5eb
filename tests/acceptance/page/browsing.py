"""A browser for tests of the page: pages opened from files, and what they say and ask for."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WIDTHS = (1440, 390)
SCHEMES = ("light", "dark")
SETTLED_MS = 30_000


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
