"""Data sets that come with the package, and those of a hub."""

from importlib import import_module, resources
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.datasets.builtin import BUILTINS
from harness.datasets.load import load_dataset
from harness.errors import DataError, HarnessError, UnknownName
from harness.records import DatasetSpec


class FakeHub(SimpleNamespace):
    """Stands for the package `datasets`."""

    asked: tuple[str, str] = ("", "")

    def load_dataset(self, name: str, *, split: str) -> list[dict[str, object]]:
        if name == "broken/set":
            raise RuntimeError("first line\nsecond line")
        self.asked = (name, split)
        if name == "empty/set":
            return []
        return [{"id": 1, "question": "Why?", "answers": ["because"]}]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    fake = FakeHub()
    monkeypatch.setitem(__import__("sys").modules, "datasets", fake)
    monkeypatch.delenv("HARNESS_DOWNLOAD", raising=False)
    return fake


def told(spec: DatasetSpec, **options: bool) -> str:
    with pytest.raises(HarnessError) as caught:
        load_dataset(spec, **options)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


@pytest.mark.parametrize("target", BUILTINS.values())
def test_every_row_of_the_table_resolves(target: str) -> None:
    module, _, name = target.partition(":")
    assert callable(getattr(import_module(module), name))


@pytest.mark.parametrize("name", BUILTINS)
def test_a_builtin_set_takes_the_name_and_gamma_of_the_spec(name: str) -> None:
    found = load_dataset(DatasetSpec(name="mine", builtin=name, gamma=0.5))
    assert (found.name, found.gamma) == ("mine", 0.5)
    assert {question.dataset for question in found.questions} == {"mine"}


@pytest.mark.parametrize("name", BUILTINS)
def test_a_builtin_set_has_passages_and_worked_examples(name: str) -> None:
    found = load_dataset(DatasetSpec(name="mine", builtin=name))
    assert found.questions
    assert found.passages
    assert found.shots


def test_a_builtin_set_can_be_clustered_otherwise() -> None:
    plain, other = (load_dataset(DatasetSpec(name="m", builtin="embedded", cluster=field)) for field in (None, "task"))
    assert {question.cluster for question in other.questions} == {question.task for question in plain.questions}
    assert plain.hash != other.hash


def test_an_unknown_builtin_set_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'embedded'"):
        load_dataset(DatasetSpec(name="mine", builtin="embeded"))


def test_a_package_without_its_data_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "files", lambda _package: tmp_path)
    assert "not whole: questions.jsonl" in told(DatasetSpec(name="mine", builtin="embedded"))


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ("hub:owner/name", ("owner/name", "test")),
        ("hub:owner/name:validation", ("owner/name", "validation")),
        ("hub:name:train[:10%]", ("name", "train[:10%]")),
    ],
)
def test_a_split_of_a_hub(hub: FakeHub, address: str, asked: tuple[str, str]) -> None:
    found = load_dataset(DatasetSpec(name="mine", path=address), download=True)
    assert (hub.asked, found.questions[0].id) == (asked, "1")


def test_the_environment_permits_downloads(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_DOWNLOAD", "1")
    load_dataset(DatasetSpec(name="mine", path="hub:owner/name"))
    assert hub.asked == ("owner/name", "test")


@pytest.mark.parametrize("value", [None, "", "0", "no"])
def test_nothing_is_downloaded_unasked(hub: FakeHub, monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    if value is not None:
        monkeypatch.setenv("HARNESS_DOWNLOAD", value)
    assert "allow it with HARNESS_DOWNLOAD=1" in told(DatasetSpec(name="mine", path="hub:owner/name"))
    assert hub.asked == ("", "")


def test_a_hub_without_its_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    assert "pip install datasets" in told(DatasetSpec(name="mine", path="hub:owner/name"), download=True)


@pytest.mark.usefixtures("hub")
def test_what_the_hub_says_is_one_line() -> None:
    with pytest.raises(DataError, match="cannot be loaded: first line second line"):
        load_dataset(DatasetSpec(name="mine", path="hub:broken/set"), download=True)


@pytest.mark.usefixtures("hub")
def test_an_empty_split_is_told() -> None:
    assert "hub:empty/set: holds no questions" in told(DatasetSpec(name="mine", path="hub:empty/set"), download=True)


@pytest.mark.parametrize("address", ["hub:", "hub:a/b/c", "hub:a b", "hub:a/b:"])
def test_an_address_of_another_form_is_told(address: str) -> None:
    assert "hub:OWNER/NAME" in told(DatasetSpec(name="mine", path=address), download=True)
