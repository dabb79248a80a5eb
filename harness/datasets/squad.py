"""SQuAD: questions with the paragraph that holds the answer; the paragraphs are the corpus, the article the cluster.

Source: Rajpurkar et al. 2016 (version 1.1) and 2018 (version 2.0, with questions that cannot be answered).
"""

from collections.abc import Iterator, Mapping, Sequence

from harness.datasets.parse import Contents, parse_rows, passage, question
from harness.datasets.problems import Problem
from harness.datasets.rows import Row

_KNOWN = frozenset({"id", "question", "answers", "is_impossible"})


def is_squad(document: object) -> bool:
    """Whether a JSON document looks like SQuAD: an object with a list `data`."""
    return isinstance(document, dict) and isinstance(document.get("data"), list)


def is_flat_squad(rows: Sequence[Row]) -> bool:
    """Whether rows are SQuAD with one question a row, as hubs hold it: context, and answers with their texts."""
    return bool(rows) and "context" in rows[0].fields and isinstance(rows[0].fields.get("answers"), Mapping)


def squad_contents(file: str, document: Mapping[str, object]) -> Contents:
    """Questions and paragraphs in the document's order; a paragraph's id is `aNNpNN`, article and paragraph from 1."""
    passages: list[Row] = []
    questions: list[Row] = []
    problems: list[Problem] = []
    for place, number, article in _objects(document["data"], f"{file}:data", problems):
        title = article.get("title") or f"article {number}"
        for inner, count, paragraph in _objects(article.get("paragraphs"), f"{place}.paragraphs", problems):
            name = f"a{number:02}p{count:02}"
            passages.append(_passage_row(inner, name, paragraph.get("context"), title))
            for where, _, asked in _objects(paragraph.get("qas"), f"{inner}.qas", problems):
                questions.append(_question_row(where, name, title, asked))
    return _contents(passages, questions, problems)


def flat_squad_contents(rows: Sequence[Row]) -> Contents:
    """The same from one question a row; a paragraph's id is `pNNNN`, in the order of first mention."""
    names: dict[object, str] = {}
    passages: list[Row] = []
    questions: list[Row] = []
    for row in rows:
        context, title = row.fields.get("context"), row.fields.get("title") or ""
        if repr(context) not in names:
            names[repr(context)] = f"p{len(names) + 1:04}"
            passages.append(_passage_row(row.place, names[repr(context)], context, title))
        rest = {field: value for field, value in row.fields.items() if field not in {"context", "title"}}
        questions.append(_question_row(row.place, names[repr(context)], title or names[repr(context)], rest))
    return _contents(passages, questions, [])


def _objects(value: object, place: str, problems: list[Problem]) -> Iterator[tuple[str, int, Mapping[str, object]]]:
    if not isinstance(value, list):
        problems.append(Problem(place=place, message="is not a list"))
        return
    for number, item in enumerate(value):
        here = f"{place}[{number}]"
        if isinstance(item, dict):
            yield here, number + 1, item
        else:
            problems.append(Problem(place=here, message="is not an object"))


def _passage_row(place: str, name: str, context: object, title: object) -> Row:
    readable = title.replace("_", " ") if isinstance(title, str) else title
    return Row(place=place, fields={"id": name, "text": context, "title": readable, "document": title})


def _question_row(place: str, passage_id: str, title: object, asked: Mapping[str, object]) -> Row:
    impossible = asked.get("is_impossible") is True or _texts(asked.get("answers")) == []
    fields = {
        "id": asked.get("id"),
        "question": asked.get("question"),
        "answers": None if impossible else _texts(asked.get("answers")),
        "answerable": not impossible,
        "gold_passages": None if impossible else [passage_id],
        "cluster": title,
        "metadata": {field: value for field, value in asked.items() if field not in _KNOWN},
    }
    return Row(place=place, fields=fields)


def _texts(answers: object) -> object:
    if isinstance(answers, Mapping):
        answers = [{"text": text} for text in answers.get("text") or ()]
    if not isinstance(answers, list) or not all(isinstance(answer, dict) for answer in answers):
        return answers
    texts = [answer.get("text") for answer in answers]
    # Several people gave the same answer: it is accepted once.
    return [text for number, text in enumerate(texts) if text not in texts[:number]]


def _contents(passages: Sequence[Row], questions: Sequence[Row], problems: Sequence[Problem]) -> Contents:
    found, wrong_passages = parse_rows(passages, passage)
    asked, wrong_questions = parse_rows(questions, question)
    return Contents(questions=asked, passages=found, problems=(*problems, *wrong_passages, *wrong_questions))
