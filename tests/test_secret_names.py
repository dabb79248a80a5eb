"""Which names and values are taken for secrets, and which are not."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.secret_names import SHORTEST, named_values

KEY = "c4n4ry-Qk9xZv3LmTt7"


@pytest.mark.parametrize(
    "name",
    [
        *("HF_TOKEN", "OPENAI_API_KEY", "OPENAI_APIKEY", "MY_SERVICE_PASSWORD", "PGPASSWORD", "DB_PASSWD", "SMTP_PASS"),
        *("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "CLIENT_SECRET", "MY_CREDENTIALS", "MYSQL_PWD", "API_KEYS"),
        *(
            "PRIVATE_KEY",
            "AUTHORIZATION",
            "NETRC_AUTH",
            "openaiApiKey",
            "apiKey",
            "SLACK_WEBHOOK_URL",
            "SESSION_COOKIE",
        ),
        *("api-key", "GITHUB_PAT_TOKEN", "SIGNING_KEY"),
    ],
)
def test_a_name_that_says_so(name):
    assert named_values({name: KEY}) == {KEY: name}


@pytest.mark.parametrize(
    "name",
    [
        *("HOME", "PWD", "PATH", "TOKENIZERS_PARALLELISM", "MAX_TOKENS", "TOKEN_URL", "DB_PASSWORD_FILE", "KEYBOARD"),
        *("API_KEY_ENV", "AUTH_METHOD", "EOS_TOKEN", "SECRETARY", "MONKEYS_NAME", "SSH_AUTH_SOCK", "", "é", "12"),
    ],
)
def test_a_name_that_says_nothing(name):
    assert named_values({name: KEY}) == {}


@pytest.mark.parametrize(
    "value",
    [
        *(
            "",
            "true",
            "1234567",
            "123456789",
            "0.000000001",
            "2024-01-01",
            "changeme",
            "Password",
            "********",
            "xxxxxxxxx",
        ),
        *(
            "<your key here>",
            "<|endoftext|>",
            "$OTHER_VARIABLE",
            "${OTHER_VARIABLE}",
            "{{ secrets.token }}",
            "env:OTHER_KEY",
        ),
        __file__,
    ],
)
def test_a_value_that_is_none(value):
    assert named_values({"MY_TOKEN": value}, [{"api_key": value, "headers": {"Authorization": value}}]) == {}


def test_the_name_of_a_variable_is_a_reference():
    assert named_values({"MY_TOKEN": KEY, "OTHER_TOKEN": "MY_TOKEN"}) == {KEY: "MY_TOKEN"}


@pytest.mark.parametrize("value", ["passage_id", "question", "a longer sentence of 5 words", "plain-words-only"])
def test_a_key_of_a_table_is_no_secret(value):
    assert named_values({}, [{"sort_key": value, "answer-key": value}]) == {}


def test_of_two_names_of_one_value_the_first_is_shown():
    assert named_values({"A_TOKEN": KEY, "B_TOKEN": KEY}) == {KEY: "A_TOKEN"}


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=40), max_size=5))
def test_every_value_found_is_long_enough_and_in_its_variable(environ):
    for value, name in named_values(environ).items():
        assert len(value) >= SHORTEST
        assert name in environ


class TestCarried:
    """Secrets inside a value whose name says nothing."""

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("postgres://me:s3cretpw@host/db", {"me:s3cretpw", "s3cretpw"}),
            ("http://u:p%40ss-w0rd@proxy:3128", {"u:p%40ss-w0rd", "p%40ss-w0rd", "p@ss-w0rd"}),
            ("postgres://postgres:postgres@localhost/db", {"postgres:postgres"}),
            ("https://0123456789abcdef@sentry.example/1", {"0123456789abcdef"}),
            ("https://me@example.org/", set()),
            ("https://example.org/a@b", set()),
            ("host=db user=me password=s3cretpw dbname=x", {"s3cretpw"}),
            ("Endpoint=x;AccountKey=abc123def456==;Suffix=y", {"abc123def456=="}),
            ("https://x.example/?api_key=abc123def&b=1", {"abc123def"}),
        ],
    )
    def test_passwords_of_urls_and_pairs(self, value, expected):
        assert set(named_values({"DATABASE": value})) == expected


class TestParts:
    """What else of a secret value is a secret."""

    def test_the_token_behind_a_scheme(self):
        assert set(named_values({}, [{"headers": {"Authorization": f"Bearer {KEY}"}}])) == {f"Bearer {KEY}", KEY}

    def test_the_password_of_a_basic_header(self):
        encoded = base64.b64encode(b"me:s3cretpw").decode()
        found = set(named_values({"MY_AUTHORIZATION": f"Basic {encoded}"}))
        assert found == {f"Basic {encoded}", encoded, "me:s3cretpw", "s3cretpw"}

    def test_a_basic_header_that_is_none(self):
        assert set(named_values({"MY_AUTHORIZATION": "Basic n0-base64!"})) == {"Basic n0-base64!", "n0-base64!"}

    def test_members_of_a_comma_list(self):
        assert set(named_values({"API_KEYS": "key-one-1, key-two-2"})) == {
            "key-one-1, key-two-2",
            "key-one-1",
            "key-two-2",
        }

    @pytest.mark.parametrize("end", ["\n", "\\n"])
    def test_lines_of_a_private_key(self, end):
        lines = [
            "-----BEGIN PRIVATE KEY-----",
            "MIIEvQIBADANBgkqhkiG",
            "9w0BAQEFAASCBKcwggSj",
            "-----END PRIVATE KEY-----",
        ]
        found = set(named_values({"PRIVATE_KEY": end.join(lines)}))
        assert found == {end.join(lines), *lines[1:3]}

    def test_white_space_around_it(self):
        assert set(named_values({"MY_TOKEN": f" {KEY}\n"})) == {KEY}

    def test_fields_of_json(self):
        table = {"type": "service_account", "private_key": KEY, "domain": "example.com", "project_id": "main"}
        value = json.dumps(table)
        assert set(named_values({"GOOGLE_CREDENTIALS": value})) == {value, KEY}

    def test_json_that_is_none(self):
        assert set(named_values({"MY_TOKEN": "{not json at all"})) == {"{not json at all"}


class TestOptions:
    def test_nested_tables_and_lists(self):
        options = {"served": {"auth": {"api_key": KEY}, "keys": [f"{KEY}1", 7], "more": [{"password": f"{KEY}2"}]}}
        assert named_values({}, [options]) == {
            KEY: "served.auth.api_key",
            f"{KEY}1": "served.keys",
            f"{KEY}2": "served.more.password",
        }

    def test_every_odd_header(self):
        headers = {
            "X-Custom": KEY,
            "Content-Type": "application/json2",
            "User-Agent": "Client/1.0",
            "X-Plain": "plainword",
        }
        assert named_values({}, [{"extra_headers": headers}]) == {KEY: "extra_headers.X-Custom"}

    def test_what_is_no_text_is_no_secret(self):
        assert named_values({}, [{"token": 123456789012, "password": None, "secret": True}]) == {}
