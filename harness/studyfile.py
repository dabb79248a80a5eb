"""The study file: what may stand in it, read strictly, with one line for whatever is wrong."""

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.claimfile import CLAIMS, AnyClaim
from harness.errors import StudyError, UnknownName

BUILTIN_STUDIES = ("embedded", "planted")

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$", max_length=100)]
Share = Annotated[float, Field(ge=0, le=1)]


class Table(BaseModel):
    """A table of the study file; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class StudyTable(Table):
    """`[study]`: what is asked of which models under which conditions, and what counts as right."""

    name: Name = "study"
    seed: int = 0
    margin: Annotated[float, Field(gt=0, lt=1)] = 0.05
    primary: str = "auto"
    correct_at: Share = 1.0
    models: list[str] = Field(default_factory=list)
    conditions: list[str] = Field(default_factory=lambda: ["direct"])
    metrics: list[str] = Field(default_factory=list)
    repeats: Annotated[int, Field(ge=1, le=1000)] = 1


class DatasetTable(Table):
    """`[[datasets]]`: a file of questions with an optional corpus, or a built-in set.

    `models` are asked this set, and no set that does not name them; a set without them is for all models that no other
    set names. `conditions` are those of the study that this set is asked under, all if empty; `prompt` is its own
    template instead of the study's.
    """

    name: Name | None = None
    path: str | None = None
    builtin: str | None = None
    corpus: str | None = None
    shots: str | None = None
    cluster: str | None = None
    gamma: Annotated[float, Field(ge=0, lt=1)] = 0.0
    models: list[str] = Field(default_factory=list)
    conditions: list[str] = Field(default_factory=list)
    prompt: str | None = None


class RetrievalTable(BaseModel):
    """`[retrieval]`: the kind, how many passages, and whatever options that kind has."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    kind: str = "bm25"
    top_k: Annotated[int, Field(ge=1, le=1000)] = 3


class DecodingTable(Table):
    """`[decoding]`: the prompt template and how text is drawn."""

    prompt: str = "concise"
    max_new_tokens: Annotated[int, Field(ge=1, le=100_000)] = 64
    temperature: Annotated[float, Field(ge=0, le=10)] = 0.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    seed: int = 0
    stop: list[str] = Field(default_factory=list)


class RuntimeTable(Table):
    """`[runtime]`: how weights are loaded."""

    dtype: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    device: str = "auto"
    quantisation: Literal["fp32", "bf16", "fp16", "8bit", "4bit"] | None = None
    trust_remote_code: bool = False
    batch_size: Annotated[int, Field(ge=1, le=4096)] | Literal["auto"] = "auto"


class StudyFile(Table):
    """A whole study file. `models` are entries of the registry, in the registry's own words."""

    study: StudyTable = Field(default_factory=StudyTable)
    datasets: list[DatasetTable] = Field(default_factory=list)
    retrieval: RetrievalTable = Field(default_factory=RetrievalTable)
    decoding: DecodingTable = Field(default_factory=DecodingTable)
    runtime: RuntimeTable = Field(default_factory=RuntimeTable)
    models: dict[str, dict[str, Any]] = Field(default_factory=dict)
    claims: list[Annotated[AnyClaim, Field(discriminator="kind")]] = Field(default_factory=list)


def builtin_text(name: str) -> str:
    """The text of a study file that ships with the package."""
    if name not in BUILTIN_STUDIES:
        raise UnknownName("study", name, BUILTIN_STUDIES)
    return files("harness.studies").joinpath(f"{name}.toml").read_text(encoding="utf-8")


def read_study(name: str, base: Path) -> tuple[StudyFile, Path]:
    """The study file of that name or path, and the folder that its relative paths start from.

    Args:
        name: a built-in study, or the path of a TOML file, relative to `base`.
        base: the folder that a relative path starts from.

    Raises:
        StudyError: the file is missing, is not TOML, or has an unknown key or a wrong value.
        UnknownName: neither a file nor a built-in study.
    """
    if name in BUILTIN_STUDIES:
        return parse_study(builtin_text(name), f"built-in study {name}"), base
    path = base / name
    if not path.suffix and not path.exists():
        raise UnknownName("study", name, (*BUILTIN_STUDIES, "the path of a study.toml"))
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"study file {name} cannot be read ({error}): name another with --study") from error
    return parse_study(text, f"study file {name}"), path.resolve().parent


def parse_study(text: str, origin: str) -> StudyFile:
    """A study file from its text; `origin` names it in errors."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StudyError(f"{origin} is not TOML: {error}") from error
    if isinstance(data.get("models"), list):
        raise StudyError(f"{origin}: the list of models belongs in the table [study]; [models.NAME] describes a model")
    try:
        return StudyFile.model_validate(data)
    except ValidationError as error:
        raise StudyError(f"{origin}: {_first_problem(error)}") from error


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    place = ".".join(str(part) for part in problem["loc"])
    more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if problem["type"].startswith("union_tag"):
        return _kind_problem(place, problem["input"]) + more
    if problem["type"] != "extra_forbidden":
        return f"{place} = {problem['input']!r}: {problem['msg']}{more}"
    allowed = sorted(_table_at(problem["loc"][:-1]).model_fields)
    near = get_close_matches(str(problem["loc"][-1]), allowed, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown key {place!r}: {hint}allowed: {', '.join(allowed)}{more}"


def _kind_problem(place: str, table: object) -> str:
    kind = table.get("kind") if isinstance(table, dict) else table
    near = get_close_matches(str(kind), CLAIMS, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{place}.kind = {kind!r} is no kind of claim: {hint}allowed: {', '.join(sorted(CLAIMS))}"


def _table_at(place: tuple[int | str, ...]) -> type[BaseModel]:
    if place and place[0] == "claims":
        return CLAIMS[str(place[-1])]
    tables: Mapping[str, type[BaseModel]] = {
        "study": StudyTable,
        "datasets": DatasetTable,
        "decoding": DecodingTable,
        "runtime": RuntimeTable,
    }
    return tables[str(place[0])] if place else StudyFile
