"""The ladder's tokenizer: WordPiece with the world's words whole and numbers digit by digit; imports tokenizers."""

import json
import string
from functools import lru_cache
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from harness.pocket.wordings import all_words
from harness.pocket.world import World

PAD, UNKNOWN_PIECE, END, USER, ASSISTANT, SYSTEM = (
    "<|pad|>",
    "<|unk|>",
    "<|end|>",
    "<|user|>",
    "<|assistant|>",
    "<|system|>",
)
SPECIAL = (PAD, UNKNOWN_PIECE, END, USER, ASSISTANT, SYSTEM)
# A passage's number and the words for "not known" are one piece each; other marks stand alone.
PIECE = r"\[[0-9]\]|N/A|[A-Za-z]+|[0-9]+|[^\sA-Za-z0-9]"
MARKED = (*(f"[{digit}]" for digit in string.digits), "N/A")
TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message.role + '|>' + message.content }}"
    "{% if message.role == 'assistant' %}{{ '<|end|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
CONTEXT_LENGTH = 1024


def make_tokenizer(world: World) -> PreTrainedTokenizerFast:
    """The tokenizer of a world: its words, and all of printable ASCII letter by letter for any other text."""
    core = Tokenizer(models.WordPiece(_vocabulary(world), unk_token=UNKNOWN_PIECE, max_input_chars_per_word=100))
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split(Regex(PIECE), behavior="isolated")]
    )
    core.decoder = decoders.WordPiece(prefix="##", cleanup=False)
    made = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # the library leaves it untyped
        tokenizer_object=core,
        pad_token=PAD,
        unk_token=UNKNOWN_PIECE,
        eos_token=END,
        additional_special_tokens=[USER, ASSISTANT, SYSTEM],
        padding_side="left",
        model_max_length=CONTEXT_LENGTH,
        clean_up_tokenization_spaces=False,
    )
    made.chat_template = TEMPLATE
    return made


def save_tokenizer(world: World, folder: Path) -> None:
    """Write the tokenizer of a world into a folder of weights, its chat template among its settings."""
    write_tokenizer(make_tokenizer(world), folder)


def write_tokenizer(tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write a tokenizer under the names that transformers 4 and 5 both read."""
    tokenizer.save_pretrained(str(folder), save_jinja_files=False)
    file = folder / "tokenizer_config.json"
    settings = json.loads(file.read_text(encoding="utf-8"))
    settings["tokenizer_class"] = "PreTrainedTokenizerFast"
    settings["additional_special_tokens"] = settings.pop("extra_special_tokens", [])
    file.write_text(json.dumps(settings, indent=1, sort_keys=True) + "\n", encoding="ascii")


class Coder:
    """Texts to ids, each text cut once and remembered: lessons say the same sentences many times."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self._encode = lru_cache(1 << 18)(lambda text: tuple(tokenizer(text, add_special_tokens=False)["input_ids"]))
        self.pad, self.end, self.user, self.assistant = (
            piece_id(tokenizer, name) for name in (PAD, END, USER, ASSISTANT)
        )

    def __call__(self, text: str) -> tuple[int, ...]:
        """The ids of a text, without special ones."""
        return self._encode(text)


def piece_id(tokenizer: PreTrainedTokenizerFast, piece: str) -> int:
    """The number of a piece of the vocabulary."""
    return int(tokenizer.get_vocab()[piece])


def _vocabulary(world: World) -> dict[str, int]:
    words = " ".join([all_words(), *world.by_name, *(value for pool in world.pools.values() for value in pool)])
    whole = sorted(
        {word for word in words.replace("?", " ").replace(".", " ").replace(",", " ").split() if word.isalpha()}
    )
    letters = sorted(string.ascii_letters + string.digits)
    pieces = [*SPECIAL, *MARKED, *sorted(string.punctuation), *letters, *(f"##{letter}" for letter in letters), *whole]
    return {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
