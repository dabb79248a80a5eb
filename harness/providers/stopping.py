"""Stop strings: seen while an answer grows, and cut off when it is done."""

from collections.abc import Callable, Sequence

from transformers import PreTrainedTokenizerBase

# A character has at most four bytes, so a byte-level vocabulary spells it in at most four tokens; the slack is for
# tokens without text.
TOKENS_PER_CHARACTER = 4
SLACK_TOKENS = 8


def stop_finder(tokenizer: PreTrainedTokenizerBase, stops: Sequence[str]) -> Callable[[Sequence[int]], bool]:
    """A function that tells whether tokens, checked after each new one, have just completed a stop string."""
    wanted = [stop for stop in stops if stop]
    if not wanted:
        return lambda _ids: False
    window = max(map(len, wanted)) * TOKENS_PER_CHARACTER + SLACK_TOKENS

    def stopped(ids: Sequence[int]) -> bool:
        tail = text_of(tokenizer, ids[-window:])
        return any(stop in tail for stop in wanted)

    return stopped


def cut_at_stop(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int], stops: Sequence[str]) -> tuple[str, int]:
    """The text up to the first stop string, and how many tokens it takes to spell it; all of both without one."""
    text = text_of(tokenizer, ids)
    places = [place for stop in stops if stop and (place := text.find(stop)) >= 0]
    if not places:
        return text, len(ids)
    end = min(places)
    shown = text[:end]
    kept = next((n for n in range(len(ids)) if text_of(tokenizer, ids[:n]).startswith(shown)), len(ids))
    return shown, kept


def text_of(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> str:
    """The tokens' text, special tokens left out, spaces as they are."""
    return str(tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False))
