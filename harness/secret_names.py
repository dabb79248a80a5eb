"""Which values of an environment or of a table of options are secrets, by their names and by what they look like.

A name decides: `HF_TOKEN`, `MY_SERVICE_PASSWORD`, `api_key`, every odd value under `headers`. Whatever its name, a
value that carries a password inside (a URL, a connection string) gives that password. What is surely none is left out:
numbers, files that exist, references such as `$TOKEN`, placeholders, and anything shorter than SHORTEST.
"""

import base64
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal
from urllib.parse import unquote

Rank = Literal["strong", "weak"]

# A shorter value is found inside ordinary words and numbers.
SHORTEST = 8
LEAST_LINE = 16
LEAST_USER = 16
STRONG = re.compile(
    r"\w*(TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|APIKEY|AUTHORIZATION|BEARER|COOKIE|WEBHOOK)S?|PASS|PWD"
)
STRONG_PAIR = re.compile(r"\w*(API|ACCESS|SECRET|PRIVATE)KEYS?")
WEAK = re.compile(r"\w*(KEY|AUTH)S?")
# A name that ends so tells about the secret, and is not one: TOKEN_URL, PASSWORD_FILE, api_key_env.
ABOUT = re.compile(
    r"ALGORITHM|COUNT|DIR|DIRECTORY|ENABLED|ENDPOINT|ENV|EXPIRATION|EXPIRES|EXPIRY|FILE|FORMAT|HOST|LEN|LENGTH|LIMIT"
    r"|METHOD|MODE|NAME|PATH|PORT|PREFIX|PROVIDER|REGION|SCOPES?|SOCK|SOCKET|TTL|TYPE|URI|URL|USER|USERNAME|VAR"
    r"|VARIABLE|VERSION"
)
# Tokens of a vocabulary: their values stand in prompts.
VOCABULARY = re.compile(r"BOS|CLS|END|EOS|IMAGE|MASK|MAX|MIN|NEW|NEXT|NUM|PAD|PER|SEP|SPECIAL|START|STOP|UNK")
PLAIN_HEADER = re.compile(
    r"accept(-\w+)?|cache-control|connection|content-(length|type)|host|origin|referer|user-agent", re.IGNORECASE
)
PLACEHOLDER = re.compile(
    r"anonymous|change-?(it|me)|disabled|localhost|no-key-needed|not-?needed|optional|password|placeholder"
    r"|postgres(ql)?|redacted|required|undefined|your[-_]api[-_]key",
    re.IGNORECASE,
)
PLAIN = re.compile(
    r"[\d.,:+_-]{1,15}"  # numbers, dates, versions
    r"|(.)\1*"  # one character again and again
    r"|<[\w\s|/-]*>|\[[\w\s|/-]*\]"  # <your key>, <|endoftext|>, [MASK]
    r"|\$\w+|\$\{[^}]*\}+|\$\(.*\)|\{\{.*\}\}|env:\w+"  # a reference to a value elsewhere
)
MIXED = re.compile(r"\d\D*[A-Za-z]|[A-Za-z]\D*\d|[a-z][^A-Z]*[A-Z]|[A-Z][^a-z]*[a-z]")
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
SCHEME = re.compile(r"(bearer|basic|token|digest|apikey)\s+(?=\S)", re.IGNORECASE)
USERINFO = re.compile(r"://([^\s/@]{1,512})@")
KEY_VALUE = re.compile(
    r"(?:password|passwd|pwd|secret|token|signature|api_?key|access_?key|account_?key)\s?=\s?([^\s;,&\"']+)",
    re.IGNORECASE,
)


def named_values(environ: Mapping[str, str], options: Iterable[Mapping[str, object]] = ()) -> dict[str, str]:
    """The secret values and the name of each, in the order in which they are found; empty when there are none.

    Args:
        environ: the environment, name to value.
        options: tables of options, nested as they like; keys of nested tables are joined by dots.
    """
    pairs = [pair for name, value in environ.items() for pair in _of_value(name, value, _rank(name))]
    pairs += [pair for table in options for pair in _of_table("", table)]
    found: dict[str, str] = {}
    for name, value in pairs:
        if value not in environ:  # the name of a variable is a reference to it
            found.setdefault(value, name)
    return found


def _of_table(prefix: str, table: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        name = f"{prefix}.{key}" if prefix else str(key)
        rank = _rank(str(key)) or ("weak" if _rank(name) is not None or _is_header(name) else None)
        for part in value if isinstance(value, list | tuple) else (value,):
            if isinstance(part, Mapping):
                yield from _of_table(name, part)
            elif isinstance(part, str):
                yield from _of_value(name, part, rank)


def _is_header(name: str) -> bool:
    table, _, key = name.rpartition(".")
    return table.lower().endswith("headers") and not PLAIN_HEADER.fullmatch(key)


def _rank(name: str) -> Rank | None:
    """How surely a value of that name is a secret; None for a name that says nothing of the kind."""
    words = [word.upper() for word in WORD.findall(name)]
    if "WEBHOOK" in words:
        return "strong"
    if not words or words == ["PWD"] or ABOUT.fullmatch(words[-1]) or any(map(VOCABULARY.fullmatch, words)):
        return None  # PWD alone is the working folder
    if any(map(STRONG.fullmatch, words)) or STRONG_PAIR.fullmatch("".join(words)):
        return "strong"
    return "weak" if any(map(WEAK.fullmatch, words)) else None


def _of_value(name: str, value: str, rank: Rank | None) -> Iterator[tuple[str, str]]:
    """The secrets in one value: the whole and its parts when the name says so, and what it carries in any case."""
    candidates = [(text, rank == "strong") for text in (_parts(value.strip()) if rank is not None else ())]
    candidates += [(text, True) for text in _carried(value)]
    yield from ((name, text) for text, is_strong in candidates if _is_secret(text, is_strong=is_strong))
    if value.lstrip().startswith("{"):
        try:
            table = json.loads(value)
        except ValueError:
            return
        yield from _of_table(name, table)


def _parts(value: str) -> Iterator[str]:
    """The whole value, what follows `Bearer` or `Basic`, members of a comma list, lines of a multi-line value."""
    yield value
    if value.startswith("{"):  # JSON is read as a table
        return
    scheme = SCHEME.match(value)
    if scheme is not None:
        yield value[scheme.end() :]
        if scheme[1].lower() == "basic":
            yield from _basic(value[scheme.end() :])
    if "," in value:
        yield from (part.strip() for part in value.split(","))
    lines = value.replace("\\n", "\n").split("\n")
    if len(lines) > 1:
        yield from (line.strip() for line in lines if len(line) >= LEAST_LINE and not line.startswith("-----"))


def _basic(encoded: str) -> Iterator[str]:
    """User and password of a Basic header (RFC 7617)."""
    try:
        pair = base64.b64decode(encoded, validate=True).decode()
    except ValueError:
        return
    yield pair
    yield pair.partition(":")[2]


def _carried(value: str) -> Iterator[str]:
    """Passwords of URLs, as they stand and decoded, and of `key=value` pairs."""
    for userinfo in USERINFO.findall(value):
        user, _, password = userinfo.partition(":")
        if password:
            yield from (userinfo, password, unquote(password))
        elif len(user) >= LEAST_USER:
            yield from (user, unquote(user))
    yield from KEY_VALUE.findall(value)


def _is_secret(value: str, *, is_strong: bool) -> bool:
    if len(value) < SHORTEST or PLACEHOLDER.fullmatch(value) or PLAIN.fullmatch(value):
        return False
    if os.path.exists(value):  # noqa: PTH110 - pathlib refuses a value that is longer than a path may be
        return False
    return is_strong or (MIXED.search(value) is not None and not re.search(r"\s", value))
