"""A folder of weights as transformers writes it: what it must hold, and what in it can change an answer."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.providers.filehash import folder_sha256

CONFIG = "config.json"
SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")
TEXT_SUFFIXES = frozenset({".json", ".jinja", ".model", ".py"})
TEXT_NAMES = frozenset({"vocab.txt", "merges.txt"})
MANIFEST = "manifest.json"


def lacking(folder: Path) -> str | None:
    """What the folder lacks to be loaded, in words; None when it is complete."""
    if not (folder / CONFIG).is_file():
        return f"no {CONFIG}"
    names = weight_files(folder)
    if not names:
        return f"no {SINGLE}" + (" (pickled weights are not loaded)" if any(folder.glob("*.bin")) else "")
    absent = [name for name in names if not (folder / name).is_file()]
    if absent:
        return f"{len(absent)} of {len(names)} shards missing, first {absent[0]}"
    return None if any((folder / name).is_file() for name in TOKENIZERS) else "no tokenizer"


def weight_files(folder: Path) -> Sequence[str]:
    """Names of the safetensors files that would be loaded, in order, whether there or not; empty without an index."""
    if (folder / SINGLE).is_file():
        return (SINGLE,)
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        return sorted(set(index["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ()


def text_files(folder: Path) -> Sequence[str]:
    """Names of the files beside the weights that can change an answer, in order: config, tokenizer, template, code."""
    files = (path for path in folder.iterdir() if path.is_file() and path.name != MANIFEST)
    return sorted(path.name for path in files if path.suffix in TEXT_SUFFIXES or path.name in TEXT_NAMES)


def text_hashes(folder: Path) -> Mapping[str, str]:
    """SHA-256 of each text file, by name."""
    return folder_sha256(folder, text_files(folder))


def all_hashes(folder: Path) -> Mapping[str, str]:
    """SHA-256 of each file that can change an answer, weights included, by name."""
    return {**folder_sha256(folder, weight_files(folder)), **text_hashes(folder)}
