"""The embedded study's files hold what they promise."""

import json
import re
import string
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import harness.studies.embedded

FOLDER = Path(harness.studies.embedded.__file__).parent
FILES = ("corpus.jsonl", "questions.jsonl", "shots.jsonl", "facts.jsonl")
# What each unanswerable question asks for would be said with this word, and the entity's passage lacks it.
ASKED_FOR = {
    "u001": ("ferry-coot", "hull"),
    "u002": ("light-toveny", "keeper"),
    "u003": ("bridge-tanner", "wide"),
    "u004": ("mill-cope", "kilograms"),
    "u005": ("orchard-ebbing", "barrels"),
    "u006": ("obs-highfell", "direct"),
    "u007": ("guild-lanterners", "steward"),
    "u008": ("statute-bells", "amended"),
    "u009": ("fest-barrel", "set by"),
    "u010": ("tower-wend", "steps"),
    "u011": ("rail-orchard", "engines"),
    "u012": ("school-hive", "wear"),
    "u013": ("isle-lorrin", "village"),
    "u014": ("town-quillingford", "charter"),
    "u015": ("museum-boat", "a year"),
    "u016": ("garden-moss", "gardener"),
    "u017": ("boat-margit", "shipyard"),
    "u018": ("inn-oar", "pence"),
    "u019": ("library-cart", "years old"),
    "u020": ("dam-linn", "workers"),
}


def _rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]


PASSAGES = {row["id"]: row for row in _rows("corpus.jsonl")}
QUESTIONS = _rows("questions.jsonl")
SHOTS = _rows("shots.jsonl")


def _of(task: str) -> list[dict[str, Any]]:
    return [row for row in QUESTIONS if row["task"] == task]


def _normalised(text: str) -> str:
    kept = "".join(" " if mark in "-'" else mark for mark in text.lower() if mark not in ',.?:;()[]"')
    return f" {' '.join(word for word in kept.split() if word not in {'a', 'an', 'the'})} "


def _gold_text(row: dict[str, Any]) -> str:
    return _normalised(" ".join(PASSAGES[name]["text"] for name in row["gold_passages"]))


def _parts(row: dict[str, Any]) -> list[str]:
    """The items of a list or a range."""
    return [part.strip() for part in row["answers"][0].strip("[]").split(",")]


def _is_told(row: dict[str, Any]) -> bool:
    """Whether the gold passages hold an accepted form of the answer, or every item of a list or range."""
    if row["answer_type"] in {"list", "range"}:
        return all(_normalised(part) in _gold_text(row) for part in _parts(row))
    return any(_normalised(form) in _gold_text(row) for form in row["answers"])


def _longest_shared_run(question: str, passage: str) -> int:
    words = _normalised(question).split()
    spans = ((i, j) for i in range(len(words)) for j in range(i + 1, len(words) + 1))
    return max(j - i for i, j in spans if f" {' '.join(words[i:j])} " in passage)


@pytest.mark.parametrize("name", FILES)
def test_files_are_ascii_with_unix_line_ends(name: str) -> None:
    data = (FOLDER / name).read_bytes()
    assert set(data) <= set(string.printable.encode()) - set(b"\r\t\x0b\x0c")


@pytest.mark.parametrize("name", FILES)
def test_files_end_with_a_line_break(name: str) -> None:
    assert (FOLDER / name).read_bytes().endswith(b"}\n")


def test_corpus_is_large_enough() -> None:
    assert len(PASSAGES) >= 66


def test_corpus_has_enough_documents() -> None:
    assert len({row["document"] for row in PASSAGES.values()}) >= 22


def test_every_document_has_passages_to_confuse() -> None:
    assert min(Counter(row["document"] for row in PASSAGES.values()).values()) >= 3


def test_passage_ids_are_unique() -> None:
    assert len(PASSAGES) == len(_rows("corpus.jsonl"))


def test_passages_have_the_fields_of_the_format() -> None:
    assert {frozenset(row) for row in PASSAGES.values()} == {frozenset({"id", "text", "title", "document", "metadata"})}


def test_passages_are_of_one_length() -> None:
    lengths = {name: len(row["text"].split()) for name, row in PASSAGES.items()}
    assert {name: n for name, n in lengths.items() if not 50 <= n <= 85} == {}


def test_passage_names_what_its_title_says() -> None:
    unnamed = [name for name, row in PASSAGES.items() if row["title"].lower() not in row["text"].lower()]
    assert unnamed == []


@pytest.mark.parametrize(
    ("task", "least"), [("knowledge", 88), ("unanswerable", 20), ("temporal", 34), ("compositional", 34)]
)
def test_tasks_are_large_enough(task: str, least: int) -> None:
    assert len(_of(task)) >= least


def test_there_are_four_tasks() -> None:
    assert {row["task"] for row in QUESTIONS} == {"knowledge", "unanswerable", "temporal", "compositional"}


def test_question_ids_are_unique() -> None:
    assert len({row["id"] for row in QUESTIONS}) == len(QUESTIONS)


def test_question_ids_are_short_and_tell_the_task() -> None:
    assert [row["id"] for row in QUESTIONS if not re.fullmatch(f"{row['task'][0]}\\d{{3}}", row["id"])] == []


def test_question_texts_are_unique() -> None:
    assert len({_normalised(row["question"]) for row in QUESTIONS}) == len(QUESTIONS)


def test_every_question_has_a_cluster() -> None:
    assert [row["id"] for row in QUESTIONS if not row["cluster"]] == []


def test_gold_passages_exist() -> None:
    assert {name for row in QUESTIONS for name in row["gold_passages"]} - set(PASSAGES) == set()


def test_cluster_is_the_document_of_the_first_gold_passage() -> None:
    wrong = [
        row["id"]
        for row in QUESTIONS
        if row["gold_passages"] and PASSAGES[row["gold_passages"][0]]["document"] != row["cluster"]
    ]
    assert wrong == []


def test_answerable_exactly_when_there_are_answers() -> None:
    assert [row["id"] for row in QUESTIONS if row["answerable"] != bool(row["answers"])] == []


def test_unanswerable_is_exactly_its_task() -> None:
    assert [row["id"] for row in QUESTIONS if row["answerable"] == (row["task"] == "unanswerable")] == []


def test_all_answer_types_occur_among_knowledge_questions() -> None:
    assert {row["answer_type"] for row in _of("knowledge")} == {"text", "number", "range", "list", "boolean"}


@pytest.mark.parametrize("row", [row for row in QUESTIONS if row["answer_type"] == "number" and row["answers"]])
def test_numbers_are_plain_and_exact(row: dict[str, Any]) -> None:
    assert (re.fullmatch(r"\d+(\.\d+)?", row["answers"][0]) is not None, row["tolerance"]) == (True, 0)


@pytest.mark.parametrize("row", [row for row in QUESTIONS if row["answer_type"] == "range"])
def test_ranges_rise(row: dict[str, Any]) -> None:
    low, high = json.loads(row["answers"][0])
    assert low < high


@pytest.mark.parametrize("row", [row for row in QUESTIONS if row["answer_type"] == "list" and row["answers"]])
def test_lists_are_bracketed_and_hold_different_items(row: dict[str, Any]) -> None:
    items = _parts(row)
    assert (row["answers"][0], len(set(items)) > 1) == (f"[{', '.join(dict.fromkeys(items))}]", True)


@pytest.mark.parametrize("row", [row for row in _of("knowledge") if row["answer_type"] != "boolean"])
def test_knowledge_answers_stand_in_their_gold_passage(row: dict[str, Any]) -> None:
    assert _is_told(row)


@pytest.mark.parametrize("row", [row for row in _of("knowledge") if row["answer_type"] == "text"])
def test_knowledge_answers_are_not_given_away(row: dict[str, Any]) -> None:
    assert [form for form in row["answers"] if _normalised(form) in _normalised(row["question"])] == []


@pytest.mark.parametrize("row", [row for row in _of("compositional") if row["answer_type"] == "text"])
def test_compositional_answers_are_not_given_away(row: dict[str, Any]) -> None:
    assert [form for form in row["answers"] if _normalised(form) in _normalised(row["question"])] == []


@pytest.mark.parametrize("row", _of("knowledge"))
def test_knowledge_questions_are_worded_afresh(row: dict[str, Any]) -> None:
    assert _longest_shared_run(row["question"], _gold_text(row)) <= 7


@pytest.mark.parametrize("row", _of("knowledge"))
def test_knowledge_questions_name_their_entity(row: dict[str, Any]) -> None:
    title = PASSAGES[row["gold_passages"][0]]["title"]
    assert _normalised(title) in _normalised(row["question"])


@pytest.mark.parametrize("task", ["knowledge", "temporal", "compositional"])
def test_booleans_are_balanced(task: str) -> None:
    counts = Counter(row["answers"][0] for row in _of(task) if row["answer_type"] == "boolean")
    assert counts["true"] == counts["false"] == counts.total() / 2


def test_half_of_the_knowledge_booleans_ask_for_true_or_false() -> None:
    booleans = [row["question"] for row in _of("knowledge") if row["answer_type"] == "boolean"]
    stated = [text for text in booleans if text.startswith("True or false: ")]
    asked = [text for text in booleans if text.endswith("? (yes or no)")]
    assert len(stated) == len(asked) == len(booleans) / 2


@pytest.mark.parametrize("row", _of("unanswerable"))
def test_unanswerable_questions_ask_about_an_entity_of_the_corpus(row: dict[str, Any]) -> None:
    passage, _ = ASKED_FOR[row["id"]]
    assert _normalised(PASSAGES[passage]["title"]) in _normalised(row["question"])


@pytest.mark.parametrize("row", _of("unanswerable"))
def test_unanswerable_questions_are_clustered_with_their_entity(row: dict[str, Any]) -> None:
    passage, _ = ASKED_FOR[row["id"]]
    assert row["cluster"] == PASSAGES[passage]["document"]


@pytest.mark.parametrize("row", _of("unanswerable"))
def test_unanswerable_facts_are_absent(row: dict[str, Any]) -> None:
    passage, word = ASKED_FOR[row["id"]]
    assert word not in PASSAGES[passage]["text"].lower()


def test_unanswerable_questions_have_no_gold_passage() -> None:
    assert [row["id"] for row in _of("unanswerable") if row["gold_passages"]] == []


def test_half_of_the_temporal_questions_use_the_corpus() -> None:
    counts = Counter(bool(row["gold_passages"]) for row in _of("temporal"))
    assert counts[True] == counts[False]


def test_compositional_questions_have_two_gold_passages() -> None:
    assert {len(row["gold_passages"]) for row in _of("compositional")} == {2}


def test_shots_are_a_number_a_name_a_statement_and_a_blank() -> None:
    assert [shot["answer"] for shot in SHOTS] == ["480", "Verity Plom", "false", "N/A"]


def test_shots_are_not_among_the_questions() -> None:
    assert {_normalised(shot["question"]) for shot in SHOTS} & {_normalised(row["question"]) for row in QUESTIONS} == (
        set()
    )


def test_shots_do_not_use_the_corpus() -> None:
    assert {passage["id"] for shot in SHOTS for passage in shot["passages"]} & set(PASSAGES) == set()


@pytest.mark.parametrize("shot", SHOTS)
def test_shots_are_short(shot: dict[str, Any]) -> None:
    lengths = [len(passage["text"].split()) for passage in shot["passages"]]
    assert (1 <= len(lengths) <= 2, all(30 <= n <= 45 for n in lengths)) == (True, True)


@pytest.mark.parametrize("shot", SHOTS)
def test_shots_cite_passages_that_they_show(shot: dict[str, Any]) -> None:
    assert set(shot["refs"]) <= {passage["id"] for passage in shot["passages"]}


def test_only_the_blank_shot_cites_nothing() -> None:
    assert [shot["answer"] for shot in SHOTS if not shot["refs"]] == ["N/A"]


def test_readme_counts_the_questions() -> None:
    counts = Counter((row["task"], row["answer_type"]) for row in QUESTIONS)
    text = (FOLDER / "README.md").read_text(encoding="ascii")
    told = {
        (task, kind): int(n) for task, kind, n in re.findall(r"^\| (\w+) \| (\w+) \| (\d+) \|$", text, re.MULTILINE)
    }
    assert told == counts
