"""The report as one self-contained page: no request leaves it, and nothing in it runs but its own scripts."""

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import resources
from typing import TYPE_CHECKING

from harness.analysis.extras import require
from harness.report.figures.theme import stylesheet
from harness.report.html.explorer import Explorer
from harness.report.html.pictures import Picture, inlined
from harness.report.html.visible import shortened
from harness.report.sections import Report, Section, Table
from harness.report.wording import NOTHING

if TYPE_CHECKING:
    from jinja2 import Template

KEY_FIGURE = "key_figure"
# the section that the explorer belongs to, where the report has it
QUESTIONS = "questions"
PAGE_SCRIPTS = ("text.js", "page.js")
EXPLORER_SCRIPTS = ("cases.js", "prompt.js", "rows.js", "case.js", "explorer.js")
LINES_SHOWN = 12
NUMBER = re.compile(r"[<>~\u2248]?\s?[+\-\u2212]?\.?\d")
NUMBER_CHARACTERS = 40
NO_NUMBER = ("", NOTHING, "unknown", "none")
ROWS_MOST = 3000
LINE_CHARACTERS = 2000
CELL_CHARACTERS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A picture as the page shows it."""

    stem: str
    caption: str
    svg: str
    narrow: str
    rules: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table as the page shows it: what is beyond `rows` is counted in `left_out`.

    `numbers` are the places of the columns that stand to the right; sentences among them would be hard to read there.
    """

    table: Table
    numbers: frozenset[int]
    rows: Sequence[tuple[str, ...]]
    left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A section as the page shows it: `more` lines are folded away."""

    section: Section
    lines: Sequence[str]
    more: Sequence[str]
    figures: Sequence[Figure]
    grids: Sequence[Grid]


def page(report: Report, pictures: Mapping[str, Picture], explorer: Explorer | None, *, generated: str) -> str:
    """The whole of index.html.

    The parts come in the report's order, its opening ones beside the key figure. A picture stands in the section that
    names its stem; those that no section names stand together at the end. The bytes depend on the arguments alone.

    Args:
        report: what is told; its texts are escaped here.
        pictures: by file stem; `key_figure` is shown on the first screen.
        explorer: the cases, or None for a page without them.
        generated: when the page was made, as it is shown; no clock is read here.

    Raises:
        HarnessError: a picture is no well-formed SVG.
        MissingExtra: jinja2 is not installed.
    """
    figures = {stem: _figure(stem, picture) for stem, picture in pictures.items()}
    opening, parts = _split(report, figures)
    style = _style(figures.values())
    scripts = _script(PAGE_SCRIPTS), *([_script(EXPLORER_SCRIPTS)] if explorer else [])
    return _template().render(
        report=report,
        key_figure=figures.get(KEY_FIGURE),
        opening=opening,
        parts=parts,
        loose=_loose(report, figures),
        explorer=explorer,
        explorer_home=next((part.section.key for part in parts if part.section.key == QUESTIONS), None),
        generated=generated,
        style=style,
        scripts=scripts,
        policy=policy(style, scripts),
    )


def policy(style: str, scripts: Iterable[str]) -> str:
    """The content-security-policy: nothing but this style and these scripts, known by their hashes, and data images."""
    allowed = " ".join(_hash(script) for script in scripts)
    return (
        f"default-src 'none'; script-src {allowed}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}'"


def _split(report: Report, figures: Mapping[str, Figure]) -> tuple[list[Part], list[Part]]:
    """The parts of the first screen and the others; without any that is marked, the first part opens."""
    marked = any(section.opening for section in report.sections)
    opening: list[Part] = []
    others: list[Part] = []
    for place, section in enumerate(report.sections):
        opens = section.opening if marked else place == 0
        (opening if opens else others).append(_part(section, figures))
    return opening, others


def _part(section: Section, figures: Mapping[str, Figure]) -> Part:
    return Part(
        section=section,
        lines=section.lines[:LINES_SHOWN],
        more=section.lines[LINES_SHOWN:],
        figures=[figures[stem] for stem in section.figures if stem in figures and stem != KEY_FIGURE],
        grids=[_grid(table) for table in section.tables],
    )


def _grid(table: Table) -> Grid:
    columns = range(table.names, len(table.columns))
    return Grid(
        table=table,
        numbers=frozenset(place for place in columns if all(_is_number(row[place]) for row in table.rows)),
        rows=table.rows[:ROWS_MOST],
        left_out=max(0, len(table.rows) - ROWS_MOST),
    )


def _is_number(text: str) -> bool:
    """Whether it reads as a number, with what belongs to it, or as the word for none."""
    return len(text) <= NUMBER_CHARACTERS and (text in NO_NUMBER or NUMBER.match(text) is not None)


def _loose(report: Report, figures: Mapping[str, Figure]) -> list[Figure]:
    placed = {stem for section in report.sections for stem in section.figures} | {KEY_FIGURE}
    return [figures[stem] for stem in sorted(figures) if stem not in placed]


def _figure(stem: str, picture: Picture) -> Figure:
    wide = inlined(stem, picture.svg, picture.alt)
    narrow = inlined(f"{stem}-narrow", picture.narrow, picture.alt) if picture.narrow else None
    return Figure(
        stem=stem,
        caption=picture.caption or picture.alt,
        svg=wide.svg,
        narrow=narrow.svg if narrow else "",
        rules={**wide.rules, **(narrow.rules if narrow else {})},
    )


def _style(figures: Iterable[Figure]) -> str:
    rules = {mark: look for figure in figures for mark, look in figure.rules.items()}
    own = [f'[data-look="{mark}"]{{{rules[mark]}}}' for mark in sorted(rules)]
    return "\n".join([stylesheet(), _source("page.css"), *own])


def _script(names: Sequence[str]) -> str:
    return "\n".join(['"use strict";', *(_source(name) for name in names)])


@cache
def _source(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8").replace("\r\n", "\n")


@cache
def _template() -> "Template":
    require("jinja2")
    from jinja2 import FunctionLoader, StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        loader=FunctionLoader(_source),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["line"] = lambda text: shortened(text, LINE_CHARACTERS)
    environment.filters["cell"] = lambda text: shortened(text, CELL_CHARACTERS)
    return environment.get_template("page.html.j2")
