"""Secrets known by their shape, and text that only resembles one."""

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.secret_shapes import redact_shapes

MIXED = "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1eF3hJ5kL7n"  # 40 characters of nobody's
PEM_BODY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj\nAgEAAoIBAQC7VJTUt9Us8cKjMzEfYyjiWA4R\n"
SHAPED = {
    "OpenAI key": ["sk-" + MIXED, "sk-proj-" + MIXED[:20] + "_" + MIXED[20:]],
    "Anthropic key": ["sk-ant-api03-" + MIXED],
    "Hugging Face token": ["hf_" + MIXED[:34]],
    "GitHub token": ["ghp_" + MIXED[:36], "ghs_" + MIXED[:36], "github_pat_" + MIXED[:22] + "_" + MIXED],
    "GitLab token": ["glpat-" + MIXED[:20]],
    "AWS key id": ["AKIA" + "ABCDEFGH12345678", "ASIA" + "ABCDEFGH12345678"],
    "Google key": ["AIza" + MIXED[:35]],
    "Slack token": ["xoxb-" + "123456789012-" + MIXED[:24]],
    "Groq key": ["gsk_" + MIXED],
    "NVIDIA key": ["nvapi-" + MIXED],
    "Replicate token": ["r8_" + MIXED[:37]],
    "JSON web token": ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"],
    "private key": [
        f"-----BEGIN RSA PRIVATE KEY-----\n{PEM_BODY}-----END RSA PRIVATE KEY-----",
        repr(f"-----BEGIN PRIVATE KEY-----\n{PEM_BODY}-----END PRIVATE KEY-----")[1:-1],
        "-----BEGIN PRIVATE KEY-----\nE   " + PEM_BODY.replace("\n", "\nE   ").rstrip("\nE "),
    ],
}
ALL = [(kind, text) for kind, texts in SHAPED.items() for text in texts]
# a long row of a beginning that never becomes a secret
HOSTILE = [
    "eyJ",
    "sk-a",
    "://a:",
    "bearer ",
    "basic aaa:",
    "-----BEGIN PRIVATE KEY-----",
    "aws_secret",
    "EEEE\n",
    "://",
]


@pytest.mark.parametrize(("kind", "text"), ALL)
@pytest.mark.parametrize("around", ["{}", "key='{}', next", '{{"api_key": "{}"}}', "E   Error: {}\nnext line"])
def test_a_key_is_replaced_by_its_kind(kind, text, around):
    assert redact_shapes(around.format(text)) == around.format(f"[secret {kind}]")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abc.def-123~xyz", "Authorization: Bearer [secret bearer token]"),
        ("{'authorization': 'bearer abcdef123456=='}", "{'authorization': 'bearer [secret bearer token]'}"),
        ("Basic " + base64.b64encode(b"me:pw").decode(), "Basic [secret password]"),
        ("aws_secret_access_key = " + MIXED, "aws_secret_access_key = [secret AWS secret]"),
        ('"AWS_SECRET_ACCESS_KEY": "' + MIXED + '"', '"AWS_SECRET_ACCESS_KEY": "[secret AWS secret]"'),
        ("postgres://me:pw@host/db", "postgres://me:[secret URL password]@host/db"),
        ("redis://:pw@host", "redis://:[secret URL password]@host"),
    ],
)
def test_only_the_secret_part_goes(text, shown):
    assert redact_shapes(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "basic information about bearer authentication",
        "Bearer of bad news",
        "basic knowledge",
        "sk-learn is a-library-with-a-long-name",
        "task-sk-" + "abcdefghijklmnopqrstuvwxyz",
        "http://localhost:8080/path@2",
        "https://example.org/a:b",
        "-----BEGIN PUBLIC KEY-----",
        "the hf_hub and ghp_ prefixes",
        "eyJ is how a token begins",
        MIXED,
        "",
    ],
)
def test_what_only_resembles_a_secret_stays(text):
    assert redact_shapes(text) == text


def test_a_key_without_its_end_takes_no_words_with_it():
    assert redact_shapes("-----BEGIN PRIVATE KEY----- was expected here") == "[secret private key] was expected here"


@given(st.lists(st.one_of(st.sampled_from([text for _, text in ALL] + HOSTILE), st.text("aZ09-_=/:@. \n", max_size=5))))
def test_redacting_twice_changes_nothing_more(parts):
    once = redact_shapes("".join(parts))
    assert redact_shapes(once) == once


@given(st.text())
def test_any_text_can_be_redacted(text):
    assert isinstance(redact_shapes(text), str)


@pytest.mark.parametrize("piece", [*HOSTILE, "Bearer ", "a", " ", "E ", "eyJaaaaaaaa."])
def test_time_grows_with_the_length_only(piece):
    text = "-----BEGIN PRIVATE KEY-----" + piece * (200_000 // len(piece)) + "-"
    started = time.process_time()
    redact_shapes(text)
    assert time.process_time() - started < 2.0  # a quadratic search takes minutes
