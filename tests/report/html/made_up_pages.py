"""Made-up pages: a small run, a report of it, and texts that try to break out of a page."""

from collections.abc import Sequence

from harness.prompts.catalog import find_template
from harness.records import CaseResult, Passage
from harness.report.html.explorer import Explorer, explorer
from harness.report.html.page import page
from harness.report.html.pictures import Picture
from harness.report.sections import Report, Section, Table
from tests.report.made_up_runs import make_cell, make_question, make_result

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 300">'
    '<text x="10" y="30" fill="var(--figure-ink,#1f2328)">tiny</text>'
    '<path id="clip0" d="M0,0L720,300" stroke="var(--figure-blue,#064e9b)"/></svg>'
)
HACK = "<script>window.hacked=1</script><img src=x onerror='window.hacked=1'>"
HOSTILE = (
    f"{HACK}</script></style></template><!-- ]]> -->",
    "\x1b[31mred\x1b[0m \x07 \x9b31m",
    "=cmd|' /C calc'!A0 +1 -1 @SUM(A1)",
    "::error file=a,line=1::boo\n::add-mask::x %0A",
    "\u202ereversed\u202c \u2066x\u2069 \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "Z\u0351\u0363\u0365\u035bA\u0318\u0321\u0349L\u0308\u0301G\u0336\u0335O\u0337 e\u0301",
    "{{ 7 * 7 }} {% raw %} {{ ''.__class__ }} ${1} &amp; \"quoted\" 'too'",
    "\ud800 lone \U000e0041tag \u200bzero \ufeff",
)
TASKS = ("knowledge", "compositional")
GENERATED = "2026-01-02 03:04 UTC"


def small_run(models: Sequence[str] = ("tiny", "large"), questions: int = 12) -> list[CaseResult]:
    """Two conditions, questions of two tasks, and every outcome at least once; the second of two passages is gold."""
    outcomes = ("correct", "wrong", "blank", "unparsed", "error", None, "wrong")
    passages = (
        Passage(id="p-other", text="Somewhere else.", title="Other"),
        Passage(id="p-gold", text="The line is long.", title="Ferries", document="d1"),
    )
    asked = [
        make_question(place, task=TASKS[place % 2], gold_passages=("p-gold",), text=f"How long is ferry line {place}?")
        for place in range(questions)
    ]
    return [
        make_result(
            make_cell(model, 0.1 * 10**size, condition),
            question,
            outcomes[(place + size) % len(outcomes)],
            passages=() if condition == "direct" else passages,
            latency_s=0.25 * (place + 1),
        )
        for size, model in enumerate(models)
        for condition in ("direct", "rag")
        for place, question in enumerate(asked)
    ]


def hostile_run() -> list[CaseResult]:
    """Hostile texts as model names, questions, passages, answers, gold answers, tasks, data sets and ids."""
    return [
        make_result(
            make_cell(f"{text} m{turn}", 0.1 * (turn + 1), "rag"),
            make_question(
                place,
                id=f"q{place} {asked}",
                text=asked,
                answers=(asked,),
                task=asked,
                dataset=asked,
                unit=asked,
                gold_passages=(asked,),
            ),
            "wrong",
            text=text,
            passages=(Passage(id=asked, text=text, title=text, document=asked),),
            refs=(asked,),
        )
        for turn, text in enumerate(HOSTILE)
        for place, asked in enumerate(HOSTILE)
    ]


def small_report(names: Sequence[str] = ("tiny", "large")) -> Report:
    """A first screen and some sections, of which one has a table wider than a telephone."""
    wide = tuple(f"column {place}" for place in range(14))
    rows = tuple((name, *(f"{10 * place + turn}.5 [1, 2]" for place in range(13))) for turn, name in enumerate(names))
    few = Table(columns=("model", "params", "note"), rows=(("b", "1.5B", "x"), ("a", "-", "y"), ("c", "135M", "z")))
    return Report(
        title="made-up: what size buys",
        lead="Study ferries: 40 of 48 planned cases answered.",
        sections=(
            Section(title="Verdicts", lines=tuple(f"{name} + rag beats direct" for name in names), opening=True),
            Section(title="Flags", lines=("No flag was raised.",), opening=True),
            Section(title="Direct scaling", lines=("One line.",), figures=("direct_scaling",), table=few),
            Section(
                title="Wide", table=Table(columns=wide, rows=rows, caption="A wide table"), notes=("How to read.",)
            ),
            Section(title="Many lines", lines=tuple(f"line {place}" for place in range(20)), detail=True, table=few),
        ),
        notes=("Said once.",),
    )


def small_pictures() -> dict[str, Picture]:
    """A key figure, one of a section, one of no section."""
    return {
        stem: Picture(svg=SVG, alt=f"{stem} shows that size buys 3 points.", caption="n = 12 questions per point.")
        for stem in ("key_figure", "direct_scaling", "loose_figure")
    }


def small_explorer(results: Sequence[CaseResult]) -> Explorer:
    """The explorer of a run whose data sets all use the concise template."""
    return explorer(results, {result.case.question.dataset: find_template("concise") for result in results})


def small_page(results: Sequence[CaseResult] | None = None, report: Report | None = None) -> str:
    """A whole page."""
    found = small_run() if results is None else results
    return page(report or small_report(), small_pictures(), small_explorer(found), generated=GENERATED)
