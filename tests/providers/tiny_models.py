"""Tiny random models with tokenizers trained on the spot."""

from pathlib import Path
from typing import Any

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TEXT = (
    "The bridge of Veldt was built in 1874 from 27 arches of red stone. Its keeper counts the boats every morning, and "
    "the number of boats is written in a book. Question: how many arches has the bridge? Answer: 27. system user "
    "assistant You answer questions with only the value. a b c d e f g h i j k l m n o p q r s t u v w x y z 0123456789"
)
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<s>", "</s>")


def make_tokenizer(*, template: str | None = CHATML, bos: str | None = "<s>", adds_bos: bool = False) -> Any:
    """A byte-level BPE tokenizer: with a chat template or not, adding a BOS or not."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator([TEXT] * 4, trainer)
    if adds_bos:
        assert bos is not None
        core.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, core.token_to_id(bos))]
        )
    special = {"bos_token": bos, "eos_token": SPECIAL[0], "pad_token": SPECIAL[0]}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, **special)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>", "</s>"]})
    tokenizer.chat_template = template
    return tokenizer


def make_network(family: str = "llama", **changes: Any) -> Any:
    """A tiny model of a family, by its name; its weights are the same every time."""
    import torch
    import transformers

    torch.manual_seed(7)
    sizes: dict[str, Any] = {
        "vocab_size": 420,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "bos_token_id": 3,
        "eos_token_id": 0,
        "pad_token_id": 0,
        "initializer_range": 0.4,
    }
    kinds = {"llama": "Llama", "qwen2": "Qwen2", "mistral": "Mistral", "gemma2": "Gemma2", "phi3": "Phi3"}
    if family == "gpt2":
        config: Any = transformers.GPT2Config(
            vocab_size=420, n_positions=512, n_embd=32, n_layer=2, n_head=4, bos_token_id=3, eos_token_id=0,
            initializer_range=0.4, **changes,
        )  # fmt: skip
    else:
        if family == "gemma2":
            sizes |= {"head_dim": 8, "sliding_window": 24, "query_pre_attn_scalar": 8}
        config = getattr(transformers, f"{kinds[family]}Config")(**(sizes | changes))
    network = transformers.AutoModelForCausalLM.from_config(config)
    return network.train(mode=False)


def write_model(folder: Path, **changes: Any) -> Path:
    """A folder of safetensors with a chat template, as a user would point to it."""
    make_network(**changes).save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)
    return folder
