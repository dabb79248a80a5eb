"""What a status or a broken reply of a service means for the question that met it."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from harness.providers.exchange import Fault

SHOWN = 300
# RFC 9110: a refusal to authenticate, to pay, to allow, or to find holds for every question of the model.
FATAL = frozenset({401, 402, 403, 404})
RETRIED = frozenset({408, 409, 425, 429})
# 529 is Anthropic's word for an overload.
TOO_MUCH = frozenset({408, 429, 500, 502, 503, 504, 520, 522, 524, 529})
# A quota that is used up is told as 429 too, and no waiting helps.
USED_UP = ("insufficient_quota", "billing_hard_limit_reached", "credit balance")
FILTERED = ("content_filter", "content_policy_violation", "responsibleaipolicyviolation", "moderation")
SERVER_ERROR = 500


def status_fault(status: int, told: str, headers: Mapping[str, str]) -> Fault:
    """The fault of a reply with an error status.

    Args:
        status: the HTTP status, or the one that the body gives.
        told: what the service said of it, with its own code.
        headers: of the reply, with names in lower case.
    """
    said = shown(told)
    lowered = told.lower()
    if any(mark in lowered for mark in USED_UP):
        return Fault(reason=f"{status}: {said}", fatal=True)
    if status < SERVER_ERROR and status not in RETRIED and any(mark in lowered for mark in FILTERED):
        return Fault(reason=f"refused by a content filter: {status}: {said}", filtered=True)
    return Fault(
        reason=f"{status}: {said}",
        retry=status in RETRIED or status >= SERVER_ERROR,
        overload=status in TOO_MUCH,
        down=status >= SERVER_ERROR,
        fatal=status in FATAL,
        retry_after_s=retry_after_s(headers),
    )


def broken(reason: str) -> Fault:
    """A reply that came and cannot be used: it may have been charged for, and another may be whole."""
    return Fault(reason=reason, retry=True, down=True, billed=True)


def retry_after_s(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds that a service wants to be left alone, at least 0; None where it does not say, or not readably.

    Source: RFC 9110, section 10.2.3; `retry-after-ms` is OpenAI's own.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    told = headers.get("retry-after")
    seconds = _number(told)
    if seconds is not None or told is None:
        return seconds
    try:
        until = parsedate_to_datetime(told)
    except ValueError:
        return None
    return max(0.0, (until.astimezone(UTC) - (now or datetime.now(UTC))).total_seconds())


def shown(text: str) -> str:
    """The text in one line of at most SHOWN characters, "nothing" for an empty one."""
    line = " ".join(text.split())
    return f"{line[:SHOWN]}..." if len(line) > SHOWN else line or "nothing"


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return number if 0 <= number < math.inf else None
