"""The tokenizer: the world's words are whole, numbers fall into digits, and every text comes back."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from harness.pocket.dataset import passages, questions
from harness.pocket.tokenizer import END, PAD, UNKNOWN_PIECE, Coder, make_tokenizer, piece_id, save_tokenizer
from harness.pocket.world import make_world

WORLD = make_world()
TOKENIZER = make_tokenizer(WORLD)
WORDS = st.lists(st.text(string.ascii_letters, min_size=1, max_size=8), min_size=1, max_size=5).map(" ".join)


def pieces(text: str) -> list[str]:
    return TOKENIZER.tokenize(text)


@settings(deadline=None, max_examples=20)
@given(WORDS)
def test_words_of_letters_come_back(text: str) -> None:
    assert TOKENIZER.decode(TOKENIZER(text)["input_ids"]) == text


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6))
def test_a_number_is_one_piece_a_digit_and_comes_back(number: int) -> None:
    assert len(pieces(str(number))) == len(str(number))
    assert TOKENIZER.decode(TOKENIZER(str(number))["input_ids"]) == str(number)


@settings(deadline=None, max_examples=20)
@given(st.text(string.printable, max_size=60))
def test_printable_ascii_is_never_unknown(text: str) -> None:
    assert UNKNOWN_PIECE not in pieces(text)


def test_no_word_of_the_world_is_cut() -> None:
    texts = [passage.text for passage in passages(WORLD)] + [question.text for question in questions(WORLD)]
    cut = [piece for text in texts for piece in pieces(text) if piece.startswith("##") and not piece[2:].isdigit()]
    assert not cut


@pytest.mark.parametrize("text", ["N/A", "[1]", "<|end|>"])
def test_marks_are_one_piece(text: str) -> None:
    assert pieces(text) == [text]


def test_a_turn_ends_where_the_model_stops() -> None:
    turns = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "N/A"}]
    assert TOKENIZER.apply_chat_template(turns, tokenize=False) == "<|user|>Who?<|assistant|>N/A<|end|>"
    asked = TOKENIZER.apply_chat_template(turns[:1], tokenize=False, add_generation_prompt=True)
    assert asked == "<|user|>Who?<|assistant|>"
    assert TOKENIZER.eos_token == END


def test_padding_goes_before_the_prompt() -> None:
    found = TOKENIZER(["Who?", "Who taught Pundale?"], padding=True)["input_ids"]
    assert found[0][0] == TOKENIZER.pad_token_id == piece_id(TOKENIZER, PAD)


def test_a_saved_tokenizer_is_the_same_without_a_network(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    save_tokenizer(WORLD, tmp_path)
    found = AutoTokenizer.from_pretrained(str(tmp_path), local_files_only=True)
    text = passages(WORLD)[0].text
    assert found(text)["input_ids"] == TOKENIZER(text)["input_ids"]
    assert (found.chat_template, found.padding_side) == (TOKENIZER.chat_template, "left")
    assert found.eos_token_id == TOKENIZER.eos_token_id


def test_the_coder_cuts_as_the_tokenizer_does() -> None:
    coder = Coder(TOKENIZER)
    text = passages(WORLD)[0].text
    assert list(coder(text)) == TOKENIZER(text)["input_ids"]
    assert coder.end == TOKENIZER.eos_token_id
