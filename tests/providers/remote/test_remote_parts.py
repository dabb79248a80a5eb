"""The parts that need no service: window, pace, breaker, ledger, options, keys, prices, faults, names."""

import asyncio
import copy
import pickle
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_service import spec_of

from harness.errors import HarnessError, MissingExtra, StudyError, UnknownName
from harness.providers import keys, prices, remote_source, spending
from harness.providers.background import run
from harness.providers.breaker import Breaker
from harness.providers.concurrency import FIRST_SIZE, Window
from harness.providers.exchange import Fault, Reply, plain_text
from harness.providers.faults import retry_after_s, status_fault
from harness.providers.pace import Pace
from harness.providers.remote_options import read_options, share
from harness.providers.remote_source import RemoteSource
from harness.providers.services import SERVICES, is_remote
from harness.providers.usage import most_prompt_tokens, usage_problem
from harness.records import Message, ModelSpec, Runtime
from harness.registry.catalog import load_catalog, match_models


def model(provider="openai_compatible", **options):
    return ModelSpec(name="m", family="f", params_b=None, context_length=10, provider=provider, options=options)


URL = "http://127.0.0.1:1/v1"


# -- window


@given(st.integers(1, 100), st.lists(st.booleans(), max_size=200))
def test_a_window_stays_within_one_and_its_most(most, outcomes):
    async def play():
        window = Window(most)
        for went_well in outcomes:
            async with window.slot():
                window.in_flight = max(window.in_flight, int(window.size))
                if went_well:
                    window.succeeded()
                else:
                    window.overloaded()
                assert 1 <= window.size <= most
                window.in_flight = 1

    asyncio.run(play())


def test_no_more_are_on_their_way_than_the_window_holds():
    async def play():
        window, most = Window(5), 0

        async def one():
            nonlocal most
            async with window.slot():
                most = max(most, window.in_flight)
                await asyncio.sleep(0.001)

        await asyncio.gather(*(one() for _ in range(40)))
        return most, window.in_flight

    assert asyncio.run(play()) == (5, 0)


def test_a_full_window_doubles_per_round_until_the_first_overload():
    async def play():
        window = Window(1000)
        window.in_flight = FIRST_SIZE
        for _ in range(FIRST_SIZE):
            window.in_flight = int(window.size)
            window.succeeded()
        return window.size

    assert asyncio.run(play()) == 2 * FIRST_SIZE


def test_after_an_overload_a_round_adds_one():
    async def play():
        window = Window(1000)
        window.overloaded()
        before = window.size
        for _ in range(int(before)):
            window.in_flight = int(window.size)
            window.succeeded()
        return window.size - before

    assert asyncio.run(play()) == pytest.approx(1, abs=0.1)


def test_a_round_that_is_all_refused_halves_the_window():
    window = Window(64)
    for _ in range(FIRST_SIZE):
        window.overloaded()
    assert window.size == FIRST_SIZE / 2


def test_stray_faults_leave_a_window_that_a_round_trip_is_worth():
    """15 % faults that have nothing to do with the load: halving once a round would leave 3 slots."""
    window, drawn = Window(64), random.Random(1)  # noqa: S311 - to be drawn again
    sizes = []
    for _ in range(4000):
        window.in_flight = int(window.size)
        window.overloaded() if drawn.random() < 0.15 else window.succeeded()
        sizes.append(window.size)
    assert sum(sizes[1000:]) / 3000 > 8


def test_a_service_that_bears_fewer_is_found_in_a_few_rounds():
    """All above 8 at once are refused."""
    window = Window(64)
    window.size = 64.0
    for _ in range(6):
        for place in range(int(window.size)):
            window.in_flight = int(window.size)
            window.succeeded() if place < 8 else window.overloaded()
    assert 6 <= window.size <= 12


def test_an_unfilled_window_does_not_grow():
    async def play():
        window = Window(64)
        async with window.slot():
            window.succeeded()
        return window.size

    assert asyncio.run(play()) == FIRST_SIZE


def test_a_pause_holds_all_slots_back():
    async def play():
        window, loop = Window(4), asyncio.get_running_loop()
        began = loop.time()
        window.pause(0.1)
        async with window.slot():
            return loop.time() - began

    assert asyncio.run(play()) >= 0.1


def test_a_cancelled_wait_gives_its_turn_on():
    async def play():
        window = Window(1)

        async def one():
            async with window.slot():
                return True

        async with window.slot():
            left = asyncio.ensure_future(one())
            stays = asyncio.ensure_future(one())
            await asyncio.sleep(0)
            left.cancel()
        return await asyncio.wait_for(stays, 1), window.in_flight

    assert asyncio.run(play()) == (True, 0)


def test_a_slot_given_while_its_wait_is_cancelled_comes_back():
    async def play():
        window = Window(1)

        async def one():
            async with window.slot():
                pass

        async with window.slot():
            waits = asyncio.ensure_future(one())
            await asyncio.sleep(0)
        waits.cancel()  # the slot is its own by now, and it has not run since
        await asyncio.gather(waits, return_exceptions=True)
        return window.in_flight

    assert asyncio.run(play()) == 0


# -- pace


@given(st.integers(10, 600), st.lists(st.floats(0.05, 0.1), min_size=1, max_size=40))
def test_no_sixty_seconds_see_more_than_the_pace(per_minute, shares):
    now, passed = [0.0], []
    pace = Pace(per_minute, clock=lambda: now[0])
    for amount in (per_minute * part for part in shares):
        while delay := pace.delay_s(amount):
            now[0] += delay
        pace._held -= amount
        passed.append((now[0], amount))
    for start, _ in passed:
        assert sum(amount for at, amount in passed if start <= at < start + 60) <= per_minute * (1 + 1e-6)


def test_an_amount_above_the_bucket_passes_and_is_owed():
    now = [0.0]
    pace = Pace(60, clock=lambda: now[0])
    assert pace.delay_s(30) == 0
    pace._held -= 30
    assert pace.delay_s(1) == pytest.approx((1 + 24) / 0.9)


def test_what_was_not_used_comes_back():
    pace = Pace(60, clock=lambda: 0.0)
    pace.delay_s(1)
    pace._held -= 6
    pace.give_back(6)
    assert pace.delay_s(6) == 0


def test_without_a_limit_everything_passes():
    assert asyncio.run(Pace(None).pass_through(1e9)) is None
    assert Pace(None).delay_s(1) == 0


def test_a_pace_makes_the_next_one_wait():
    async def play():
        pace, loop = Pace(6000), asyncio.get_running_loop()
        began = loop.time()
        await pace.pass_through(600)
        await pace.pass_through(9)
        return loop.time() - began

    assert asyncio.run(play()) == pytest.approx(0.1, abs=0.09)


@pytest.mark.parametrize(("workers", "expected"), [("4", 15), ("", 60), ("x", 60), ("0", 60)])
def test_workers_share_a_limit(workers, expected):
    assert share(60, {"PYTEST_XDIST_WORKER_COUNT": workers}) == expected


# -- the breaker


def breaker(**changes):
    return Breaker(**({"failures_most": 3, "patience_s": 5, "rest_s": 10} | changes))


def test_a_breaker_opens_only_after_failures_and_patience():
    found = breaker()
    for now in (0, 1, 2):
        found.failed("gone", now)
    assert found.refusal(2) is None
    found.failed("gone", 5)
    assert found.refusal(5) == "4 failures in a row, the last: gone"


def test_a_success_starts_the_count_again():
    found = breaker()
    for now in (0, 4):
        found.failed("gone", now)
    found.succeeded()
    found.failed("gone", 9)
    assert found.refusal(9) is None


def opened():
    found = breaker(patience_s=0)
    for _ in range(3):
        found.failed("gone", 0)
    return found


def test_after_its_rest_one_request_is_let_through():
    found = opened()
    assert found.refusal(10) is None
    assert found.refusal(10) is not None


def test_the_one_that_was_let_through_decides():
    closed, open_again = opened(), opened()
    closed.refusal(10)
    closed.succeeded()
    open_again.refusal(10)
    open_again.failed("still gone", 10)
    assert closed.refusal(10) is None
    assert open_again.refusal(11) is not None


def test_one_that_told_nothing_leaves_room_for_the_next():
    found = opened()
    found.refusal(10)
    found.undecided()
    assert found.refusal(10) is None


# -- spending


@given(st.lists(st.tuples(st.floats(0.01, 1), st.floats(0, 1)), max_size=40))
def test_what_is_reserved_and_spent_never_exceeds_the_limit(tries):
    ledger = spending.Ledger(Path(":memory:"), "run", 3)
    for worst, part in tries:
        number = ledger.reserve(worst)
        spent = ledger.spent()
        assert spent.settled_usd + spent.reserved_usd <= 3 + 1e-9
        if isinstance(number, int):
            ledger.settle(number, worst * part)
    ledger.close()


def test_two_processes_share_one_limit(tmp_path):
    first, second = (spending.Ledger(tmp_path / "spend", "run", 1) for _ in range(2))
    number = first.reserve(0.7)
    assert second.reserve(0.7) == "later"
    first.settle(number, 0.7)
    assert second.reserve(0.7) == "never"
    assert isinstance(second.reserve(0.3), int)
    first.close()
    second.close()


def test_another_run_in_the_file_has_its_own_limit(tmp_path):
    first, second = (spending.Ledger(tmp_path / "spend", run, 1) for run in "ab")
    first.settle(first.reserve(1), 1)
    assert isinstance(second.reserve(1), int)
    first.close()
    second.close()


def test_a_reservation_that_fails_is_taken_back(tmp_path):
    ledger = spending.Ledger(tmp_path / "spend", "run", 1)
    with pytest.raises(TypeError):
        ledger.reserve("much")
    assert isinstance(ledger.reserve(1), int)
    ledger.close()


def test_a_limit_of_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="above 0"):
        spending.Ledger(tmp_path / "spend", "run", 0)


# -- options and keys


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"base_ur": URL}, "did you mean 'base_url'"),
        ({}, "no base_url"),
        ({"base_url": "127.0.0.1:8000"}, "an address as"),
        ({"base_url": "http://[::1"}, "an address as"),
        ({"base_url": "http://u@h/v1"}, "an address as"),
        ({"base_url": 7}, "an address as"),
        ({"base_url": URL, "region": " "}, "the name of a region"),
        ({"base_url": URL, "logprobs": "yes"}, "true or false"),
        ({"base_url": URL, "tries": 0}, "a whole number above 0"),
        ({"base_url": URL, "tries": True}, "a whole number above 0"),
        ({"base_url": URL, "timeout_s": -1}, "a number of seconds"),
        ({"base_url": URL, "omit": ["model"]}, "a list of any of"),
        ({"base_url": URL, "extra": {"model": "x"}}, "a table without"),
        ({"base_url": URL, "usd_per_million": {"input": 1}}, "a table of input and output"),
        ({"base_url": URL, "usd_per_million": {"input": -1, "output": 1}}, "a table of input and output"),
        ({"base_url": URL, "api_key": "none"}, "hold a key"),
        ({"base_url": URL, "extra": {"my_token": "abcd1234efgh"}}, "hold a key"),
    ],
)
def test_a_wrong_option_is_told_in_one_line(options, told):
    with pytest.raises(StudyError, match=told) as raised:
        read_options(model(**options), SERVICES["openai_compatible"])
    assert "\n" not in str(raised.value)


def test_a_key_among_the_options_is_not_shown():
    with pytest.raises(StudyError) as raised:
        read_options(model(base_url=URL, api_key="abcd1234efgh"), SERVICES["openai_compatible"])
    assert "abcd1234" not in str(raised.value)


def test_options_are_read():
    found = read_options(
        model(base_url=f"{URL}/", omit=["seed"], extra={"top_k": 1}, usd_per_million={"input": 0, "output": 2}),
        SERVICES["openai_compatible"],
    )
    assert (found.base_url, found.omit, found.usd_per_million) == (URL, ("seed",), (0.0, 2.0))


SECRET = "sk-abcdefgh12345678"  # noqa: S105 - a made-up one


@pytest.mark.parametrize("show", [repr, str, "{}".format, lambda key: f"{key!r:>30}"])
def test_a_key_does_not_print(show):
    assert SECRET not in show(keys.Key(SECRET, "MY_KEY"))


@pytest.mark.parametrize("out", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_key_is_not_copied(out):
    with pytest.raises(TypeError, match="MY_KEY"):
        out(keys.Key(SECRET, "MY_KEY"))


def test_the_first_variable_that_is_set_has_the_key():
    found = keys.find_key(("A", "B", "C"), {"A": " ", "B": f" {SECRET}\n", "C": "other"})
    assert found is not None
    assert (found.variable, found.reveal()) == ("B", SECRET)


@pytest.mark.parametrize("value", ["two words", "line\nbreak", "schlüssel"])
def test_a_key_that_no_header_takes_is_refused_unseen(value):
    with pytest.raises(HarnessError, match="A holds characters") as raised:
        keys.find_key(("A",), {"A": value})
    assert value not in str(raised.value)


def test_a_missing_key_is_told_with_its_variable():
    with pytest.raises(HarnessError, match="set OPENAI_API_KEY"):
        RemoteSource(model("openai"), Runtime())


def test_a_missing_package_is_told_with_its_extra(monkeypatch):
    monkeypatch.setattr(remote_source, "find_spec", lambda _name: None)
    with pytest.raises(MissingExtra, match=r"pytest-scaling\[openai\]"):
        RemoteSource(model(base_url=URL), Runtime())


def test_a_service_takes_no_precision():
    with pytest.raises(HarnessError, match="leave 4bit out"):
        RemoteSource(model(base_url=URL), Runtime(quantisation="4bit"))


@pytest.mark.parametrize(
    "changed", [{"base_url": f"{URL}2"}, {"omit": ["seed"]}, {"extra": {"a": 1}}, {"logprobs": True}]
)
def test_what_is_asked_for_otherwise_is_another_model(changed):
    plain = RemoteSource(model(base_url=URL), Runtime())
    assert plain.fingerprint != RemoteSource(model(**({"base_url": URL} | changed)), Runtime()).fingerprint


def test_how_fast_it_is_asked_is_not_part_of_a_model():
    plain = RemoteSource(model(base_url=URL), Runtime())
    assert plain.fingerprint == RemoteSource(model(base_url=URL, tries=1), Runtime()).fingerprint
    assert not plain.reads_reference


def priced(provider, name, **options):
    return ModelSpec(
        name="m", family="f", params_b=None, context_length=10, provider=provider, server_name=name, options=options
    )


def test_a_cost_goes_by_the_exact_id():
    assert prices.cost_usd(priced("openai", "gpt-4o-mini-2024-07-18"), 1_000_000, 1_000_000) == pytest.approx(0.75)
    assert prices.cost_usd(priced("openai", "gpt-4o-mini"), 1, 1) is None


def test_a_users_own_price_counts():
    own = priced("openai", "mine", usd_per_million={"input": 1, "output": 3})
    assert prices.cost_usd(own, 1_000_000, 2_000_000) == pytest.approx(7)


def test_a_price_of_the_table_holds_at_its_own_service_only():
    elsewhere = priced("openai", "gpt-4o-mini-2024-07-18", base_url=URL)
    here = priced("openai", "gpt-4o-mini-2024-07-18", base_url="https://api.openai.com/v1/")
    assert prices.price_of(elsewhere) is None
    assert prices.price_of(here) is not None


def test_a_model_that_runs_here_has_no_price():
    assert prices.price_of(model("transformers")) is None


def test_every_row_of_the_price_table_is_dated_and_priced():
    rows = [row for rows in prices._table().values() for row in rows.values()]
    assert rows
    assert all(row.keys() == {"seen", "input", "output"} and row["input"] < row["output"] for row in rows)


def test_a_limit_that_cannot_be_kept_is_told_at_once(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    spending.limit_spending(1, tmp_path / "spend", "run")
    with pytest.raises(HarnessError, match="add usd_per_million"):
        RemoteSource(priced("openai", "unknown"), Runtime())
    assert RemoteSource(priced("openai", "gpt-4o-mini-2024-07-18"), Runtime()).load() is not None


def test_an_address_on_this_machine_is_free_only_where_a_server_of_models_is_named(tmp_path):
    spending.limit_spending(1, tmp_path / "spend", "run")
    proxy = spec_of("openai_compatible", base_url="http://127.0.0.1:1/v1")
    with pytest.raises(HarnessError, match="add usd_per_million"):
        RemoteSource(proxy, Runtime())
    assert RemoteSource(spec_of("ollama", base_url="http://localhost:1/v1"), Runtime()).load() is not None
    with pytest.raises(HarnessError, match="add usd_per_million"):
        RemoteSource(spec_of("ollama", base_url="http://10.0.0.1:1/v1"), Runtime())


def test_a_limit_holds_for_a_server_of_ones_own_that_is_said_to_be_free(tmp_path):
    spending.limit_spending(1, tmp_path / "spend", "run")
    free = spec_of("openai_compatible", base_url="http://127.0.0.1:1/v1", usd_per_million={"input": 0, "output": 0})
    assert RemoteSource(free, Runtime()).load() is not None


# -- faults and counts


@pytest.mark.parametrize(
    ("status", "told", "expected"),
    [
        (429, "slow down", {"retry", "overload"}),
        (429, "insufficient_quota", {"fatal"}),
        (500, "broke", {"retry", "overload", "down"}),
        (529, "overloaded", {"retry", "overload", "down"}),
        (501, "not built", {"retry", "down"}),
        (401, "bad key", {"fatal"}),
        (404, "no model", {"fatal"}),
        (400, "bad request", set()),
        (400, "content_filter", {"filtered"}),
        (409, "conflict", {"retry"}),
    ],
)
def test_what_a_status_means(status, told, expected):
    fault = status_fault(status, told, {})
    found = {name for name in ("retry", "overload", "down", "fatal", "filtered") if getattr(fault, name)}
    assert found == expected
    assert told in str(fault)


NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2),
        ({"retry-after": "2", "retry-after-ms": "300"}, 0.3),
        ({"retry-after": "Thu, 01 Jan 2026 00:00:05 GMT"}, 5),
        ({"retry-after": "Wed, 31 Dec 2025 00:00:05 GMT"}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "inf"}, None),
    ],
)
def test_retry_after_is_read(headers, expected):
    assert retry_after_s(headers, NOW) == expected


@given(st.lists(st.text(max_size=50), max_size=5))
def test_no_byte_level_vocabulary_counts_more_than_the_most(texts):
    turns = [Message(role="user", content=text) for text in texts]
    assert most_prompt_tokens(turns) >= sum(len(text.encode("utf-8", "replace")) for text in texts)


@pytest.mark.parametrize(("prompt", "output", "text"), [(0, 1, "a"), (101, 1, "a"), (5, 0, "a")])
def test_counts_that_cannot_be_right_are_told(prompt, output, text):
    reply = Reply(text=text, prompt_tokens=prompt, output_tokens=output, finish_reason="stop")
    assert usage_problem(reply, 100) is not None


def test_nothing_said_may_take_no_tokens():
    assert usage_problem(Reply(text="", prompt_tokens=1, output_tokens=0, finish_reason="stop"), 1) is None


def test_turns_as_one_text():
    turns = [
        Message(role="user", content="Q: a"),
        Message(role="assistant", content="b"),
        Message(role="user", content="c"),
    ]
    assert plain_text(turns) == "Q: a b\n\nc"


def test_what_takes_too_long_in_the_background_is_cancelled():
    with pytest.raises(TimeoutError):
        run(asyncio.sleep(10), 0.05)


def test_a_fault_says_its_reason():
    assert str(Fault(reason="gone")) == "gone"


# -- PROVIDER/NAME


def named(*patterns, **models):
    return match_models(load_catalog(models), patterns)


def test_a_services_own_name_is_kept_beside_a_label():
    (found,) = named("ollama/qwen2.5:7b-instruct-q4_K_M")
    assert (found.provider, found.server_name) == ("ollama", "qwen2.5:7b-instruct-q4_K_M")
    assert found.name == "ollama-qwen2.5-7b-instruct-q4_K_M"


def test_a_name_may_hold_slashes():
    assert named("openrouter/meta-llama/llama-3.1-8b")[0].server_name == "meta-llama/llama-3.1-8b"


def test_a_described_model_is_found_by_its_servers_name():
    table = {"provider": "ollama", "server_name": "qwen2.5:7b", "params_b": 7.6}
    assert named("ollama/qwen2.5:7b", mine=table)[0].params_b == 7.6


def test_a_provider_of_this_machine_takes_the_catalogues_models():
    assert named("transformers/qwen7b")[0] == named("qwen2.5-7b")[0]
    assert named("planted/qwen7b")[0].provider == "planted"


@pytest.mark.parametrize(
    ("patterns", "kind", "told"),
    [
        (["olama/x"], UnknownName, "did you mean 'ollama'"),
        (["transformers/nothing"], UnknownName, "unknown model 'nothing'"),
        (["ollama/"], StudyError, "names no model"),
        (["ollama/qwen*"], StudyError, "without"),
        (["ollama/a:b", "ollama/a/b"], StudyError, "has the name"),
    ],
)
def test_a_wrong_name_is_told(patterns, kind, told):
    with pytest.raises(kind, match=told):
        named(*patterns)


def test_a_label_that_another_model_has_is_refused():
    with pytest.raises(StudyError, match="would be called"):
        named("ollama/a:b", **{"ollama-a-b": {"provider": "planted", "options": {"accuracy": 1}}})


def test_services_are_told_from_what_runs_here():
    assert is_remote("ollama")
    assert not is_remote("transformers")
