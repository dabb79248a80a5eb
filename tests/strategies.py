"""Hypothesis strategies that several test folders share: texts, numbers, rankings and whole cases."""

from hypothesis import strategies as st

from harness.records import Answer, Evidence, Passage, Question, Reading

ANSWER_TYPES = ("text", "number", "range", "list", "boolean", "choice")
BLANKS = ("", " ", "na", "NA", "n/a", "N/A", "is_blank", "Is_Blank")

# Texts that look like answers find more than random letters do; random letters find what nobody thought of.
_TELLING = st.sampled_from(
    (
        "42",
        "1,438",
        "2B",
        "-5",
        "4%",
        "$5 million",
        "80-90",
        "[80,90]",
        "from 80 to 90",
        "less than 10",
        "~10",
        "nan",
        "inf",
        "1e999",
        "true",
        "Yes.",
        "no, never",
        "B) Paris",
        "[a, b]",
        "{a, 'b'}",
        "a, b and c",
        "- a\n- b",
        "the",
        "?",
        "[1] and [2]",
        "[[[[",
        *BLANKS,
    )
)
texts = st.one_of(
    _TELLING, st.text(max_size=40), st.text(alphabet="0123456789.,-\N{EN DASH}+[]{}()%$ kmbteano'\"", max_size=20)
)
words = st.text(alphabet="bcdfghjklm", min_size=2, max_size=6)
phrases = st.lists(words, min_size=1, max_size=5).map(" ".join)
word_lists = st.lists(words, min_size=1, max_size=6)
amounts = st.floats(min_value=-1e9, max_value=1e9, allow_nan=False).map(lambda amount: round(amount, 3))
positive_amounts = st.floats(min_value=0.001, max_value=1e9).map(lambda amount: round(amount, 3))
logprobs = st.lists(st.floats(max_value=0, min_value=-1e6), min_size=1, max_size=20)
passage_ids = st.text(alphabet="pqrs", min_size=1, max_size=2)
rankings = st.lists(passage_ids, min_size=1, max_size=8)
gold_sets = st.frozensets(passage_ids, min_size=1, max_size=4)
probabilities = st.floats(min_value=0, max_value=1)


def written(amount: float) -> str:
    """A number as a question's author writes it: no exponent, no trailing zeros."""
    return f"{amount:.3f}".rstrip("0").rstrip(".")


@st.composite
def questions(draw: st.DrawFn, *, answer_types: tuple[str, ...] = ANSWER_TYPES) -> Question:
    """Questions of every kind, well-formed or odd."""
    return Question(
        id=draw(st.text(alphabet="abc123", min_size=1, max_size=6)),
        text=draw(texts),
        answers=tuple(draw(st.lists(texts, max_size=3))),
        answer_type=draw(st.sampled_from(answer_types)),
        unit=draw(st.sampled_from(("", "km", "kilometres", "%", "dollars", "hours", "eggs"))),
        tolerance=draw(st.none() | st.floats(min_value=0, max_value=100)),
        gold_passages=tuple(draw(st.lists(passage_ids, max_size=3, unique=True))),
        answerable=draw(st.booleans()),
        options=tuple(draw(st.lists(words, max_size=4, unique=True))),
    )


passages = st.builds(Passage, id=passage_ids, text=texts)
answers = st.builds(
    Answer,
    text=texts,
    prompt_tokens=st.integers(min_value=1, max_value=500),
    output_tokens=st.integers(min_value=0, max_value=50),
    latency_s=st.floats(min_value=0, max_value=10),
    logprobs=st.none() | st.lists(st.floats(max_value=0, min_value=-50), max_size=5).map(tuple),
    reference_nll=st.none() | st.floats(min_value=0, max_value=50),
    truncated_passages=st.integers(min_value=0, max_value=2),
    error=st.none() | st.sampled_from(("out of memory", "timed out")),
)
readings = st.builds(
    Reading,
    value=texts,
    refs=st.lists(passage_ids, max_size=3).map(tuple),
    confidence=st.none() | probabilities,
    problem=st.none() | st.just("no JSON object"),
)
evidences = st.builds(
    Evidence,
    question=questions(),
    answer=answers,
    reading=readings,
    passages=st.lists(passages, max_size=5).map(tuple),
)
