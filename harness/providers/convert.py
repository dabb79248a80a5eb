"""A GGUF file as a folder of safetensors with config, tokenizer and chat template; imports torch and transformers."""

import json
from pathlib import Path

import torch
from tokenizers import pre_tokenizers
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from harness.cache import publish
from harness.errors import HarnessError
from harness.providers.filehash import file_sha256
from harness.providers.folder import MANIFEST, all_hashes
from harness.providers.quiet import quiet
from harness.providers.quoting import first_line
from harness.providers.reading import read_weights
from harness.providers.weights import Located, software

# llama.cpp, LLAMA_FTYPE: what most of the file's tensors are stored as. Everything packed fits bf16's exponent.
DTYPES: dict[object, torch.dtype] = {0: torch.float32, 1: torch.float16}
# Vocabularies that llama.cpp (llama-vocab.cpp) splits into single digits first, and then as GPT-2 does.
SINGLE_DIGITS = frozenset({"starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b"})


def convert(located: Located, package: str | None = None) -> Path:
    """Convert the located GGUF into its folder, whole or not at all; another process may do the same at once.

    Packed weights are unpacked to bf16, plain ones keep their precision. The folder's manifest holds the source's
    SHA-256, the requirement it came from, each file's hash and the versions that made it.

    Raises:
        HarnessError: the file is not a GGUF of a causal language model, or the cache cannot be written.
    """
    gguf = located.gguf
    if gguf is None or located.ready:
        return located.folder
    try:
        return publish(located.folder, lambda fresh: _write(gguf, fresh, package))
    except Exception as error:  # readers of damaged files raise whatever they stumble over
        raise HarnessError(f"cannot convert {gguf}: {first_line(error)}") from error


def _write(gguf: Path, folder: Path, package: str | None) -> None:
    from transformers import GgufConfig  # from transformers 5 on; nothing else in this module needs it

    with quiet():
        tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name, local_files_only=True)
        plain = GgufConfig(dequantize=True)
        model = read_weights(gguf.parent, gguf_file=gguf.name, quantization_config=plain, dtype=_dtype(gguf))
        _split_digits(tokenizer, gguf)
        _align_special_tokens(model, tokenizer)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    manifest = {
        "source_sha256": file_sha256(gguf),
        "source": gguf.name,
        "package": package,
        "software": dict(software()),
        "files": all_hashes(folder),
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True), encoding="utf-8")


def _dtype(gguf: Path) -> torch.dtype:
    return DTYPES.get(_field(gguf, "general.file_type"), torch.bfloat16)


def _split_digits(tokenizer: PreTrainedTokenizerBase, gguf: Path) -> None:
    """Split numbers into digits before the merges, as the vocabulary was trained.

    transformers 5 rebuilds these vocabularies with GPT-2's split alone: white space before a digit comes out different.
    """
    if _field(gguf, "tokenizer.ggml.pre") in SINGLE_DIGITS:
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )


def _align_special_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Give generation config and tokenizer the same end and padding, so that the folder works in other hands too."""
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if model.generation_config is not None:
        model.generation_config.eos_token_id = tokenizer.eos_token_id
        model.generation_config.pad_token_id = tokenizer.pad_token_id


def _field(gguf: Path, name: str) -> object:
    from gguf import GGUFReader

    field = GGUFReader(gguf).get_field(name)
    return None if field is None else field.contents()
