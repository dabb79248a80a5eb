"""Files of each format, as data sets: what is read stays what it was."""

import csv
import io
import json
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.datasets.files import read_bytes
from harness.datasets.formats import file_contents, file_format
from harness.datasets.load import load_dataset
from harness.datasets.parse import ANSWER_TYPES
from harness.datasets.wattbot import references
from harness.errors import MissingExtra
from harness.records import Dataset, DatasetSpec, Passage, Question

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
ROW: dict[str, object] = {"id": "q1", "question": "Why?", "answers": ["because"]}
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
IDS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=8)
OPTIONAL = {
    "unit": TEXTS,
    "tolerance": st.floats(0, 1e6),
    "gold_passages": st.lists(TEXTS, max_size=3),
    "cluster": TEXTS,
    "task": TEXTS,
    "tags": st.lists(TEXTS, max_size=3),
    "answer_type": st.sampled_from([kind for kind in ANSWER_TYPES if kind != "choice"]),
    "options": st.lists(TEXTS, max_size=3),
    "metadata": st.dictionaries(TEXTS, TEXTS, max_size=3),
}
ROWS = st.lists(
    st.fixed_dictionaries(
        {"id": IDS, "question": TEXTS, "answers": st.lists(TEXTS, min_size=1, max_size=3)}, optional=OPTIONAL
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda row: row["id"],
)


def lines(*rows: object) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def load(path: Path, **spec: object) -> Dataset:
    return load_dataset(DatasetSpec(name="mine", base=str(path.parent), path=path.name, **spec))  # type: ignore[arg-type]


def questions(data: bytes, file: str = "q.jsonl") -> list[Question]:
    contents = file_contents(file, data, "questions")
    assert contents.problems == ()
    return [item.value for item in contents.questions]


def table(*rows: dict[str, str]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


@given(ROWS)
def test_json_lines_keep_every_field(rows: list[dict[str, object]]) -> None:
    for row, question in zip(rows, questions(lines(*rows)), strict=True):
        for field, value in row.items():
            name = {"question": "text"}.get(field, field)
            assert getattr(question, name) == (tuple(value) if isinstance(value, list) else value)


@given(ROWS)
def test_an_array_is_read_as_lines_are(rows: list[dict[str, object]]) -> None:
    assert questions(json.dumps(rows).encode(), "q.json") == questions(lines(*rows))


@given(ROWS)
def test_parquet_is_read_as_lines_are(rows: list[dict[str, object]]) -> None:
    arrow = pytest.importorskip("pyarrow", reason="Parquet is read by pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet", reason="Parquet is read by pyarrow")
    # A struct column cannot be empty, and every row has all of its fields.
    rows = [{field: value for field, value in row.items() if field != "metadata"} for row in rows]
    sink = arrow.BufferOutputStream()
    parquet.write_table(arrow.Table.from_pylist(rows, schema=_schema(arrow)), sink)
    assert questions(sink.getvalue().to_pybytes(), "q.parquet") == questions(lines(*rows))


def _schema(arrow: object) -> object:
    text, many = arrow.string(), arrow.list_(arrow.string())  # type: ignore[attr-defined]
    kinds = {"answers": many, "gold_passages": many, "tags": many, "options": many, "tolerance": arrow.float64()}  # type: ignore[attr-defined]
    names = ["id", "question", *(name for name in OPTIONAL if name != "metadata"), "answers"]
    return arrow.schema([(name, kinds.get(name, text)) for name in names])  # type: ignore[attr-defined]


@given(st.lists(st.tuples(IDS, TEXTS, TEXTS, TEXTS), min_size=1, max_size=5, unique_by=lambda row: row[0]))
def test_csv_cells_stay_what_they_are(rows: list[tuple[str, str, str, str]]) -> None:
    # A cell that is a JSON list of texts is several answers; see below.
    rows = [(name, text, f"a{answer}", note) for name, text, answer, note in rows]
    data = table(*(dict(zip(("id", "question", "answers", "note"), row, strict=True)) for row in rows))
    found = questions(data, "q.csv")
    assert [(one.id, one.text, one.answers, one.metadata["note"]) for one in found] == [
        (name, text, (answer,), note) for name, text, answer, note in rows
    ]


@pytest.mark.parametrize("word", ["NA", "nan", "null", "None", "N/A", "1.0", "007", "[80, 90]", "true", " x "])
def test_csv_infers_nothing(word: str) -> None:
    (found,) = questions(table({"id": "q1", "question": "Why?", "answers": word, "note": word}), "q.csv")
    assert (found.answers, found.metadata["note"]) == ((word,), word)


def test_an_empty_csv_cell_of_a_strange_column_stays_empty() -> None:
    (found,) = questions(table({"id": "q1", "question": "Why?", "answers": "x", "note": ""}), "q.csv")
    assert found.metadata == {"note": ""}


def test_csv_fields_of_other_kinds() -> None:
    cells = {
        "answers": '["a", "b"]',
        "answer_type": "choice",
        "tolerance": "0.5",
        "gold_passages": "p1; p2",
        "tags": "",
        "options": '["a; b", "c"]',
        "answerable": "Yes",
        "metadata": "kept",
    }
    (found,) = questions(table({"id": "q1", "question": "Why?", **cells}), "q.csv")
    assert (found.answers, found.answer_type, found.tolerance) == (("a", "b"), "choice", 0.5)
    assert (found.gold_passages, found.tags, found.options) == (("p1", "p2"), (), ("a; b", "c"))
    assert found.metadata == {"metadata": "kept"}


def test_an_unanswerable_csv_row() -> None:
    (found,) = questions(table({"id": "q1", "question": "Why?", "answers": "", "answerable": "no"}), "q.csv")
    assert (found.answers, found.answerable) == ((), False)


def test_a_long_cell_is_read() -> None:
    before = csv.field_size_limit()
    (found,) = questions(table({"id": "q1", "question": "x" * 200_000, "answers": "y"}), "q.csv")
    assert len(found.text) == 200_000
    assert csv.field_size_limit() == before


def test_a_byte_order_mark_is_no_part_of_the_first_name() -> None:
    assert questions(b"\xef\xbb\xbf" + lines(ROW)) == questions(lines(ROW))


def test_whole_numbers_may_be_ids() -> None:
    (found,) = questions(lines({**ROW, "id": 7, "gold_passages": [1, "p2"]}))
    assert (found.id, found.gold_passages) == ("7", ("1", "p2"))


def test_unknown_fields_become_metadata_as_text() -> None:
    (found,) = questions(lines({**ROW, "level": 3, "parts": ["a"], "metadata": {"by": "me", "n": 1}}))
    assert found.metadata == {"level": "3", "parts": '["a"]', "by": "me", "n": "1"}


def test_one_answer_needs_no_list() -> None:
    (found,) = questions(lines({"id": "q1", "question": "Why?", "answer": "because"}))
    assert found.answers == ("because",)


def test_empty_lines_and_nulls_are_nothing() -> None:
    (found,) = questions(b"\n" + lines({**ROW, "unit": None, "tags": None}) + b"\r\n\n")
    assert (found.unit, found.tags) == ("", ())


@pytest.mark.parametrize(
    ("file", "data", "found"),
    [
        ("q.JSONL", b"", "jsonl"),
        ("q.ndjson", b"", "jsonl"),
        ("q.json", b"", "json"),
        ("q.csv", b"", "csv"),
        ("q.pq", b"", "parquet"),
        ("q", b"PAR1", "parquet"),
        ("q", b'\n {"id": 1}', "json"),
        ("q.txt", b"\xef\xbb\xbfid,question\n", "csv"),
        ("q.txt", b"hello", None),
    ],
)
def test_the_format_is_told_by_ending_or_content(file: str, data: bytes, found: str | None) -> None:
    assert file_format(file, data) == found


@pytest.mark.parametrize("file", ["q.json", "q"])
def test_json_lines_under_another_name(file: str) -> None:
    assert questions(lines(ROW, {**ROW, "id": "q2"}), file) == questions(lines(ROW, {**ROW, "id": "q2"}))


def test_one_json_line_under_another_name() -> None:
    assert questions(lines(ROW), "q.json") == questions(lines(ROW))


def test_a_data_set_of_files(tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_bytes(lines({**ROW, "gold_passages": ["p1", "doc"]}))
    (tmp_path / "c.jsonl").write_bytes(lines({"id": "p1", "text": "one"}, {"id": 2, "text": "two", "document": "doc"}))
    shot = {
        "question": "Who?",
        "answer": "me",
        "passages": [{"id": "s1", "title": "T", "text": "It was me."}],
        "refs": ["s1"],
        "explanation": "It says so.",
    }
    (tmp_path / "s.jsonl").write_bytes(lines(shot))
    found = load(tmp_path / "q.jsonl", corpus="c.jsonl", shots="s.jsonl", gamma=0.25)
    assert [question.dataset for question in found.questions] == ["mine"]
    assert found.passages == (Passage(id="p1", text="one"), Passage(id="2", text="two", document="doc"))
    assert (found.shots[0].refs, found.shots[0].passages[0].title, found.gamma) == (("s1",), "T", 0.25)


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("q.jsonl", {"question": "Why not?"}),
        ("q.jsonl", {"answers": ["other"]}),
        ("q.jsonl", {"unit": "km"}),
        ("q.jsonl", {"cluster": "c"}),
        ("c.jsonl", {"text": "other"}),
        ("c.jsonl", {"title": "other"}),
        ("s.jsonl", {"answer": "other"}),
    ],
)
def test_the_hash_covers_all_three_files(tmp_path: Path, file: str, change: dict[str, object]) -> None:
    content: dict[str, dict[str, object]] = {
        "q.jsonl": ROW,
        "c.jsonl": {"id": "p1", "text": "one"},
        "s.jsonl": {"question": "Who?", "answer": "me"},
    }
    hashes = []
    for changed in ({}, change):
        for name, row in content.items():
            (tmp_path / name).write_bytes(lines({**row, **changed} if name == file else row))
        hashes.append(load(tmp_path / "q.jsonl", corpus="c.jsonl", shots="s.jsonl").hash)
    assert hashes[0] != hashes[1]


def test_the_hash_does_not_know_names_or_formats(tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_bytes(lines(ROW))
    (tmp_path / "other.csv").write_bytes(table({"id": "q1", "question": "Why?", "answers": "because"}))
    other = load_dataset(DatasetSpec(name="other", base=str(tmp_path), path="other.csv"))
    assert load(tmp_path / "q.jsonl").hash == other.hash


SQUAD = {
    "version": "2.0",
    "data": [
        {
            "title": "Ela_river",
            "paragraphs": [
                {
                    "context": "The Ela is 12 km long.",
                    "qas": [
                        {
                            "id": "s1",
                            "question": "How long is it?",
                            "answers": [{"text": "12 km", "answer_start": 11}, {"text": "12 km", "answer_start": 11}],
                        },
                        {"id": "s2", "question": "How deep?", "answers": [], "is_impossible": True, "plausible": "x"},
                    ],
                }
            ],
        }
    ],
}


def test_squad(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(json.dumps(SQUAD), encoding="utf-8")
    found = load(tmp_path / "s.json")
    assert found.passages == (
        Passage(id="a01p01", text="The Ela is 12 km long.", title="Ela river", document="Ela_river"),
    )
    one, other = found.questions
    assert (one.answers, one.gold_passages, one.cluster, one.answerable) == (("12 km",), ("a01p01",), "Ela_river", True)
    assert (other.answers, other.gold_passages, other.answerable) == ((), (), False)
    assert other.metadata == {"plausible": "x"}


def test_squad_with_one_question_a_row() -> None:
    context = "The Ela is 12 km long."
    rows = [
        {
            "id": "s1",
            "title": "Ela",
            "context": context,
            "question": "How long?",
            "answers": {"text": ["12 km", "12 km"]},
        },
        {"id": "s2", "context": context, "question": "How deep?", "answers": {"text": []}},
    ]
    contents = file_contents("s.jsonl", lines(*rows), "questions")
    assert contents.problems == ()
    assert [item.value.id for item in contents.passages] == ["p0001"]
    assert [(item.value.answers, item.value.cluster) for item in contents.questions] == [
        (("12 km",), "Ela"),
        ((), "p0001"),
    ]


def test_squad_as_a_corpus_asks_nothing(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(json.dumps(SQUAD), encoding="utf-8")
    (tmp_path / "q.jsonl").write_bytes(lines({**ROW, "gold_passages": ["a01p01"]}))
    found = load(tmp_path / "q.jsonl", corpus="s.json")
    assert ([question.id for question in found.questions], len(found.passages)) == (["q1"], 1)


WATTBOT = {
    "id": "w1",
    "question": "How much power?",
    "answer": "About 5 kW",
    "answer_value": "5",
    "answer_unit": "kW",
    "ref_id": "['doc1', 'doc2']",
    "ref_url": "['http://example.org']",
    "supporting_materials": "Table 3",
    "explanation": "It is said.",
    "Usage": "Public",
    "Quote": "0",
    "Table": "1",
    "is_NA": "0",
}


def wattbot(**cells: str) -> Question:
    (found,) = questions(b"\xef\xbb\xbf" + table({**WATTBOT, **cells}), "train_QA.csv")
    return found


def test_wattbot() -> None:
    found = wattbot()
    assert (found.text, found.answers, found.answer_type, found.unit) == ("How much power?", ("5",), "number", "kW")
    assert (found.gold_passages, found.cluster, found.tags) == (("doc1", "doc2"), "doc1", ("Table",))
    assert found.metadata == {
        "answer": "About 5 kW",
        "ref_url": "['http://example.org']",
        "supporting_materials": "Table 3",
        "explanation": "It is said.",
        "Usage": "Public",
        "Quote": "0",
        "is_NA": "0",
    }


def test_wattbot_without_an_answer() -> None:
    found = wattbot(answer_value="is_blank", answer_unit="is_blank", ref_id="is_blank", is_NA="1")
    assert (found.answerable, found.answers, found.unit, found.gold_passages) == (False, (), "", ())
    assert found.tags == ("Table", "is_NA")


@pytest.mark.parametrize(
    ("value", "question", "kind"),
    [
        ("1", "True or False: it is so.", "boolean"),
        ("1", "How many?", "number"),
        ("FALSE", "Is it?", "boolean"),
        ("1,200.5", "How many?", "number"),
        ("-3e-5", "How many?", "number"),
        ("[80,90]", "How many?", "range"),
        ("[a, b]", "Which?", "list"),
        ("{a}", "Which?", "list"),
        ("NA", "Which?", "text"),
        ("nan", "Which?", "text"),
    ],
)
def test_wattbot_kinds_of_answers(value: str, question: str, kind: str) -> None:
    found = wattbot(answer_value=value, question=question)
    assert (found.answer_type, found.answers) == (kind, (value,))


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("['a', \"b's\"]", ["a", "b's"]),
        ("('a',)", ["a"]),
        ("a", ["a"]),
        ("2021", ["2021"]),
        ("['a', 'a', ' ']", ["a"]),
        ("", []),
        ("[is_blank", ["[is_blank"]),
        ("IS_BLANK", []),
        ("(" * 5000, ["(" * 5000]),
    ],
)
def test_wattbot_references(cell: str, names: list[str]) -> None:
    assert references(cell) == names


@given(st.text())
def test_wattbot_references_take_any_text(cell: str) -> None:
    assert all(name == name.strip() != "" for name in references(cell))


def test_parquet_without_pyarrow_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"a Parquet file needs pyarrow.*pytest-scaling\[report\]"):
        file_contents("q.parquet", b"PAR1", "questions")


def xquad() -> Path:
    path = SHARED / "xquad_en" / "xquad.en.json"
    if not path.is_file():
        pytest.skip("the public data sets are not beside the checkout")
    return path


def test_xquad_is_read_whole() -> None:
    found = load(xquad())
    assert (len(found.questions), len(found.passages)) == (1190, 240)
    assert len({question.cluster for question in found.questions}) == 48


def test_every_answer_of_xquad_is_in_its_gold_passage() -> None:
    found = load(xquad())
    texts = {passage.id: passage.text for passage in found.passages}
    assert all(question.answers[0] in texts[question.gold_passages[0]] for question in found.questions)


def test_xquad_loads_to_the_same_hash_twice() -> None:
    assert load(xquad()).hash == load(xquad()).hash


def test_all_fields_of_a_question_are_covered_by_these_tests() -> None:
    covered = {"id", "text", "answers", "dataset", "answerable", *OPTIONAL}
    assert {field.name for field in fields(Question)} == covered
    assert replace(questions(lines(ROW))[0]) == questions(lines(ROW))[0]


def test_bytes_come_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\x00\r\n")
    assert read_bytes(tmp_path / "x") == b"\x00\r\n"
