"""The sample report in reports/sample: the models that ship with the package, on a part of their questions.

What is kept is what a reader opens: the page, the Markdown, the JSON and three of the figures. With playwright and a
chromium on the PATH, the page's first screen becomes a picture as well.
Run: python benchmarks/make_sample.py [FOLDER]
"""

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "reports" / "sample"
QUESTIONS = 120
SELECTION = ("--model", "pocket", "--condition", "direct,rag")
METRICS = ("--metric", "exact_match,value_accuracy,loss")
PAGES = ("index.html", "report.md", "summary.json")
FIGURES = ("key_figure", "direct_scaling", "rag_uplift")
SCREEN = "first_screen.png"
WIDTH, HEIGHT = 1280, 860
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking")
EPOCH = "1767225600"  # the first second of 2026: the same answers give the same bytes on any day


def report(folder: Path) -> None:
    """The whole report, from answers that are made for it alone."""
    with tempfile.TemporaryDirectory() as name:
        project = Path(name)
        shutil.copy(ROOT / "benchmarks" / "test_answers.py", project)
        (project / "pyproject.toml").write_text('[tool.harness]\nstudy = "embedded"\n', encoding="utf-8")
        about = ("--limit", str(QUESTIONS), "--run-name", "sample", "--report-dir", str(folder), "--scaling-report")
        subprocess.run(
            [sys.executable, "-m", "pytest", "test_answers.py", *SELECTION, *METRICS, *about],
            cwd=project,
            env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH},
            check=True,
        )


def keep(made: Path, folder: Path) -> None:
    """Put into the folder what a sample is made of, and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "figures").mkdir(parents=True)
    for name in (*PAGES, *(f"figures/{stem}.svg" for stem in FIGURES)):
        shutil.copy(made / name, folder / name)


def photograph(folder: Path) -> None:
    """The page's first screen as a picture."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.goto((folder / "index.html").as_uri())
        page.locator(".case-row").first.wait_for()
        page.screenshot(path=folder / SCREEN)
        browser.close()


def main() -> None:
    folder = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else SAMPLE
    with tempfile.TemporaryDirectory() as name:
        made = Path(name) / "sample"
        report(made)
        keep(made, folder)
    if find_spec("playwright") and shutil.which("chromium"):
        photograph(folder)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            print(f"{path.stat().st_size:>9,}  {path.relative_to(folder)}")


if __name__ == "__main__":
    main()
