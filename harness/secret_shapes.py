"""Secrets known by their shape alone: keys of well-known services, headers, web tokens, private keys, URL passwords.

The shapes are published by the services or in a standard: RFC 6750 (Bearer), RFC 7617 (Basic), RFC 7519 (JWT), RFC 7468
(PEM). Each pattern takes linear time: it starts at a word's beginning or at a literal that its repeats cannot pass.
"""

import base64
import re
from collections.abc import Callable
from functools import partial

WORD_START = r"(?<![A-Za-z0-9_-])"
ALNUM_START = r"(?<![A-Za-z0-9])"
DIGIT_AHEAD = r"(?=[\w.~+/=-]*\d)"
PEM_BEGIN = r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----"
PEM_END = r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----"
PEM_LINES = r"(?:(?:\\[nr]|[\s\0E>])*[A-Za-z0-9+/=]{16,})*"  # of a key whose end is missing, behind pytest's marks

# Kind and pattern; the group `secret` is what goes when the pattern has one, else all of it.
SHAPES: tuple[tuple[str, str], ...] = (
    ("private key", PEM_BEGIN + r"(?:(?:(?!-----)[\s\S])*" + PEM_END + "|" + PEM_LINES + ")"),
    ("Anthropic key", WORD_START + r"sk-ant-[\w-]{16,}"),
    ("OpenAI key", WORD_START + r"sk-(?=[\w-]*\d)[\w-]{20,}"),
    ("Hugging Face token", ALNUM_START + r"(?:hf|api_org)_[A-Za-z0-9]{20,}"),
    ("GitHub token", ALNUM_START + r"(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,})"),
    ("GitLab token", ALNUM_START + r"glpat-[\w-]{20,}"),
    ("AWS key id", ALNUM_START + r"(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    (
        "AWS secret",
        r"(?i:aws_?secret)[\w-]{0,30}[\"']?\s{0,3}[=:]\s{0,3}[\"']?(?P<secret>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+])",
    ),
    ("Google key", ALNUM_START + r"AIza[\w-]{35,}"),
    ("Slack token", ALNUM_START + r"xox[a-z]-[A-Za-z0-9-]{10,}"),
    ("Groq key", ALNUM_START + r"gsk_[A-Za-z0-9]{20,}"),
    ("NVIDIA key", WORD_START + r"nvapi-[\w-]{20,}"),
    ("Replicate token", ALNUM_START + r"r8_[A-Za-z0-9]{20,}"),
    ("JSON web token", WORD_START + r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"),
    ("bearer token", r"(?i:\bbearer)[ \t]{1,3}" + DIGIT_AHEAD + r"(?P<secret>[\w.~+/-]{12,}={0,2})"),
    ("URL password", r"://[^\s/:@]{0,256}:(?P<secret>[^\s/@]{1,256})@"),
)
BASIC = re.compile(r"(?i:\bbasic)[ \t]{1,3}([A-Za-z0-9+/_-]{6,}={0,2})")


def _mask(match: re.Match[str], kind: str) -> str:
    whole, group = match[0], "secret" if "secret" in match.re.groupindex else 0
    begin, end = (at - match.start() for at in match.span(group))
    return f"{whole[:begin]}[secret {kind}]{whole[end:]}"


def _mask_basic(match: re.Match[str]) -> str:
    """Words may follow "basic"; a Basic header holds the Base64 of user:password."""
    encoded = match[1].rstrip("=")
    try:
        has_password = b":" in base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return match[0]
    return match[0].replace(match[1], "[secret password]") if has_password else match[0]


MASKED: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    *((re.compile(pattern), partial(_mask, kind=kind)) for kind, pattern in SHAPES),
    (BASIC, _mask_basic),
)


def redact_shapes(text: str) -> str:
    """The text with everything that has the shape of a secret replaced by `[secret KIND]`; idempotent.

    Meant for tracebacks, captured output and reasons of failures; an answer or a prompt is data and keeps its text.
    """
    for pattern, mask in MASKED:
        text = pattern.sub(mask, text)
    return text
