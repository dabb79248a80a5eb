"""What `redact` promises of every text and every secret, and what this process keeps back."""

import base64
import html
import json
import os
import time
from dataclasses import dataclass, field
from pprint import pformat
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import harness.secrets
from harness.secrets import (
    Secrets,
    clean,
    clean_message,
    clean_records,
    find_secrets,
    forms_of,
    known,
    learn,
    redact,
    redact_cut,
    redact_folded,
    secrets_of,
)

KEY = "c4n4ry-Qk9x/Zv+3Lm=Tt7"
LETTERS = "abAB01-_+/=. %\"'\\\n[]é😀"
VALUES = st.text(LETTERS, min_size=8, max_size=20)
NAMED = st.dictionaries(VALUES, st.sampled_from(["A_TOKEN", "B_KEY", "headers.X"]), min_size=1, max_size=3)
# short letters make overlaps; pieces of "ab" make secrets that begin inside others
TIGHT = st.dictionaries(st.text("ab", min_size=8, max_size=12), st.sampled_from("XY"), min_size=1, max_size=4)
ENCODINGS = {
    "plain": str,
    "quoted": quote,
    "quoted whole": lambda text: quote(text, safe=""),
    "quoted plus": quote_plus,
    "quoted low": lambda text: quote(text, safe="").replace("%2B", "%2b").replace("%2F", "%2f").replace("%3D", "%3d"),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 url": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64 quoted": lambda text: quote(base64.b64encode(text.encode()).decode(), safe=""),
    "base64 behind one": lambda text: base64.b64encode(f"u{text}x".encode()).decode(),
    "base64 behind two": lambda text: base64.b64encode(f"u:{text}xy".encode()).decode(),
    "base64 behind three": lambda text: base64.b64encode(f"me:{text}xyz".encode()).decode(),
    "json": json.dumps,
    "json plain": lambda text: json.dumps(text, ensure_ascii=False),
    "repr": repr,
    "repr with both quotes": lambda text: repr(f"'\"{text}"),
    "repr of repr": lambda text: repr(repr(text)),
    "repr of json": lambda text: repr(json.dumps({"key": text})),
    "ascii": ascii,
    "bytes": lambda text: repr(text.encode()),
    "html": html.escape,
}


@st.composite
def texts_with(draw, named):
    """Text made of the secrets' forms, of pieces of them, and of anything else."""
    names = draw(named)
    forms = sorted({form for value in names for form in forms_of(value)})
    pieces = st.one_of(
        st.sampled_from(forms),
        st.sampled_from(forms).flatmap(lambda form: st.integers(1, len(form)).map(lambda size: form[:size])),
        st.sampled_from(forms).flatmap(lambda form: st.integers(0, len(form)).map(lambda size: form[size:])),
        st.text(LETTERS, max_size=4),
        st.sampled_from(["[secret", "[secret A_TOKEN]", "]", "...", "secret", "\0"]),
    )
    return "".join(draw(st.lists(pieces, max_size=8))), names


@given(texts_with(st.one_of(NAMED, TIGHT)))
def test_no_form_of_any_secret_is_left(made):
    text, names = made
    shown = redact(text, secrets_of(names))
    assert not [form for value in names for form in forms_of(value) if form in shown]


@given(texts_with(st.one_of(NAMED, TIGHT)))
def test_redacting_twice_changes_nothing_more(made):
    text, names = made
    secrets = secrets_of(names)
    assert redact(redact(text, secrets), secrets) == redact(text, secrets)


@given(st.text(max_size=200), NAMED)
def test_a_text_without_secrets_is_the_same_object(text, names):
    assume(not any(form in text for value in names for form in forms_of(value)))
    assert redact(text, secrets_of(names)) is text


@given(st.text(max_size=200))
def test_without_secrets_nothing_is_looked_for(text):
    assert redact(text, Secrets()) is text
    assert redact_folded(redact_cut(text, Secrets()), Secrets()) is text


@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)
@pytest.mark.parametrize("value", [KEY, "plain0value1", 'it\'s "quoted" <&> pä$$\\w\n', "with[brackets]1"])
def test_each_way_to_write_a_secret_is_known(encode, value):
    secrets = secrets_of({value: "MY_TOKEN"})
    text = f"before {encode(value)} behind"
    shown = redact(text, secrets)
    assert shown.startswith("before ")
    assert shown.endswith(" behind")
    assert "secret MY_TOKEN" in shown
    assert len(shown) <= len("before ' behind '") + len("[secret MY_TOKEN]") + 16


def test_secrets_that_overlap_are_replaced_together():
    secrets = secrets_of({"abcdefghij": "A", "ghijklmnop": "B"})
    assert redact("<abcdefghijklmnop>", secrets) == "<[secret A]>"


def test_a_secret_inside_another_takes_nothing_from_it():
    secrets = secrets_of({"abcdefgh": "SHORT", "xabcdefghx": "LONG"})
    assert redact("xabcdefghx abcdefgh", secrets) == "[secret LONG] [secret SHORT]"


def test_a_secret_that_begins_another_leaves_no_rest_of_it():
    secrets = secrets_of({"abcdefgh": "SHORT", "abcdefghij": "LONG"})
    assert redact("abcdefghij", secrets) == "[secret LONG]"


def test_brackets_of_a_secret_are_not_those_of_the_masks():
    secrets = secrets_of({"ab[secret": "A", "12345678": "B"})
    assert "ab[secret" not in redact("ab12345678ab", secrets)
    assert redact("12345678", secrets) == "<secret B>"


def test_a_secret_in_a_name_is_not_shown_by_it():
    assert redact("A_TOKEN_1", secrets_of({"A_TOKEN_1": "A_TOKEN_1"})) == "[secret]"


@pytest.mark.parametrize(
    "text",
    [
        KEY[:9] * 20_000,
        "\n" * 200_000,
        "..." * 60_000,
        (KEY[:12] + "...") * 12_000,
        "'\\n'" * 50_000,
        KEY * 9_000,
    ],
    ids=["pieces", "lines", "dots", "cuts", "seams", "keys"],
)
def test_time_grows_with_the_length_only(text):
    secrets = secrets_of({KEY: "A", KEY[:15]: "B"})

    def spent_s(text):
        started = time.process_time()
        redact_cut(redact_folded(redact(text, secrets), secrets), secrets)
        return time.process_time() - started

    spent_s(text[:100])
    assert spent_s(text) < 2.0  # a quadratic search takes minutes


class TestFolded:
    SECRETS = secrets_of({KEY * 6: "A"})

    @pytest.mark.parametrize(
        "text",
        [
            base64.encodebytes(("user:" + KEY * 6).encode()).decode(),
            repr(base64.encodebytes(("user:" + KEY * 6).encode()).decode()),
            pformat({"headers": {"key": (KEY * 6).encode()}}, width=60),
            "\n".join("E   " + line for line in pformat((KEY * 6).encode(), width=70).splitlines()),
        ],
        ids=["mime", "repr of mime", "pprint of bytes", "behind marks"],
    )
    def test_a_secret_over_several_lines_is_found(self, text):
        assert redact(text, self.SECRETS) == text
        shown = redact_folded(text, self.SECRETS)
        assert "[secret A]" in shown
        assert len(shown) < 60

    @given(st.lists(st.text(KEY + "\n'b \0", max_size=12), max_size=8), st.integers(1, len(KEY) - 1))
    def test_only_the_secret_goes(self, parts, width):
        secrets = secrets_of({KEY: "A"})
        folded = "\n".join(KEY[at : at + width] for at in range(0, len(KEY), width))
        around = [part for part in parts if KEY[:1] not in part and KEY[-1:] not in part]
        text = "<".join([*around, f"<{folded}>", *around])
        assert redact_folded(text, secrets) == text.replace(folded, "[secret A]")

    def test_a_text_without_the_secret_is_the_same_object(self):
        text = "one\ntwo\n'three'\n"
        assert redact_folded(text, self.SECRETS) is text


class TestCut:
    SECRETS = secrets_of({KEY: "A"})

    @given(st.integers(6, len(KEY)), st.integers(6, len(KEY)), st.sampled_from(["...", "…"]))
    def test_what_is_left_before_and_behind_dots_goes(self, head, tail, dots):
        text = f"key='{KEY[:head]}{dots}{KEY[-tail:]}'"
        assert redact_cut(text, self.SECRETS) == f"key='[secret]{dots}[secret]'"

    @pytest.mark.parametrize("text", [f"{KEY[:5]}...{KEY[-5:]}", f"{KEY[:8]} ... {KEY[-8:]}", "... and so on ..."])
    def test_other_text_beside_dots_stays(self, text):
        assert redact_cut(text, self.SECRETS) is text

    def test_pieces_between_two_cuts_are_replaced_once(self):
        assert redact_cut(f"...{KEY[-8:]}...", self.SECRETS) == "...[secret]..."
        assert redact_cut(f"{KEY[:6]}...{KEY[-8:]}{KEY[:7]}...", self.SECRETS) == "[secret]...[secret][secret]..."


def test_find_secrets_takes_names_from_both():
    secrets = find_secrets({"MY_TOKEN": KEY}, [{"headers": {"X-Key": "abc12345"}}])
    assert redact(f"{KEY} abc12345", secrets) == "[secret MY_TOKEN] [secret headers.X-Key]"


@pytest.fixture
def process(monkeypatch):
    """A process that has not yet looked at its environment, which is empty."""
    monkeypatch.setattr(harness.secrets, "_PROCESS", harness.secrets._Process())
    monkeypatch.setattr(os, "environ", {})
    return os.environ


class TestProcess:
    def test_values_are_found_at_first_use(self, process):
        process["MY_TOKEN"] = KEY
        assert clean(f"<{KEY}>") == "<[secret MY_TOKEN]>"

    @pytest.mark.usefixtures("process")
    def test_without_secrets_a_text_stays(self):
        text = f"<{KEY}>"
        assert clean(text) is text
        assert not known().masks

    def test_a_message_makes_it_look_again(self, process):
        assert clean(KEY) == KEY
        process["LATE_TOKEN"] = KEY
        assert clean_message(KEY) == "[secret LATE_TOKEN]" == clean(KEY)

    def test_a_value_that_is_gone_is_still_kept_back(self, process):
        process["MY_TOKEN"] = KEY
        clean_message("")
        del process["MY_TOKEN"]
        process["MY_TOKEN"] = KEY[::-1]
        assert clean_message(f"{KEY} {KEY[::-1]}") == "[secret MY_TOKEN] [secret MY_TOKEN]"

    def test_options_are_learned_beside_the_environment(self, process):
        process["MY_TOKEN"] = KEY
        learn({"api_key": "opt10n-value"})
        assert clean(f"{KEY} opt10n-value") == "[secret MY_TOKEN] [secret api_key]"

    def test_a_second_look_at_the_same_environment_makes_nothing(self, process):
        process["MY_TOKEN"] = KEY
        clean_message("")
        first = known()
        clean_message("")
        learn({"api_key": KEY})
        assert known() is first

    def test_the_name_of_the_current_test_is_no_secret(self, process):
        process["PYTEST_CURRENT_TEST"] = f"test_a.py::test_a[token={KEY}] (call)"
        assert clean_message(KEY) == KEY

    @pytest.mark.usefixtures("process")
    def test_only_a_message_loses_what_looks_like_a_secret(self):
        text = "sk-ant-api03-abcdefgh12345678"
        assert clean(text) == text
        assert clean_message(text) == "[secret Anthropic key]"

    def test_a_message_loses_what_is_folded_or_cut(self, process):
        process["MY_TOKEN"] = KEY
        assert clean_message(f"{KEY[:9]}\n{KEY[9:]}") == "[secret MY_TOKEN]"
        assert clean_message(f"{KEY[:9]}...") == "[secret]..."


@dataclass(frozen=True, kw_only=True)
class Record:
    """A record of all kinds of fields."""

    text: str = ""
    parts: tuple[object, ...] = ()
    held: dict[str, object] = field(default_factory=dict)
    score: float | None = None
    length: int = field(init=False, default=0)


class TestRecords:
    @pytest.fixture(autouse=True)
    def _token(self, process):
        process["MY_TOKEN"] = KEY

    def test_texts_at_any_depth(self):
        record = Record(text=KEY, parts=(1, [KEY], Record(text=f"<{KEY}>")), held={"a": KEY, "b": 2}, score=0.5)
        mask = "[secret MY_TOKEN]"
        expected = Record(text=mask, parts=(1, [mask], Record(text=f"<{mask}>")), held={"a": mask, "b": 2}, score=0.5)
        assert clean_records([record]) == (expected,)

    def test_a_record_without_secrets_is_the_same_object(self):
        record = Record(text="text", parts=(1, ["a"], Record), held={"a": ("b",)})
        assert clean_records([record])[0] is record

    def test_a_shared_part_stays_shared(self):
        part = Record(text=KEY)
        first, second = clean_records([Record(parts=(part,)), Record(parts=(part, part))])
        assert first.parts[0] is second.parts[0] is second.parts[1]

    def test_records_that_are_made_one_by_one(self):
        made = clean_records(Record(text=f"{KEY} {number}") for number in range(50))
        assert [record.text for record in made] == [f"[secret MY_TOKEN] {number}" for number in range(50)]


@pytest.mark.usefixtures("process")
def test_without_secrets_records_stay():
    record = Record(text=KEY)
    assert clean_records([record])[0] is record
