"""No secret leaves: what the environment and the options hold is found, and its every form is taken out of texts.

`redact` knows values and may be used on data: a text without a secret comes back as it is. `clean` and `clean_message`
do so with the secrets of this process; the latter also takes out what merely looks like a secret, and what is cut or
folded, and is for messages, tracebacks and captured output only.
"""

import base64
import html
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, TypeVar
from urllib.parse import quote, quote_plus

from harness.secret_names import named_values
from harness.secret_shapes import redact_shapes

# What is left of a secret in front of dots or behind them is taken out from this length on.
LEAST_PIECE = 6
# Nothing is shown with more than this of its beginning or end beside dots.
MOST_PIECE = 256
# requests.utils.requote_uri, and encodeURIComponent of ECMA-262, beside the standard library's own
URL_SAFE = ("", "/", "!'()*", "!#$&'()*+,/:;=?@[]~")
BRACKETS = ("[]", "<>", "{}", "«»", "⟦⟧", "⌊⌋")
DOTS = re.compile(r"\.{3}|…")
# Where a long text goes on in the next line: Base64 of MIME, pprint's texts and bytes, behind pytest's marks.
SEAM = re.compile(r"['\"]?(?:\r?\n|\\n|\0)[E>]?[ \t]*b?['\"]?")

# pytest changes it with every test; what a test's name says of tokens is no secret
CURRENT_TEST = "PYTEST_CURRENT_TEST"

T = TypeVar("T")
Span = tuple[int, int, str]
Pieces = dict[str, list[tuple[str, int]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """Secrets in every form in which they are looked for; made by `secrets_of` or `find_secrets`.

    `masks` maps each form to what is shown instead, the longest form first. `heads` and `tails` find a form by the
    LEAST_PIECE characters at which it may have been cut. No form is in a mask, and none can overlap one.
    """

    masks: Mapping[str, str] = field(default_factory=dict)
    pattern: re.Pattern[str] | None = None
    heads: Mapping[str, list[tuple[str, int]]] = field(default_factory=dict)
    tails: Mapping[str, list[tuple[str, int]]] = field(default_factory=dict)


def find_secrets(environ: Mapping[str, str], options: Iterable[Mapping[str, object]] = ()) -> Secrets:
    """The secrets of an environment and of tables of options, by the rules of `harness.secret_names`."""
    return secrets_of(named_values(environ, options))


def secrets_of(names: Mapping[str, str]) -> Secrets:
    """The given values as secrets.

    Args:
        names: each value, of at least SHORTEST characters, and the name to show instead of it.
    """
    if not names:
        return Secrets()
    forms = {value: forms_of(value) for value in names}
    every = {form for made in forms.values() for form in made}
    opening, closing = tuple(_brackets(every))
    masks: dict[str, str] = {}
    for value, name in names.items():
        label = f"secret {name}"
        # "secret" alone is shorter than any form
        shown = opening + (label if not any(form in label for form in every) else "secret") + closing
        for form in forms[value]:
            masks.setdefault(form, shown)
    ordered = dict(sorted(masks.items(), key=lambda entry: (-len(entry[0]), entry[0])))
    heads, tails = _pieces(ordered)
    return Secrets(masks=ordered, pattern=re.compile("|".join(map(re.escape, ordered))), heads=heads, tails=tails)


def _brackets(forms: Iterable[str]) -> str:
    """A pair that no form holds, so that no form can begin or end inside a mask."""
    held = set("".join(forms))
    return next((pair for pair in BRACKETS if not held & set(pair)), BRACKETS[-1])


def _pieces(forms: Iterable[str]) -> tuple[Pieces, Pieces]:
    heads: Pieces = {}
    tails: Pieces = {}
    for form in forms:
        for length in range(min(len(form), MOST_PIECE), LEAST_PIECE - 1, -1):
            heads.setdefault(form[length - LEAST_PIECE : length], []).append((form, length))
            tails.setdefault(form[-length:][:LEAST_PIECE], []).append((form, length))
    return heads, tails


def forms_of(value: str) -> frozenset[str]:
    """The value as it may stand in a text: itself, escaped, URL-encoded, and in Base64 at each of three alignments."""
    escaped = {other for text in _escaped(value) for other in _escaped(text)}
    return frozenset(escaped | _in_url(value) | _in_base64(value))


def _escaped(value: str) -> set[str]:
    """As Python, JSON and HTML write it; Python escapes a quote or not, by what else the text holds."""
    # a quote of each kind at the end makes Python escape the single ones, whatever the value holds
    told = [write(value + "'\"")[1:-4] for write in (repr, ascii)]
    told.append(repr(_bytes(value) + b"'\"")[2:-4])
    told += [json.dumps(value, ensure_ascii=flag)[1:-1] for flag in (True, False)]
    told += [html.escape(value, quote=flag) for flag in (True, False)]
    return {value, *told, *(text.replace("\\'", "'") for text in told)}


def _in_url(value: str) -> set[str]:
    encoded = {quote(value, safe=safe, errors="surrogatepass") for safe in URL_SAFE}
    encoded.add(quote_plus(value, errors="surrogatepass"))
    return encoded | {re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), text) for text in encoded}


def _in_base64(value: str) -> set[str]:
    """The characters that do not depend on what stands before and behind, of 6 bits each (RFC 4648)."""
    raw = _bytes(value)
    found: set[str] = set()
    for before in range(3):
        first, last = -(-8 * before // 6), 8 * (before + len(raw)) // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            inner = encode(b"\0" * before + raw).decode()[first:last]
            found |= {inner, *_in_url(inner)}
    return found


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")


def redact(text: str, secrets: Secrets) -> str:
    """The text with every form of every secret replaced by `[secret NAME]`; without one, the text itself.

    Forms that overlap are replaced together. Afterwards no form is left, whatever surrounds it; idempotent; time linear
    in the length of the text.
    """
    return _masked(text, _spans(text, secrets))


def _spans(text: str, secrets: Secrets) -> Iterator[Span]:
    """Begin, end and mask of each stretch that forms cover, in order."""
    if secrets.pattern is None:
        return
    match = secrets.pattern.search(text)
    while match is not None:
        (begin, end), mask = match.span(), secrets.masks[match[0]]
        match = secrets.pattern.search(text, begin + 1)
        while match is not None and match.start() < end:
            end = max(end, match.end())
            match = secrets.pattern.search(text, match.start() + 1)
        yield begin, end, mask


def _masked(text: str, spans: Iterable[Span]) -> str:
    parts: list[str] = []
    last = 0
    for begin, end, mask in spans:
        parts += (text[last:begin], mask)
        last = end
    return "".join((*parts, text[last:])) if parts else text


def redact_folded(text: str, secrets: Secrets) -> str:
    """As `redact`, of secrets that go on in the next line as Base64 of MIME or pprint's texts and bytes do."""
    if secrets.pattern is None or SEAM.search(text) is None:
        return text
    starts: list[tuple[int, int]] = [(0, 0)]
    parts: list[str] = []
    length = 0
    for seam in SEAM.finditer(text):
        parts.append(text[starts[-1][1] : seam.start()])
        length += len(parts[-1])
        starts.append((length, seam.end()))
    unfolded = "".join((*parts, text[starts[-1][1] :]))
    return _masked(text, _refolded(_spans(unfolded, secrets), starts))


def _refolded(spans: Iterable[Span], starts: list[tuple[int, int]]) -> Iterator[Span]:
    """The spans of an unfolded text where they stand in the folded one; `starts` are (unfolded, folded) places."""
    at = 0
    for begin, end, mask in spans:
        places = []
        for place in (begin, end - 1):
            while at + 1 < len(starts) and starts[at + 1][0] <= place:
                at += 1
            places.append(place - starts[at][0] + starts[at][1])
        yield places[0], places[1] + 1, mask


def redact_cut(text: str, secrets: Secrets) -> str:
    """The text without what is left of a secret, LEAST_PIECE characters or more, in front of dots and behind them.

    pytest shows long values as their beginning, dots and their end.
    """
    return text if secrets.pattern is None else _masked(text, _cut_spans(text, secrets))


def _cut_spans(text: str, secrets: Secrets) -> Iterator[Span]:
    last = 0
    for dots in DOTS.finditer(text):
        begin, end = dots.span()
        heads = secrets.heads.get(text[max(begin - LEAST_PIECE, 0) : begin], ())
        head = max((length for form, length in heads if text.endswith(form[:length], last, begin)), default=0)
        if head:
            yield begin - head, begin, "[secret]"
        tails = secrets.tails.get(text[end : end + LEAST_PIECE], ())
        tail = max((length for form, length in tails if text.startswith(form[-length:], end)), default=0)
        if tail:
            yield end, end + tail, "[secret]"
        last = end + tail


class _Process:
    """The secrets of this process: those of its environment, and those it was told. None is ever forgotten."""

    def __init__(self) -> None:
        self.environ: set[tuple[str, str]] = set()
        self.names: dict[str, str] = {}
        self.secrets: Secrets | None = None

    def look(self) -> Secrets:
        """Add what the environment holds now; at first, and when it has changed."""
        environ = set(os.environ.items())
        new = {name: value for name, value in sorted(environ - self.environ) if name != CURRENT_TEST}
        self.environ = environ
        return self.secrets if self.secrets is not None and not new else self.add(named_values(new))

    def add(self, names: Mapping[str, str]) -> Secrets:
        """Add these values."""
        before = len(self.names)
        self.names = {**names, **self.names}
        if self.secrets is None or len(self.names) > before:
            self.secrets = secrets_of(self.names)
        return self.secrets


_PROCESS = _Process()


def learn(*options: Mapping[str, object]) -> None:
    """From now on also keep back the secrets in these tables of options, in this process."""
    _PROCESS.look()
    _PROCESS.add(named_values({}, options))


def known() -> Secrets:
    """The secrets of this process: of its environment when first asked or last looked at, and what it learned."""
    return _PROCESS.look() if _PROCESS.secrets is None else _PROCESS.secrets


def clean(text: str) -> str:
    """The text without the secrets of this process, by value; for everything that is kept or sent, data too."""
    return redact(text, known())


def clean_records(records: Iterable[T]) -> tuple[T, ...]:
    """Records (dataclasses, and what holds them) with every text in them as `clean` leaves it.

    A record without a secret comes back as it is. Keys of mappings and attributes that are no text stay.
    """
    if not known().masks:
        return tuple(records)
    given = tuple(records)
    seen: dict[int, tuple[object, object]] = {}
    return tuple(_clean_inside(record, seen) for record in given)


def _clean_inside(value: Any, seen: dict[int, tuple[object, object]]) -> Any:  # noqa: ANN401 - a record holds anything
    """`seen` holds what was cleaned before and keeps it alive: many records share one question or passage."""
    if isinstance(value, str):
        return clean(value)
    if id(value) not in seen:
        seen[id(value)] = (value, _rebuilt(value, seen))
    return seen[id(value)][1]


def _rebuilt(value: Any, seen: dict[int, tuple[object, object]]) -> Any:  # noqa: ANN401 - a record holds anything
    if isinstance(value, list | tuple):
        parts = [_clean_inside(part, seen) for part in value]
        changed = any(new is not old for new, old in zip(parts, value, strict=True))
        return type(value)(parts) if changed else value
    if isinstance(value, Mapping):
        parts_of = {key: _clean_inside(part, seen) for key, part in value.items()}
        return parts_of if any(parts_of[key] is not value[key] for key in value) else value
    if is_dataclass(value) and not isinstance(value, type):
        held = {entry.name: getattr(value, entry.name) for entry in fields(value) if entry.init}
        new = {name: fresh for name, part in held.items() if (fresh := _clean_inside(part, seen)) is not part}
        return replace(value, **new) if new else value
    return value


def clean_message(text: str) -> str:
    """The text without the secrets of this process and without all that has a secret's shape, cut or folded.

    The environment is looked at again, since a test or a conftest may have set a key. Not for answers and prompts.
    """
    secrets = _PROCESS.look()
    return redact_shapes(redact_cut(redact_folded(redact(text, secrets), secrets), secrets))
