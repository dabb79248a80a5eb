"""The data sets that come with the package."""

from dataclasses import replace
from importlib import import_module, resources
from typing import Protocol, cast

from harness.datasets.assemble import assembled, clustered, dataset_hash, together
from harness.datasets.formats import Kind, file_contents
from harness.datasets.parse import Contents
from harness.errors import DataError, UnknownName
from harness.records import Dataset, DatasetSpec

BUILTINS = {
    "embedded": "harness.datasets.builtin:embedded_dataset",
    "pocket": "harness.datasets.builtin:pocket_dataset",
    "planted": "harness.datasets.planted:planted_dataset",
}
_FILES: dict[str, Kind] = {"questions.jsonl": "questions", "corpus.jsonl": "passages", "shots.jsonl": "shots"}


class Builtin(Protocol):
    """What a row of the table resolves to."""

    def __call__(self, name: str) -> Dataset:
        """The data set, its questions carrying the name."""
        ...


def builtin_dataset(spec: DatasetSpec) -> Dataset:
    """The built-in data set that a spec names, with the spec's name, gamma and cluster.

    Raises:
        UnknownName: there is none of that name, or no question has the field of `cluster`.
        DataError: its files are not whole.
    """
    name = spec.builtin or ""
    if name not in BUILTINS:
        raise UnknownName("built-in data set", name, BUILTINS)
    module, _, function = BUILTINS[name].partition(":")
    found = cast(Builtin, getattr(import_module(module), function))(spec.name)
    if not spec.cluster:
        return replace(found, gamma=spec.gamma)
    questions = tuple(clustered(found.questions, found.passages, spec.cluster))
    hashed = dataset_hash(questions, found.passages, found.shots)
    return replace(found, questions=questions, gamma=spec.gamma, hash=hashed)


def embedded_dataset(name: str = "embedded") -> Dataset:
    """The questions, passages and worked examples about the Vellin Reach."""
    parts = [_packaged("harness.studies", f"embedded/{file}", kind) for file, kind in _FILES.items()]
    return assembled(DatasetSpec(name=name), together(*parts), "questions.jsonl")


def pocket_dataset(name: str = "pocket") -> Dataset:
    """The questions, passages and worked examples about the made-up world that the pocket models were trained on."""
    parts = [_packaged("harness", f"data/pocket/{file}", kind) for file, kind in _FILES.items()]
    return assembled(DatasetSpec(name=name), together(*parts), "questions.jsonl")


def _packaged(package: str, path: str, kind: Kind) -> Contents:
    *_, folder, file = path.split("/")
    try:
        data = resources.files(package).joinpath(path).read_bytes()
    except OSError as error:
        raise DataError(
            f"the {folder} data set is not whole: {file}: {error.strerror}: install the package again"
        ) from None
    return file_contents(file, data, kind)
