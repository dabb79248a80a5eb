from pathlib import Path

import pytest

from harness.errors import HarnessError, StudyError, UnknownName
from harness.studyfile import BUILTIN_STUDIES, builtin_text, parse_study, read_study


@pytest.mark.parametrize("name", BUILTIN_STUDIES)
def test_built_in_studies_parse(name, tmp_path):
    file, base = read_study(name, tmp_path)
    assert file.study.name == name
    assert base == tmp_path


def test_the_checkout_runs_the_study_that_the_wheel_carries():
    benchmarks = Path(__file__).resolve().parents[1] / "benchmarks"
    packaged = Path(__file__).resolve().parents[1] / "harness" / "studies"
    assert (benchmarks / "study.toml").read_text() == builtin_text("embedded")
    assert (benchmarks / "test_answers.py").read_text() == (packaged / "test_answers.txt").read_text()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[study]\nmargn = 0.1", "unknown key 'study.margn': did you mean 'margin'?"),
        ("[studdy]\n", "unknown key 'studdy': did you mean 'study'?"),
        ("[[datasets]]\nbuiltn = 'embedded'", "did you mean 'builtin'?"),
        ("[decoding]\ntemprature = 1.0", "did you mean 'temperature'?"),
        ("[study]\nmargin = 2.0", "study.margin = 2.0"),
        ("[study]\nmargin = '0.1'", "study.margin = '0.1'"),
        ("[study]\nrepeats = 0", "study.repeats = 0"),
        ("[study]\nname = 'a b'", "study.name = 'a b'"),
        ("[retrieval]\ntop_k = 0", "retrieval.top_k = 0"),
        ("models = ['qwen7b']", "belongs in the table [study]"),
        ("[study", "is not TOML"),
        ("[study]\nmargn = 0.1\nsed = 3", "(1 more)"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(text, told):
    with pytest.raises(StudyError) as caught:
        parse_study(text, "study file x.toml")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_retrieval_options_are_left_to_the_retriever():
    file = parse_study("[retrieval]\nkind = 'bm25'\nk1 = 1.2", "x")
    assert file.retrieval.model_extra == {"k1": 1.2}


def test_a_study_is_read_from_its_own_folder(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "study.toml").write_text("[study]\nname = 'mine'")
    file, base = read_study("sub/study.toml", tmp_path)
    assert (file.study.name, base) == ("mine", tmp_path / "sub")


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(StudyError, match="cannot be read"):
        read_study("missing.toml", tmp_path)


def test_a_name_that_is_neither_gets_the_nearest(tmp_path):
    with pytest.raises(UnknownName, match="did you mean 'embedded'"):
        read_study("embeded", tmp_path)


def test_an_unknown_built_in_study_is_refused():
    with pytest.raises(HarnessError, match="unknown study"):
        builtin_text("nothing")
