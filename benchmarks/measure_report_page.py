"""Size of the page of many planted cases, seconds to make it, and seconds until its explorer filters, as JSON.

The cases are 10 models x 5 conditions over made-up questions, with answers of 100 characters, three of 1,000 passages
of 400 characters each, and six metrics; the words are drawn at random, so that they pack worse than sentences do. The
page is opened from its file in headless chromium. "first_paint_to_filter_s" runs from the first contentful paint to the
moment when the first choice of a filter is in the list; medians of runs.
Run: python benchmarks/measure_report_page.py [CASES] [RUNS] [FILE.json]
"""

import json
import os
import platform
import resource
import shutil
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from harness.prompts.catalog import find_template
from harness.records import (
    Answer,
    Case,
    CaseResult,
    Cell,
    Condition,
    Context,
    ModelSpec,
    Outcome,
    Passage,
    Question,
    Reading,
    Score,
)
from harness.report.html.explorer import explorer
from harness.report.html.page import page
from harness.report.sections import Report, Section, Table

MODELS, PASSAGES, TOP_K = 10, 1_000, 3
CONDITIONS = ("direct", "rag", "oracle", "distractor", "rag@4bit")
CONTEXTS: tuple[Context, ...] = ("none", "retrieved", "gold", "distractor", "retrieved")
METRICS = ("exact_match", "f1", "contains", "answer_words", "value_accuracy", "loss")
WORDS, ANSWER_CHARACTERS, PASSAGE_CHARACTERS = 2_000, 100, 400
BYTES_MOST, SECONDS_MOST = 12_000_000, 2.0
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking")
FIRST_FILTER = """() => new Promise((resolve) => {
  const select = document.querySelector("form.filters select[name=model]");
  const status = document.getElementById("explorer-status");
  const whole = status.textContent;
  select.value = select.options[select.options.length - 1].value;
  const started = performance.now();
  select.dispatchEvent(new Event("input", { bubbles: true }));
  requestAnimationFrame(() => requestAnimationFrame(() => resolve({
    paint: performance.getEntriesByName("first-contentful-paint")[0].startTime,
    ready: performance.getEntriesByName("explorer-ready")[0].startTime,
    filter: performance.now() - started,
    changed: status.textContent !== whole,
  })));
})"""


def text(draw: Random, words: list[str], characters: int) -> str:
    found = " ".join(draw.choices(words, k=characters // 4))
    return found[:characters]


def planted(cases: int) -> list[CaseResult]:
    draw = Random(7)  # noqa: S311 - made-up data
    letters = "etaoinshrdlucmfwygpbvk"
    words = ["".join(draw.choices(letters, range(22, 0, -1), k=draw.randint(2, 9))) for _ in range(WORDS)]
    passages = [
        Passage(id=f"p{place:04d}", title=text(draw, words, 20), text=text(draw, words, PASSAGE_CHARACTERS))
        for place in range(PASSAGES)
    ]
    questions = [
        Question(
            id=f"q{place:05d}",
            text=text(draw, words, 60) + "?",
            answers=(text(draw, words, 12),),
            dataset="planted",
            gold_passages=(passages[place % PASSAGES].id,),
            task=f"task {place % 4}",
        )
        for place in range(cases // (MODELS * len(CONDITIONS)))
    ]
    return [result(draw, cell, question, (passages, words)) for cell in cells() for question in questions]


def cells() -> list[Cell]:
    return [
        Cell(
            model=ModelSpec(name=f"planted-{size}m", family="planted", params_b=size / 1000, context_length=4096),
            condition=Condition(name=name, context=context),
            label=f"planted-{size}m:{name}",
        )
        for size in (int(100 * 1.8**place) for place in range(MODELS))
        for name, context in zip(CONDITIONS, CONTEXTS, strict=True)
    ]


def result(draw: Random, cell: Cell, question: Question, made: tuple[list[Passage], list[str]]) -> CaseResult:
    passages, words = made
    first = draw.randrange(PASSAGES)
    shown = () if cell.condition.context == "none" else tuple(passages[(first + k) % PASSAGES] for k in range(TOP_K))
    scores = tuple(
        Score(metric=name, version=1, value=draw.random() if name in {"f1", "loss"} else float(draw.randrange(2)))
        for name in METRICS
    )
    outcome: Outcome = "correct" if scores[0].value else "wrong"
    said = text(draw, words, ANSWER_CHARACTERS)
    answer = Answer(
        text=said,
        prompt_tokens=draw.randint(30, 400),
        output_tokens=draw.randint(5, 64),
        latency_s=draw.lognormvariate(0, 1),
        concurrency=16,
    )
    return CaseResult(
        case=Case(cell=cell, question=question, label=f"{cell.label}-{question.id}".replace(":", "-")),
        key="",
        outcome=outcome,
        answer=answer,
        reading=Reading(value=said),
        passages=shown,
        scores=scores,
        primary=scores[0],
        confidence=draw.random(),
        confidence_source="sequence",
    )


def report() -> Report:
    rows = tuple((cell.model.name, cell.condition.name, "50.0 [48.0, 52.0]") for cell in cells())
    table = Table(columns=("model", "condition", "right % [95 %]"), rows=rows, names=2)
    return Report(title="planted", lead="Made-up cases.", sections=(Section(title="Cells", table=table),))


def written(cases: int, path: Path) -> dict[str, float]:
    results = planted(cases)
    templates = {"planted": find_template("concise")}
    started, clock = time.process_time(), time.perf_counter()
    found = explorer(results, templates)
    packed = time.perf_counter()
    html = page(report(), {}, found, generated="-")
    path.write_text(html, encoding="utf-8", newline="\n")
    return {
        "cases": found.cases,
        "bytes": path.stat().st_size,
        "explorer_s": round(packed - clock, 2),
        "page_s": round(time.perf_counter() - packed, 2),
        "cpu_s": round(time.process_time() - started, 2),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2, 2),
    }


def opened(path: Path, runs: int) -> dict[str, object]:
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        return {"skipped": "no chromium on the PATH"}
    found = []
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=chromium, args=list(FLAGS))
        for _ in range(runs):
            tab = browser.new_page(viewport={"width": 1440, "height": 900})
            tab.goto(path.as_uri(), wait_until="commit")
            tab.wait_for_selector("html[data-explorer=ready]", timeout=120_000)
            found.append(tab.evaluate(FIRST_FILTER))
            tab.close()
        version = browser.version
        browser.close()
    spans = [(run["ready"] - run["paint"] + run["filter"]) / 1000 for run in found]
    return {
        "chromium": version,
        "runs": runs,
        "first_paint_s": round(statistics.median(run["paint"] for run in found) / 1000, 3),
        "first_filter_s": round(statistics.median(run["filter"] for run in found) / 1000, 3),
        "first_paint_to_filter_s": round(statistics.median(spans), 3),
        "first_paint_to_filter_s_each": [round(span, 3) for span in spans],
        "filters": all(run["changed"] for run in found),
    }


def main() -> None:
    given = sys.argv[1:]
    cases, runs = int(given[0]) if given else 100_000, int(given[1]) if len(given) > 1 else 5
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "index.html"
        found: dict[str, object] = {"datetime": datetime.now(UTC).isoformat(), **written(cases, path)}
        found |= opened(path, runs)
    found |= {"bytes_most": BYTES_MOST, "seconds_most": SECONDS_MOST}
    found["machine"] = {"system": platform.system(), "machine": platform.machine(), "cores": os.cpu_count()}
    shown = json.dumps(found, indent=2)
    if len(given) > 2:  # noqa: PLR2004 - the third is a file
        Path(given[2]).write_text(shown + "\n", encoding="utf-8")
    print(shown)


if __name__ == "__main__":
    main()
