"""The embedded model itself; run where its weights were fetched."""

import os
from collections.abc import Sequence
from typing import Any

import pytest

pytest.importorskip("torch")

from harness.errors import WeightsMissing
from harness.prompts.render import messages
from harness.providers.base import source
from harness.providers.encoding import chat_text
from harness.records import Decoding, Prompt, Runtime, Template
from harness.registry.catalog import find_model, load_catalog

pytestmark = pytest.mark.slow
ASK = Template(
    name="ask",
    system="You answer questions with only the value.",
    user="Question: {question}\nAnswer:",
    user_with_passages="",
    reader="line",
    hash="ask",
)
MACHINE_CACHE = os.environ.get("HARNESS_CACHE_DIR")


@pytest.fixture(scope="module")
def smollm2() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        if MACHINE_CACHE is None:
            patch.delenv("HARNESS_CACHE_DIR", raising=False)
        else:
            patch.setenv("HARNESS_CACHE_DIR", MACHINE_CACHE)
        try:
            found = source(find_model(load_catalog({}), "smollm2-135m"), Runtime(dtype="fp32", device="cpu"))
        except WeightsMissing as missing:
            pytest.skip(str(missing))
        provider = found.load()
    yield provider
    provider.close()


def asked(*questions: str, reference: str | None = None) -> Sequence[Prompt]:
    return [Prompt(template=ASK, question=question, reference=reference) for question in questions]


def test_it_knows_the_capital_of_france(smollm2: Any) -> None:
    answer = next(smollm2.generate(asked("What is the capital of France?"), Decoding(max_new_tokens=24)))
    assert "Paris" in answer.text
    assert answer.finish_reason == "stop"


def test_a_true_reference_is_likelier_than_a_false_one(smollm2: Any) -> None:
    prompts = [*asked("What is the capital of France?", reference="Paris")]
    prompts += asked("What is the capital of France?", reference="Oslo")
    true, false = smollm2.reference_nll(prompts)
    assert true < false


def test_the_chat_is_in_its_own_format_with_one_bos(smollm2: Any) -> None:
    prompt = asked("Why?")[0]
    assert chat_text(messages(prompt), smollm2.coder) == (
        "<|im_start|>system\nYou answer questions with only the value.<|im_end|>\n"
        "<|im_start|>user\nQuestion: Why?\nAnswer:<|im_end|>\n<|im_start|>assistant\n"
    )
    assert next(smollm2.generate([prompt], Decoding(max_new_tokens=1))).bos_count == 1


def test_its_special_tokens_and_tied_embeddings_survive_the_conversion(smollm2: Any) -> None:
    tokenizer, network = smollm2.coder.tokenizer, smollm2.network
    assert (tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token) == (
        "<|im_start|>",
        "<|im_end|>",
        "<|im_end|>",
    )
    assert smollm2.end_ids == {2}
    assert network.get_output_embeddings().weight is network.get_input_embeddings().weight


@pytest.mark.parametrize("text", ["In 2024,\n\n1. a  2", "naïve — 東京 \t x", "don't 3rd"])
def test_text_survives_its_tokenizer(text: str, smollm2: Any) -> None:
    tokenizer = smollm2.coder.tokenizer
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_white_space_before_a_digit_is_one_token(smollm2: Any) -> None:
    assert smollm2.coder.tokenizer.tokenize("a\n\n12") == ["a", "ĊĊ", "1", "2"]


def test_a_batch_answers_as_its_prompts_do_alone(smollm2: Any) -> None:
    prompts = asked("What is 2+2?", "Who wrote Hamlet, and in which country did the author live?", "Name a colour.")
    decoding = Decoding(max_new_tokens=12)
    alone = [answer.text for prompt in prompts for answer in smollm2.generate([prompt], decoding)]
    assert [answer.text for answer in smollm2.generate(prompts, decoding)] == alone
