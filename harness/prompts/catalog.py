"""The named templates: the ones of the package, files of a user's own, and both with worked examples before them."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal, cast, get_args

from harness.cache import digest
from harness.errors import StudyError, UnknownName
from harness.records import Shot, Template

Reader = Literal["line", "json", "cited", "cot"]
READERS = get_args(Reader)
FIELDS = ("reader", "system", "user", "user_with_passages")
CHAT = "chat"
_FEW_SHOT = re.compile(r"few-shot-([1-9][0-9]{0,3})")
_WITH_SHOTS = re.compile(r"(.+)\+([1-9][0-9]{0,3})", re.DOTALL)
_FILE = re.compile(r"(.+\.toml)(?::(.+))?", re.DOTALL | re.IGNORECASE)


def template_names() -> tuple[str, ...]:
    """The names of the package's own templates, sorted."""
    return tuple(sorted(_package_tables()))


def find_template(name: str, shots: Sequence[Shot] = (), *, base: Path | None = None) -> Template:
    """The template of a name.

    `NAME` is one of the package; `FILE.toml` or `FILE.toml:NAME` is a user's own, of the same fields, looked for
    under `base` (the current folder when None). `NAME+K` puts the first K of `shots` before the question as earlier
    turns, and `few-shot-K` is `concise+K`. The name of the result is the name asked for, but a file's has no folder.

    Raises:
        UnknownName: no template of the package has the name, or the file has none of it.
        StudyError: there are fewer than K shots, or the file cannot be read or is not one of templates.
    """
    plain, count = _split(name)
    if count > len(shots):
        wanted = f"prompt {name!r} needs {count} worked examples and the data set has {len(shots)}"
        raise StudyError(f"{wanted}: ask for fewer, or give the data set a shots file")
    found = _find_plain(plain, base or Path())
    if not count:
        return found
    return _stamped(replace(found, name=_shown(name), shots=tuple(shots[:count])))


def _split(name: str) -> tuple[str, int]:
    if few := _FEW_SHOT.fullmatch(name):
        return "concise", int(few[1])
    if plus := _WITH_SHOTS.fullmatch(name):
        return plus[1], int(plus[2])
    return name, 0


def _shown(name: str) -> str:
    return re.split(r"[/\\]", name)[-1]


def _find_plain(name: str, base: Path) -> Template:
    if own := _FILE.fullmatch(name):
        return _from_file(base / own[1], own[2])
    tables = _package_tables()
    if name not in tables:
        raise UnknownName("prompt", name, [*tables, "few-shot-K", "NAME+K", "FILE.toml"])
    return _template(name, tables[name], "templates.toml")


@cache
def _package_tables() -> Mapping[str, object]:
    return tomllib.loads(resources.files(__package__).joinpath("templates.toml").read_text(encoding="utf-8"))


def _from_file(path: Path, name: str | None) -> Template:
    tables = _read(path)
    if name is None:
        if len(tables) != 1:
            held = f"{len(tables)} prompts ({', '.join(tables)})"
            raise StudyError(f"{path} holds {held}: name one, as in {path.name}:NAME")
        name = next(iter(tables))
    if name not in tables:
        raise UnknownName(f"prompt of {path}", name, tables)
    return _template(f"{path.name}:{name}", tables[name], str(path))


def _read(path: Path) -> Mapping[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise StudyError(f"prompt file {path} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise StudyError(f"prompt file {path} is not TOML: {error}") from None


def _template(name: str, table: object, place: str) -> Template:
    fields = _checked(name, table, place)
    reader = fields["reader"]
    if reader not in READERS:
        raise StudyError(f"{place}: reader of prompt {name!r} is {reader!r}: one of {', '.join(READERS)}")
    for field, needed in (("user", ["{question}"]), ("user_with_passages", ["{question}", "{passages}"])):
        if missing := [slot for slot in needed if slot not in fields[field]]:
            raise StudyError(f"{place}: {field} of prompt {name!r} lacks {' and '.join(missing)}: put it into the text")
    texts = {field: fields[field].strip("\r\n") for field in FIELDS}
    return _stamped(
        Template(
            name=name,
            system=texts["system"],
            user=texts["user"],
            user_with_passages=texts["user_with_passages"],
            chat=fields.get(CHAT, True),
            reader=cast(Reader, reader),
            hash="",
        )
    )


def _checked(name: str, table: object, place: str) -> Mapping[str, Any]:
    if not isinstance(table, Mapping):
        raise StudyError(f"{place}: {name!r} is not a table: write [{name}] with {', '.join(FIELDS)}")
    for field in table:
        if field not in {*FIELDS, CHAT}:
            raise UnknownName(f"field of prompt {name!r} in {place}", field, (*FIELDS, CHAT))
    for field in FIELDS:
        if not isinstance(table.get(field), str):
            raise StudyError(f"{place}: prompt {name!r} needs the text field {field!r}")
    if not isinstance(table.get(CHAT, True), bool):
        raise StudyError(f"{place}: chat of prompt {name!r} is {table[CHAT]!r}: true or false")
    return table


def _stamped(template: Template) -> Template:
    return replace(template, hash=digest(replace(template, hash="")))
