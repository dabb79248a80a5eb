"""Training one model of the ladder on the CPU; imports torch and transformers."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch.nn.functional import cross_entropy, scaled_dot_product_attention
from transformers import AttentionInterface, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from harness.pocket.lessons import Row, Teacher
from harness.pocket.recipe import HEAD_SIZE, Recipe, Size
from harness.pocket.tokenizer import CONTEXT_LENGTH, END, PAD, piece_id, write_tokenizer
from harness.providers.quiet import quiet

ATTENTION = "pocket_fp32"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rows side by side: `ids` and `place` (rows, tokens), `mask` (rows, 1, tokens, tokens), and what is to be learnt.

    `asked` are places in the flattened rows and `wanted` the tokens that follow there.
    """

    ids: torch.Tensor
    place: torch.Tensor
    mask: torch.Tensor
    asked: torch.Tensor
    wanted: torch.Tensor


def attention_fp32(
    _module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **_: object,
) -> tuple[torch.Tensor, None]:
    """Attention outside autocast: the backward pass of a CPU's bf16 attention takes many times longer."""
    with torch.autocast("cpu", enabled=False):
        out = scaled_dot_product_attention(query.float(), key.float(), value.float(), attn_mask=attention_mask)
    return out.transpose(1, 2).contiguous(), None


AttentionInterface.register(ATTENTION, attention_fp32)


def make_model(size: Size, tokenizer: PreTrainedTokenizerFast, seed: int) -> LlamaForCausalLM:
    """A fresh model, its weights drawn from the seed."""
    torch.manual_seed(seed)
    end, pad = (piece_id(tokenizer, name) for name in (END, PAD))
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=size.width,
        intermediate_size=size.hidden,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        num_key_value_heads=size.heads,
        head_dim=HEAD_SIZE,
        max_position_embeddings=CONTEXT_LENGTH,
        rope_parameters={"rope_type": "default", "rope_theta": 1e4},
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=end,
        pad_token_id=pad,
        initializer_range=0.02,
    )
    config._attn_implementation = ATTENTION  # noqa: SLF001 - the public way is an argument of loading
    return LlamaForCausalLM(config)


def collate(rows: Sequence[Row], pad: int) -> Batch:
    """Rows as one batch, padded on the right."""
    width = max(len(row.ids) for row in rows)
    ids, place, segment = (
        torch.tensor([[*part, *[filler] * (width - len(part))] for part in parts])
        for parts, filler in (
            ([row.ids for row in rows], pad),
            ([row.place for row in rows], 0),
            ([row.segment for row in rows], -1),
        )
    )
    seen = (segment[:, None, :] == 0) | (segment[:, None, :] == segment[:, :, None])
    places = [number * width + place for number, row in enumerate(rows) for place in row.answers]
    asked = torch.tensor(places, dtype=torch.long)
    return Batch(
        ids=ids,
        place=place,
        mask=(seen & torch.ones(width, width, dtype=torch.bool).tril())[:, None],
        asked=asked,
        wanted=ids.flatten()[asked + 1],
    )


def loss_of(model: LlamaForCausalLM, batch: Batch) -> torch.Tensor:
    """Mean cross-entropy of the answers' tokens, in nats."""
    with torch.autocast("cpu", torch.bfloat16):
        hidden = model.model(
            input_ids=batch.ids, attention_mask=batch.mask, position_ids=batch.place, use_cache=False
        ).last_hidden_state
        logits = model.lm_head(hidden.flatten(0, 1)[batch.asked])
    return cross_entropy(logits.float(), batch.wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What a model is trained with, besides its lessons; `told` hears each step's number and loss."""

    recipe: Recipe
    optimisers: Sequence[torch.optim.Optimizer]
    told: Callable[[int, float], None] = lambda _step, _loss: None


def train(model: LlamaForCausalLM, teacher: Teacher, course: Course) -> None:
    """Train in place."""
    recipe, optimisers = course.recipe, course.optimisers
    rates = [torch.optim.lr_scheduler.LambdaLR(each, lambda step: _share(step, recipe)) for each in optimisers]
    pad = cast(int, model.config.pad_token_id)
    model.train()
    for step in range(recipe.steps):
        rows = [teacher.closed_row(recipe.row_tokens) for _ in range(recipe.closed_rows)]
        rows += [teacher.open_row(recipe.row_tokens) for _ in range(recipe.open_rows)]
        loss = loss_of(model, collate(rows, pad))
        loss.backward()  # type: ignore[no-untyped-call]  # the library leaves it untyped
        torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
        for optimiser, rate in zip(optimisers, rates, strict=True):
            optimiser.step()
            rate.step()
        model.zero_grad(set_to_none=True)
        course.told(step, loss.item())
    model.eval()  # type: ignore[no-untyped-call]  # the library leaves it untyped


def save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write weights in bf16, config and tokenizer."""
    with quiet():
        model.bfloat16().save_pretrained(str(folder))
        write_tokenizer(tokenizer, folder)


def optimisers_of(model: LlamaForCausalLM, recipe: Recipe, size: Size) -> list[torch.optim.Optimizer]:
    """Muon for the layers' matrices, AdamW for embeddings and norms.

    Source: Jordan et al. 2024, Muon: An optimizer for hidden layers in neural networks.
    """
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "layers" in name]  # noqa: PLR2004
    others = [p for name, p in model.named_parameters() if not (p.ndim == 2 and "layers" in name)]  # noqa: PLR2004
    return [
        torch.optim.Muon(matrices, lr=size.muon_rate, weight_decay=recipe.decay),
        torch.optim.AdamW(others, lr=size.rate, betas=recipe.betas, weight_decay=recipe.decay),
    ]


def _share(step: int, recipe: Recipe) -> float:
    """The share of the learning rate at a step: a linear warm-up, then a cosine to `last_share`."""
    warm = recipe.warm_share * recipe.steps
    if step < warm:
        return (step + 1) / (warm + 1)
    done = (step - warm) / (recipe.steps - warm)
    return recipe.last_share + (1 - recipe.last_share) * (1 + math.cos(math.pi * done)) / 2
