"""Templates by name, from the package and from a user's file."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import HarnessError, StudyError, UnknownName
from harness.prompts.catalog import find_template, template_names
from harness.records import Shot

SHOTS = (Shot(question="q1", answer="a1"), Shot(question="q2", answer="a2"), Shot(question="q3", answer="a3"))
OWN = """
[mine]
reader = "line"
system = ""
user = "Q: {question}"
user_with_passages = "{passages} Q: {question}"
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own.toml"
    path.write_text(OWN, encoding="utf-8")
    return path


def rewritten(path: Path, old: str, new: str) -> str:
    path.write_text(OWN.replace(old, new), encoding="utf-8")
    return str(path)


def one_line(name: str, kind: type[HarnessError]) -> str:
    with pytest.raises(kind) as caught:
        find_template(name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_package_has_the_named_templates() -> None:
    assert template_names() == ("bare", "cited", "completion", "concise", "concise-json", "cot", "extractive")


@pytest.mark.parametrize("name", template_names())
def test_a_template_keeps_its_name(name: str) -> None:
    assert find_template(name).name == name


def test_hashes_of_templates_differ() -> None:
    assert len({find_template(name).hash for name in template_names()}) == len(template_names())


def test_only_completion_leaves_the_chat_template_aside() -> None:
    assert [name for name in template_names() if not find_template(name).chat] == ["completion"]


def test_chat_is_true_or_false(own: Path) -> None:
    assert "true or false" in one_line(rewritten(own, "[mine]", '[mine]\nchat = "no"'), StudyError)


def test_the_hash_covers_chat(own: Path) -> None:
    chatty = find_template(str(own)).hash
    assert find_template(rewritten(own, "[mine]", "[mine]\nchat = false")).hash != chatty


def test_a_hash_is_the_same_every_time() -> None:
    assert find_template("cot").hash == find_template("cot").hash


def test_an_unknown_name_names_the_nearest() -> None:
    assert "did you mean 'concise'" in one_line("concize", UnknownName)


def test_few_shot_is_concise_with_the_first_shots() -> None:
    found = find_template("few-shot-2", SHOTS)
    assert (found.name, found.shots) == ("few-shot-2", SHOTS[:2])
    assert (found.system, found.user, found.reader) == (
        find_template("concise").system,
        find_template("concise").user,
        "line",
    )


def test_any_template_takes_shots_by_plus() -> None:
    found = find_template("concise-json+1", SHOTS)
    assert (found.reader, found.shots) == ("json", SHOTS[:1])


def test_a_plain_template_takes_no_shots() -> None:
    assert find_template("concise", SHOTS).shots == ()


def test_too_few_shots_are_told_with_both_numbers() -> None:
    with pytest.raises(StudyError, match="needs 4 worked examples and the data set has 3"):
        find_template("few-shot-4", SHOTS)


def test_no_shots_at_all_is_not_a_few_shot_prompt() -> None:
    one_line("few-shot-0", UnknownName)


def test_the_hash_covers_the_shots() -> None:
    other = (replace(SHOTS[0], explanation="because"), *SHOTS[1:])
    assert find_template("few-shot-1", SHOTS).hash != find_template("few-shot-1", other).hash


@pytest.mark.parametrize("field", ["system", "user", "user_with_passages"])
def test_the_hash_covers_every_text(own: Path, field: str) -> None:
    before = find_template(str(own)).hash
    text = OWN.replace(f'{field} = "', f'{field} = "x ')
    own.write_text(text, encoding="utf-8")
    assert find_template(str(own)).hash != before


def test_the_hash_covers_the_reader(own: Path) -> None:
    before = find_template(str(own)).hash
    assert find_template(rewritten(own, '"line"', '"cot"')).hash != before


def test_a_file_is_found_under_the_base(own: Path) -> None:
    found = find_template("own.toml", base=own.parent)
    assert (found.name, found.user) == ("own.toml:mine", "Q: {question}")


def test_a_file_may_be_asked_for_one_of_several(own: Path) -> None:
    own.write_text(OWN + OWN.replace("[mine]", "[other]"), encoding="utf-8")
    assert find_template(f"{own}:other").name == "own.toml:other"


def test_a_files_prompt_takes_shots_and_shows_no_folder(own: Path) -> None:
    found = find_template(f"{own}:mine+2", SHOTS)
    assert (found.name, len(found.shots)) == ("own.toml:mine+2", 2)


def test_a_file_of_several_must_be_asked_for_one(own: Path) -> None:
    own.write_text(OWN + OWN.replace("[mine]", "[other]"), encoding="utf-8")
    assert "holds 2 prompts (mine, other)" in one_line(str(own), StudyError)


def test_a_file_without_the_name_tells_what_it_has(own: Path) -> None:
    assert "did you mean 'mine'" in one_line(f"{own}:min", UnknownName)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    assert "cannot be read" in one_line(str(tmp_path / "none.toml"), StudyError)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"line"', '"lines"', "reader of prompt 'own.toml:mine' is 'lines'"),
        ('"line"', "3", "needs the text field 'reader'"),
        ('system = ""', "", "needs the text field 'system'"),
        ("system", "sistem", "did you mean 'system'"),
        ("Q: {question}", "Q: question", "lacks {question}"),
        ("{passages} ", "", "user_with_passages of prompt 'own.toml:mine' lacks {passages}"),
        ("[mine]", "[mine", "is not TOML"),
        ("[mine]", "mine = 3\n[more]", "'own.toml:mine' is not a table"),
    ],
)
def test_a_bad_file_is_told_in_one_line(own: Path, old: str, new: str, told: str) -> None:
    path = rewritten(own, old, new)
    assert told in one_line(f"{path}:mine", StudyError if "did you" not in told else UnknownName)


def test_a_file_that_is_not_text_is_told(own: Path) -> None:
    own.write_bytes(b"\xff\xfe[mine]")
    assert "is not TOML" in one_line(str(own), StudyError)
