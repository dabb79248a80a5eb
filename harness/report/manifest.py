"""What a run was made with: enough to make it again, and nothing about who or where."""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "pytest-scaling",
    "accelerate",
    "bitsandbytes",
    "bm25s",
    "gguf",
    "numpy",
    "pandas",
    "pyarrow",
    "pytest",
    "pytest-xdist",
    "safetensors",
    "scipy",
    "tokenizers",
    "torch",
    "transformers",
)
GIT_TIMEOUT_S = 10
# an absolute POSIX, home or Windows path; its last part is kept
PATH = re.compile(r"(?<![\w.:/\\-])(?:~[\w.-]*|[A-Za-z]:)?[/\\](?:[^/\\\s'\",;]+[/\\])*([^/\\\s'\",;]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamps:
    """What the caller knows of a run; mappings go from a name to a hash, a seed or a version."""

    hardware: str | None = None
    seeds: Mapping[str, int] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)
    prompts: Mapping[str, str] = field(default_factory=dict)
    weights: Mapping[str, str] = field(default_factory=dict)
    retriever: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, int] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)


def manifest(stamps: Stamps, *, rootdir: Path | None = None, created: datetime | None = None) -> dict[str, object]:
    """The manifest of a run, ready for JSON; what is unknown is left out.

    Args:
        stamps: what the caller knows; absolute paths in it are cut to their last part.
        rootdir: the project's folder, whose git commit is told when it is a checkout.
        created: when the run was made, aware; SOURCE_DATE_EPOCH wins, and without either no time is told.
    """
    time = _time(created)
    made: dict[str, object] = {
        "packages": package_versions(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}".strip(),
    }
    told = {
        "hardware": stamps.hardware,
        "seeds": dict(stamps.seeds),
        "data": dict(stamps.data),
        "prompts": dict(stamps.prompts),
        "weights": dict(stamps.weights),
        "retriever": dict(stamps.retriever),
        "metrics": dict(stamps.metrics),
        "settings": dict(stamps.settings),
        "git": None if rootdir is None else git_state(rootdir),
        "created": None if time is None else time.isoformat(timespec="seconds"),
    }
    return made | {name: without_paths(value) for name, value in told.items() if value}


def package_versions() -> dict[str, str]:
    """The versions of the installed packages that can change a result."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def git_state(rootdir: Path) -> dict[str, object] | None:
    """The commit of the checkout that `rootdir` is in, and whether tracked files differ from it; None without one."""
    commit = _git(rootdir, "rev-parse", "HEAD")
    if not commit:
        return None
    changes = _git(rootdir, "status", "--porcelain", "--untracked-files=no")
    state: dict[str, object] = {"commit": commit}
    return state if changes is None else state | {"changed": bool(changes)}


def without_paths(value: object) -> object:
    """The value with every absolute path in its texts cut to the last part: a report names no user and no machine."""
    if isinstance(value, Mapping):
        return {str(without_paths(str(key))): without_paths(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_paths(part) for part in value]
    if isinstance(value, Path):
        return value.name
    return PATH.sub(lambda found: found[1], value) if isinstance(value, str) else value


def _git(rootdir: Path, *arguments: str) -> str | None:
    program = shutil.which("git")
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - a fixed git command without a shell
            [program, "-C", str(rootdir), *arguments], capture_output=True, text=True, timeout=GIT_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout.strip()


def _time(created: datetime | None) -> datetime | None:
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    if epoch.isdecimal():
        return datetime.fromtimestamp(int(epoch), tz=UTC)
    return None if created is None else created.astimezone(UTC)
