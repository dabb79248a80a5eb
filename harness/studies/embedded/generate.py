"""Make the temporal and compositional questions from the corpus, the facts and a seed.

`python -m harness.studies.embedded.generate` writes them into questions.jsonl, after the rows that were written by
hand; with `--check` nothing is written, and the exit code is 1 when the file is not what would be written.
"""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from harness.records import Question
from harness.studies.embedded.chronicle import chronicle
from harness.studies.embedded.compositional import compositional
from harness.studies.embedded.drafts import line, numbered
from harness.studies.embedded.facts import FOLDER, read_facts, read_passages
from harness.studies.embedded.reckoning import reckoning

SEED = 1703
TASKS = ("temporal", "compositional")


def generated(folder: Path = FOLDER, seed: int = SEED) -> tuple[Question, ...]:
    """The generated questions, temporal before compositional; the same for the same files and seed.

    Raises:
        DataError: a fact is not what its passage says.
    """
    passages, facts = read_passages(folder), read_facts(folder)
    return (
        *numbered((*chronicle(facts, seed), *reckoning(seed)), "temporal", passages),
        *numbered(compositional(facts, passages, seed), "compositional", passages),
    )


def questions_text(folder: Path = FOLDER, seed: int = SEED) -> str:
    """What questions.jsonl is to hold: its hand-written lines as they are, then the generated ones."""
    lines = (folder / "questions.jsonl").read_text(encoding="ascii").splitlines()
    kept = [text for text in lines if json.loads(text)["task"] not in TASKS]
    return "".join(f"{text}\n" for text in (*kept, *map(line, generated(folder, seed))))


def main(arguments: Sequence[str] | None = None, folder: Path = FOLDER) -> int:
    """Write the file, or check it; 0 when it is as it should be, 1 when a check finds it different."""
    parser = ArgumentParser(prog="python -m harness.studies.embedded.generate", description="Make questions.jsonl.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the file would change")
    path = folder / "questions.jsonl"
    text = questions_text(folder)
    if not parser.parse_args(arguments).check:
        path.write_bytes(text.encode("ascii"))
        return 0
    if path.read_bytes() == text.encode("ascii"):
        return 0
    sys.stderr.write(f"{path.name} is not what the generator makes: run python -m harness.studies.embedded.generate\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
