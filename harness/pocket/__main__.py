"""`python -m harness.pocket`: make the ladder again, or its card, or check that the files are what would be made."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness.pocket.build import CARD, FOLDER, Plan, build, expected_card, world_files, write_card
from harness.pocket.recipe import RECIPE, SIZES
from harness.pocket.world import SEED, make_world


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 when all is as it should be, 1 when a check finds a file that is not."""
    chosen = _parser().parse_args(arguments)
    if chosen.command == "build":
        build(_plan(chosen), lambda text: print(text, flush=True))  # noqa: T201 - a program of its own
        return 0
    if not chosen.check:
        write_card(chosen.folder)
        return 0
    stale = stale_files(chosen.folder)
    for name in stale:
        sys.stderr.write(f"{name} is not what would be made now: run python -m harness.pocket build, or card\n")
    return 1 if stale else 0


def stale_files(folder: Path) -> tuple[str, ...]:
    """Names of the world's files, and the card, that differ from what would be written now."""
    expected = {**world_files(make_world(SEED)), CARD: expected_card(folder)}
    return tuple(name for name, text in expected.items() if (folder / name).read_text(encoding="utf-8") != text)


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="python -m harness.pocket", description="Make the pocket ladder.")
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("build", help="world, tokenizer, models, measurements and card, from the seed")
    make.add_argument("--folder", type=Path, default=FOLDER, help="where to write (default: the package's data)")
    make.add_argument("--sizes", nargs="+", choices=tuple(SIZES), default=tuple(SIZES), help="only these sizes")
    make.add_argument("--seeds", type=int, default=3, help="models of each size; the first ships (default: 3)")
    make.add_argument("--steps", type=int, default=RECIPE.steps, help=f"training steps (default: {RECIPE.steps})")
    make.add_argument("--processes", type=int, default=2, help="models trained at a time (default: 2)")
    card = commands.add_parser("card", help="the card, from measured.json")
    card.add_argument("--folder", type=Path, default=FOLDER)
    card.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file would change")
    return parser


def _plan(chosen: Namespace) -> Plan:
    return Plan(
        folder=chosen.folder,
        sizes=tuple(size for size in SIZES if size in chosen.sizes),
        seeds=chosen.seeds,
        recipe=replace(RECIPE, steps=chosen.steps),
        processes=chosen.processes,
    )


if __name__ == "__main__":
    sys.exit(main())
