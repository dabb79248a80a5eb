"""What is wrong in files, told with its place: all of it by check_file, in one line by load_dataset."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.datasets.check import check_file
from harness.datasets.formats import file_contents
from harness.datasets.load import load_dataset
from harness.datasets.problems import Problem
from harness.errors import DataError, StudyError, UnknownName
from harness.records import Dataset, DatasetSpec

ROW: dict[str, object] = {"id": "q1", "question": "Why?", "answers": ["because"]}
PIECES = st.lists(
    st.sampled_from(
        [b"{", b"}", b'"id"', b":", b"1", b",", b"\n", b"[", b"]", b'"question"', b'"text"', b"null", b"\xff"]
    )
    | st.sampled_from([b'"', b"id,question,answers\n", b"\xef\xbb\xbf", b'"data"', b'"answers"', b'"context"', b"true"])
    | st.binary(max_size=2)
).map(b"".join)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name: str, *rows: object) -> Path:
    path = Path(name)
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8"
    )
    return path


def load(name: str = "q.jsonl", **spec: object) -> Dataset:
    return load_dataset(DatasetSpec(name="mine", path=name, **spec))  # type: ignore[arg-type]


def told(name: str = "q.jsonl", **spec: object) -> str:
    with pytest.raises(DataError) as caught:
        load(name, **spec)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def problems(name: str, *rows: object) -> list[str]:
    return [str(problem) for problem in check_file(write(name, *rows))]


@given(PIECES, st.sampled_from(["f.jsonl", "f.json", "f.csv", "f", "f.parquet"]))
def test_any_bytes_are_read_or_told(data: bytes, file: str) -> None:
    contents = file_contents(file, data)
    for problem in contents.problems:
        assert problem.place.startswith(file)
        assert len(str(problem).splitlines()) == 1


@pytest.mark.parametrize(
    ("change", "place", "message"),
    [
        ({"id": None}, "id", "is missing"),
        ({"id": ""}, "id", "is empty"),
        ({"id": " q"}, "id", "is ' q': an id has no outer spaces, line breaks or control characters"),
        ({"id": "a\nb"}, "id", r"is 'a\nb': an id has no outer spaces"),
        ({"id": True}, "id", "is True, true/false: a text is needed, in quotes"),
        ({"question": None}, "question", "is missing"),
        ({"question": "  "}, "question", "is empty"),
        ({"question": ["Why?"]}, "question", "is ['Why?'], a list: a text is needed"),
        ({"question": "\ud800"}, "question", "holds half of a surrogate pair"),
        ({"answers": None}, "answers", "is empty: give the accepted answers, or answerable false"),
        ({"answers": []}, "answers", "is empty: give the accepted answers, or answerable false"),
        ({"answers": [""]}, "answers", "holds an empty text"),
        ({"answers": 12}, "answers", "is 12, a number: a text is needed, in quotes"),
        ({"answers": [80, 90]}, "answers", "is 80, a number"),
        ({"answers": {"text": "x"}}, "answers", "is {'text': 'x'}, an object"),
        ({"answer": "y"}, "answer", "stands beside answers: keep one of the two"),
        ({"answerable": False}, "answers", "holds 'because' although answerable is false"),
        ({"answerable": "no"}, "answerable", "is 'no': true or false"),
        ({"answer_type": "nummer"}, "answer_type", "is 'nummer': did you mean number? one of text, number, range"),
        ({"answer_type": "qqq"}, "answer_type", "is 'qqq': one of text"),
        ({"answer_type": "choice"}, "options", "is empty: a choice question names its options"),
        ({"tolerance": -1}, "tolerance", "is -1: a number of at least 0"),
        ({"tolerance": "wide"}, "tolerance", "is 'wide': a number of at least 0"),
        ({"tolerance": True}, "tolerance", "is True: a number of at least 0"),
        ({"tolerance": [1]}, "tolerance", "is [1]: a number"),
        ({"tags": [1.5]}, "tags", "is 1.5, a number"),
        ({"unit": 3}, "unit", "is 3, a number"),
        ({"metadata": "x"}, "metadata", "is 'x': an object of texts"),
        ({"question": {"long": "x" * 99}}, "question", "...,"),
    ],
)
def test_a_bad_field_is_told_with_its_place(change: dict[str, object], place: str, message: str) -> None:
    (problem,) = problems("q.jsonl", {**ROW, "id": "q0"}, {**ROW, **change})
    assert problem.startswith(f"q.jsonl:2:{place}: ")
    assert message in problem


def test_all_bad_fields_of_a_row_are_listed() -> None:
    found = problems("q.jsonl", {"question": 1, "answers": 2, "unit": 3})
    assert [problem.split(":")[2] for problem in found] == ["id", "question", "answers", "unit"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "q.jsonl:2: is not JSON: "),
        ("[1]", "q.jsonl:2: is a list, not an object with named fields"),
        ('{"id": 1, "id": 2}', "q.jsonl:2: names the field 'id' twice"),
        ('{"tolerance": NaN}', "q.jsonl:2: holds NaN, which is no JSON number"),
        ("[" * 100_000, "q.jsonl:2: is n"),
    ],
)
def test_a_bad_line_is_told_with_its_number(line: str, message: str) -> None:
    (problem,) = problems("q.jsonl", ROW, line)
    assert problem.startswith(message)


def test_bytes_that_are_not_text_are_told_with_their_line() -> None:
    Path("q.jsonl").write_bytes(json.dumps(ROW).encode() + b'\n{"id": "\xff"}\n')
    assert [str(problem) for problem in check_file(Path("q.jsonl"))] == ["q.jsonl:2: is not UTF-8: byte 0xff at 9"]


def test_a_table_that_is_not_text_is_told_with_its_line() -> None:
    Path("q.csv").write_bytes(b"id,question,answers\nq1,Why?,\xe9\n")
    assert [str(problem) for problem in check_file(Path("q.csv"))] == ["q.csv:2: is not UTF-8: byte 0xe9"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,question,id\nq1,Why?,x\n", "q.csv:1: names the column 'id' twice"),
        ("id,question,answers\nq1,Why?,x\nq2,Why?\n", "q.csv:3: has 2 cells under 3 columns"),
        ('id,question,answers\n\nq1,"Why\nnot?",x\nq2,Why?,x,y\n', "q.csv:5: has 4 cells under 3 columns"),
        ('id,question,answers\nq1,Why?,x\nq2,"Why?,x\n', "q.csv:3: is not CSV from here on: unexpected end of data"),
        ('"id,question', "q.csv:1: is not CSV from here on: unexpected end of data"),
        ("id,question,answers\nq1,Why?,x\nq2,,x\n", "q.csv:3:question: is empty"),
        ("id,question,answers\nq1,Why?,\n", "q.csv:2:answers: is empty: give the accepted answers"),
        ("id,question,answers,answerable\nq1,Why?,x,maybe\n", "q.csv:2:answerable: is 'maybe': true or false"),
        ("id,question,answer_value,ref_id\nq1,Why?,,d\n", "q.csv:2:answer_value: is empty: the answer, or is_blank"),
    ],
)
def test_a_bad_table_is_told_with_its_line(text: str, message: str) -> None:
    Path("q.csv").write_text(text, encoding="utf-8")
    (problem,) = check_file(Path("q.csv"))
    assert str(problem).startswith(message)


@pytest.mark.parametrize("name", ["q.jsonl", "q.json", "q.csv", "q.parquet", "q"])
def test_an_empty_file_is_told(name: str) -> None:
    Path(name).write_bytes(b" \n")
    assert check_file(Path(name)) == (Problem(place=name, message="is empty"),)


@pytest.mark.parametrize(("name", "text"), [("q.csv", "id,question,answers\n"), ("q.json", "[]")])
def test_a_file_without_rows_is_told(name: str, text: str) -> None:
    Path(name).write_text(text, encoding="utf-8")
    assert [problem.message for problem in check_file(Path(name))] == ["holds no rows"]
    assert "holds no questions" in told(name)


def test_an_array_of_other_things_is_told() -> None:
    Path("q.json").write_text("[1]", encoding="utf-8")
    assert [str(problem) for problem in check_file(Path("q.json"))] == [
        "q.json:1: is a number, not an object with named fields"
    ]


def test_a_document_that_is_not_json_is_told() -> None:
    Path("q.json").write_text("[{", encoding="utf-8")
    (problem,) = check_file(Path("q.json"))
    assert str(problem).startswith("q.json: is not JSON")


def test_a_file_that_is_not_parquet_is_told() -> None:
    pytest.importorskip("pyarrow", reason="Parquet is read by pyarrow")
    Path("q.parquet").write_bytes(b"PAR1 and no more")
    (problem,) = check_file(Path("q.parquet"))
    assert str(problem).startswith("q.parquet: is not Parquet: ")


def test_a_file_of_no_known_format_is_told() -> None:
    assert problems("notes.txt", "hello") == [
        "notes.txt: is of no known format: JSON lines (.jsonl), CSV (.csv), Parquet (.parquet) or SQuAD JSON (.json)"
    ]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"data": [1]}, "s.json:data[0]: is not an object"),
        ({"data": [{"title": "T"}]}, "s.json:data[0].paragraphs: is not a list"),
        ({"data": [{"paragraphs": [{"qas": []}]}]}, "s.json:data[0].paragraphs[0]:text: is missing"),
        (
            {"data": [{"paragraphs": [{"context": "c", "qas": [{"id": "1", "question": "Why?", "answers": "x"}, 2]}]}]},
            "s.json:data[0].paragraphs[0].qas[1]: is not an object",
        ),
        (
            {"data": [{"paragraphs": [{"context": "c", "qas": [{"id": "1", "answers": [{"text": 3}]}]}]}]},
            "s.json:data[0].paragraphs[0].qas[0]:question: is missing",
        ),
        ({"data": [{"title": 3, "paragraphs": [{"context": "c"}]}]}, "s.json:data[0].paragraphs[0].qas: is not a list"),
    ],
)
def test_a_bad_squad_file_is_told_with_the_place(document: object, message: str) -> None:
    Path("s.json").write_text(json.dumps(document), encoding="utf-8")
    assert str(check_file(Path("s.json"))[0]) == message


def test_repeated_ids_name_both_places() -> None:
    assert problems("q.jsonl", ROW, {**ROW, "id": "q2"}, ROW) == [
        "q.jsonl:3:id: 'q1' is already at q.jsonl:1: every id is used once"
    ]


def test_a_question_may_have_the_id_of_a_passage() -> None:
    write("q.jsonl", ROW)
    write("c.jsonl", {"id": "q1", "text": "one"})
    assert load(corpus="c.jsonl").passages[0].id == "q1"


def test_repeated_passages_are_told() -> None:
    passage = {"id": "p1", "text": "one"}
    assert problems("c.jsonl", passage, passage) == [
        "c.jsonl:2:id: 'p1' is already at c.jsonl:1: every id is used once"
    ]


def test_gold_outside_the_corpus_is_told() -> None:
    path = write("q.jsonl", {**ROW, "gold_passages": ["p1", "p9"]})
    write("c.jsonl", {"id": "p1", "text": "one"})
    assert [str(problem) for problem in check_file(path, corpus=Path("c.jsonl"))] == [
        "q.jsonl:1:gold_passages: 'p9' is no passage or document of the corpus"
    ]
    assert told(corpus="c.jsonl").endswith("`harness check q.jsonl --corpus c.jsonl` lists all")


def test_gold_without_a_corpus_is_not_looked_up() -> None:
    write("q.jsonl", {**ROW, "gold_passages": ["p1"]})
    assert load().questions[0].gold_passages == ("p1",)


@pytest.mark.parametrize(
    ("shot", "message"),
    [
        ({"question": "Who?"}, "s.jsonl:1:answer: is missing"),
        (
            {"question": "Who?", "answer": "x", "extra": 1},
            "s.jsonl:1:extra: is not a field of a worked example: question",
        ),
        (
            {"question": "Who?", "answer": "x", "refs": ["z"]},
            "s.jsonl:1:refs: names 'z', which is not one of its passages",
        ),
        ({"question": "Who?", "answer": "x", "passages": "p"}, "s.jsonl:1:passages: is not a list of objects"),
        ({"question": "Who?", "answer": "x", "passages": [{"id": "a"}]}, "s.jsonl:1:passages: text is missing"),
        ({"question": " WHY?", "answer": "x"}, "s.jsonl:1:question: is also asked at q.jsonl:1"),
    ],
)
def test_a_bad_worked_example_is_told(shot: object, message: str) -> None:
    write("q.jsonl", ROW)
    write("s.jsonl", shot)
    assert message in told(shots="s.jsonl")


def test_worked_examples_are_checked_by_themselves() -> None:
    assert problems("s.jsonl", {"question": "Who?", "answer": "x", "refs": ["z"], "passages": []}) == [
        "s.jsonl:1:refs: names 'z', which is not one of its passages"
    ]


def test_a_sound_file_has_no_problems() -> None:
    assert problems("q.jsonl", ROW) == []


def test_one_line_tells_the_first_five_and_the_count() -> None:
    write("q.jsonl", *({**ROW, "id": ""} for _ in range(7)))
    line = told()
    assert line.startswith("7 problems in the data: q.jsonl:1:id: is empty; ")
    assert line.endswith("q.jsonl:5:id: is empty; and 2 more: `harness check q.jsonl` lists all")


def test_one_problem_is_one() -> None:
    write("q.jsonl", {**ROW, "id": ""})
    assert told() == "1 problem in the data: q.jsonl:1:id: is empty: `harness check q.jsonl` lists all"


@pytest.mark.parametrize(("kind", "words"), [("corpus", "passages"), ("shots", "worked examples")])
def test_a_file_of_other_rows_is_told(kind: str, words: str) -> None:
    write("q.jsonl", ROW)
    Path("other.json").write_text("[]", encoding="utf-8")
    assert f"other.json: holds no {words}" in told(**{kind: "other.json"})


def test_a_missing_file_is_told() -> None:
    assert told("none.jsonl").startswith("there is no file none.jsonl")


def test_a_folder_is_told(here: Path) -> None:
    (here / "folder").mkdir()
    assert told("folder") == "folder is a folder: name a file in it"


def test_a_file_that_may_not_be_read_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    write("q.jsonl", ROW)

    def refuse(_path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert told() == "q.jsonl cannot be read: Permission denied"


def test_a_file_elsewhere_is_told_by_its_whole_path(tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    with pytest.raises(DataError, match=str(other)):
        load_dataset(DatasetSpec(name="mine", base=str(other), path="none.jsonl"))


@pytest.mark.parametrize(
    "spec",
    [
        DatasetSpec(name="mine"),
        DatasetSpec(name="mine", path="q.jsonl", builtin="embedded"),
        DatasetSpec(name="mine", builtin="embedded", corpus="c.jsonl"),
        DatasetSpec(name="mine", builtin="embedded", shots="s.jsonl"),
    ],
)
def test_a_spec_that_says_too_little_or_too_much_is_told(spec: DatasetSpec) -> None:
    with pytest.raises(StudyError, match="data set 'mine'"):
        load_dataset(spec)


@pytest.mark.parametrize(
    ("field", "cluster"),
    [
        ("task", "t"),
        ("answer_type", "text"),
        ("gold_passages", "p1"),
        ("document", "d"),
        ("level", "3"),
        ("cluster", "c"),
    ],
)
def test_questions_are_clustered_by_another_field(field: str, cluster: str) -> None:
    write("q.jsonl", {**ROW, "task": "t", "level": 3, "gold_passages": ["p1"], "cluster": "c"}, {**ROW, "id": "q2"})
    write("c.jsonl", {"id": "p1", "text": "one", "document": "d"})
    found = load(corpus="c.jsonl", cluster=field)
    assert found.questions[0].cluster == cluster


def test_a_field_that_no_question_has_cannot_cluster() -> None:
    write("q.jsonl", {**ROW, "topic": "x"})
    with pytest.raises(UnknownName, match="did you mean 'topic'"):
        load(cluster="topics")
