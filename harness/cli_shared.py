"""What the commands share: the project they stand in, their common options, and how they print."""

import json
from pathlib import Path
from typing import Annotated

import typer

from harness.options import DEFAULT_STORE, Project, read_project

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
StudyName = Annotated[str | None, typer.Option("--study", help="Study file, or a built-in study.")]
StoreFile = Annotated[str | None, typer.Option("--store", help=f"The file that keeps the answers [{DEFAULT_STORE}].")]
ModelNames = Annotated[list[str] | None, typer.Option("--model", help="Models, instead of the study's.")]


def this_project() -> Project:
    """The project of the current folder, or of the nearest folder above that has one."""
    here = Path.cwd()
    found = (read_project(folder) for folder in (here, *here.parents))
    return next((project for project in found if project.uses), Project(root=here))


def print_json(value: object) -> None:
    """Print the value as JSON."""
    typer.echo(json.dumps(value, indent=2, default=str, ensure_ascii=False))


def print_table(head: list[str], rows: list[list[str]]) -> None:
    """Print rows of text under a head, in columns as wide as their longest cell."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    for row in [head, *rows]:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
