"""The catalogue of models and machines: what ships in models.toml and hardware.toml, and what the user adds."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from harness.errors import StudyError, UnknownName
from harness.records import Hardware, ModelSpec
from harness.registry.beside import complete_from_config
from harness.registry.served import served_model
from harness.registry.spec_fields import read_model

Tier = Literal["tiny", "small", "medium", "large"]
Table = Mapping[str, object]
SHIPPED = Path(str(files("harness"))) / "data"
"""The folder that a preset's relative path starts from."""
TIERS: tuple[Tier, ...] = ("tiny", "small", "medium", "large")


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """Every model and machine that has a name, in the order of the files, the user's own models last."""

    models: tuple[ModelSpec, ...]
    hardware: tuple[Hardware, ...]


def load_catalog(user_models: Mapping[str, Table] | None = None, *, base: Path | None = None) -> Catalog:
    """The catalogue that ships with the package, with the user's models added or laid over it.

    Args:
        user_models: tables by name, as `[models.NAME]` of a study file gives them. A preset's name replaces only the
            keys it gives.
        base: the folder that a relative `path` starts from; the working directory if None.

    Raises:
        StudyError: an unknown key, a wrong type, a name that is no label, or two models with one name or alias.
        DataError: a config.json beside a user's weights that cannot be read.
    """
    presets = {name: _placed(table, SHIPPED) for name, table in _data("models.toml")["models"].items()}
    tables: dict[str, Table] = dict(presets)
    names = {name.casefold(): name for name in presets}
    for name, table in (user_models or {}).items():
        if not isinstance(table, Mapping):
            raise StudyError(f"[models.{name}] is {table!r}: it must be a table of the model's fields")
        own = names.setdefault(name.casefold(), name)
        if own not in presets and own in tables:
            raise StudyError(f"[models.{name}] and [models.{own}] are one name: case makes no difference, rename one")
        tables[own] = {**presets.get(own, {}), **_placed(table, base)}
    models = tuple(complete_from_config(read_model(name, table), frozenset(table)) for name, table in tables.items())
    _check_clashes(models)
    return Catalog(models=models, hardware=_hardware())


def find_model(catalog: Catalog, name: str) -> ModelSpec:
    """The model of that name or alias; upper and lower case are one.

    Raises:
        UnknownName: there is none.
    """
    wanted = name.casefold()
    for model in catalog.models:
        if wanted in _names(model):
            return model
    raise UnknownName("model", name, _all_names(catalog))


def match_models(catalog: Catalog, patterns: Sequence[str]) -> tuple[ModelSpec, ...]:
    """The models that the patterns name, each once, in the order in which they are first named.

    A pattern is a name, an alias, a family's name, which stands for all of its models, or a glob (`*`, `?`, `[abc]`)
    over names and aliases; several models come in the order of the catalogue. `PROVIDER/NAME` is read by
    `served_model`.

    Raises:
        UnknownName: a pattern names no model.
        StudyError: two patterns stand for different models of one name.
    """
    found: dict[str, ModelSpec] = {}
    for pattern in patterns:
        for model in _matches(catalog, pattern):
            if found.setdefault(model.name, model) != model:
                raise StudyError(
                    f"model {pattern!r} has the name {model.name!r} of another one that was named before it"
                )
    return tuple(found.values())


def find_hardware(catalog: Catalog, name: str) -> Hardware:
    """The machine of that name; upper and lower case are one.

    Raises:
        UnknownName: there is none.
    """
    for hardware in catalog.hardware:
        if hardware.name.casefold() == name.casefold():
            return hardware
    raise UnknownName("hardware", name, (hardware.name for hardware in catalog.hardware))


def tier(params_b: float | None, thresholds: tuple[float, float, float] = (2.7, 5, 12)) -> Tier | None:
    """The class of size of a model: tiny, small and medium below the thresholds (billions), large from the last on.

    None for an unknown size.

    Raises:
        ValueError: the thresholds do not rise.
    """
    if list(thresholds) != sorted(set(thresholds)):
        raise ValueError(f"thresholds of the tiers must rise: {thresholds}")
    if params_b is None:
        return None
    return TIERS[sum(params_b >= threshold for threshold in thresholds)]


def _matches(catalog: Catalog, pattern: str) -> Iterable[ModelSpec]:
    served = served_model(catalog.models, pattern)
    if served is not None:
        return (served,)
    glob = pattern.casefold()
    if not set(pattern) & set("*?["):
        named = any(glob in _names(model) for model in catalog.models)
        group = () if named else tuple(model for model in catalog.models if model.family.casefold() == glob)
        return group or (find_model(catalog, pattern),)
    found = [model for model in catalog.models if any(fnmatchcase(name, glob) for name in _names(model))]
    if not found:
        raise UnknownName("model", pattern, _all_names(catalog))
    return found


def _names(model: ModelSpec) -> set[str]:
    return {name.casefold() for name in (model.name, *model.aliases)}


def _all_names(catalog: Catalog) -> list[str]:
    return [name for model in catalog.models for name in (model.name, *model.aliases)]


def _check_clashes(models: Iterable[ModelSpec]) -> None:
    owners: dict[str, str] = {}
    for model in models:
        for name in _names(model):
            if name in owners:
                raise StudyError(
                    f"{name!r} names both {owners[name]!r} and {model.name!r}: rename one, or drop an alias"
                )
            owners[name] = model.name


def _placed(table: Table, base: Path | None) -> Table:
    """The table with `~` and relative paths resolved; what is of the wrong type is left for the reader to refuse."""
    adapters = table.get("adapters")
    placed = {key: _path(value, base) for key, value in table.items() if key == "path"}
    if isinstance(adapters, Mapping):
        placed["adapters"] = {name: _path(folder, base) for name, folder in adapters.items()}
    return {**table, **placed}


def _path(value: object, base: Path | None) -> object:
    return str((base or Path()) / Path(value).expanduser()) if isinstance(value, str) and value.strip() else value


def _hardware() -> tuple[Hardware, ...]:
    tables: Mapping[str, Mapping[str, Any]] = _data("hardware.toml")["hardware"]
    made = (Hardware(name=name, **table) for name, table in tables.items())
    return tuple(replace(machine, suggested=tuple(machine.suggested)) for machine in made)


@cache
def _data(name: str) -> Mapping[str, Any]:
    return tomllib.loads(files("harness.registry").joinpath(name).read_text(encoding="utf-8"))
