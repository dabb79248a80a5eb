"""What a service's replies become: every reply an answer, every fault a reason, nothing lost and nothing doubled."""

import asyncio
import json
import time

import pytest
from made_up_service import Script, answers_of, faulty, prompts_of, provider_of, said, status

from harness.providers import official, spending
from harness.providers.exchange import Fault
from harness.records import Decoding

pytestmark = pytest.mark.usefixtures("quick")

PRICED = {"usd_per_million": {"input": 1000, "output": 1000}}


def test_a_reply_is_an_answer(script):
    _made, url = script(said("42"))
    (answer,) = answers_of(url)
    assert (answer.text, answer.prompt_tokens, answer.output_tokens) == ("42", 10, 2)
    assert (answer.finish_reason, answer.error, answer.logprobs, answer.concurrency) == ("stop", None, None, 1)
    assert answer.latency_s > 0


def test_a_question_is_asked_as_the_decoding_says(script):
    made, url = script(said())
    answers_of(url, decoding=Decoding(max_new_tokens=7, temperature=0.5, top_p=0.9, seed=3, stop=("\n",)))
    assert made.bodies == [
        {
            "model": "made-up",
            "messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "tell q0"}],
            "max_tokens": 7,
            "temperature": 0.5,
            "top_p": 0.9,
            "seed": 3,
            "stop": ["\n"],
        }
    ]


def test_greedy_decoding_sends_no_seed(script):
    made, url = script(said())
    answers_of(url)
    assert made.bodies[0].keys() == {"model", "messages", "max_tokens", "temperature"}


def test_fields_are_left_out_and_added(script):
    made, url = script(said())
    answers_of(url, omit=["temperature"], extra={"reasoning_effort": "low"})
    assert made.bodies[0].keys() == {"model", "messages", "max_tokens", "reasoning_effort"}


def test_a_plain_template_is_a_text_to_be_continued(script):
    body = {"choices": [{"text": " 42", "finish_reason": "length", "logprobs": {"token_logprobs": [-0.5, 0]}}]}
    made, url = script(body | {"usage": {"prompt_tokens": 3, "completion_tokens": 2}})
    provider = provider_of(url, logprobs=True)
    (answer,) = provider.generate(prompts_of(1, chat=False), Decoding())
    provider.close()
    assert (answer.text, answer.finish_reason, answer.logprobs) == (" 42", "length", (-0.5, 0.0))
    assert (made.bodies[0]["prompt"], made.bodies[0]["logprobs"]) == ("Be short.\n\ntell q0", 0)
    assert "POST /v1/completions" in made.asked[0][0]


def test_the_key_is_sent_and_nothing_else_of_the_environment(script, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-others-1234")
    monkeypatch.setenv("OPENAI_COMPATIBLE_API_KEY", "sk-this-one-5678")
    made, url = script(said())
    answers_of(url)
    assert "sk-this-one-5678" in made.asked[0][0]
    assert "not-for-others" not in made.asked[0][0]


# -- log-probabilities


def logprobs(*values):
    return {"content": [{"token": "a", "logprob": value} for value in values]}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (logprobs(-0.5, -1), (-0.5, -1.0)),
        (logprobs(), None),
        (logprobs(-0.5, None), None),
        (logprobs(0.5), None),
        (logprobs(True), None),
        ({"content": [3]}, None),
        ({}, None),
        (None, None),
    ],
)
def test_log_probabilities_are_whole_or_none(script, told, expected):
    made, url = script(said(logprobs=told))
    assert answers_of(url, logprobs=True)[0].logprobs == expected
    assert made.bodies[0]["logprobs"] is True


def test_a_service_without_log_probabilities_is_asked_without_from_then_on(script):
    made, url = script(status(422, "Unexpected fields: logprobs"), said())
    assert [answer.text for answer in answers_of(url, 2, logprobs=True, max_concurrent=1)] == ["42", "42"]
    assert ["logprobs" in body for body in made.bodies] == [True, False, False]


def test_a_limit_of_another_name_is_given_under_it(script):
    made, url = script(status(400, "Use 'max_completion_tokens' instead of 'max_tokens'."), said())
    answers_of(url, decoding=Decoding(max_new_tokens=9))
    assert made.bodies[1]["max_completion_tokens"] == 9


def test_a_refused_temperature_is_told_and_not_dropped(script):
    _, url = script(status(400, "temperature is not supported"))
    assert "temperature is not supported" in answers_of(url)[0].error


# -- outcomes

REPLIES = {
    "refusal": (
        said(message={"role": "assistant", "content": None, "refusal": "I will not."}),
        "refusal",
        "I will not.",
    ),
    "filter": (said("", finish_reason="content_filter"), "content_filter", ""),
    "cut off": (said("The answer is", finish_reason="length"), "length", "The answer is"),
    "nothing said": (said(message={"role": "assistant", "content": None}), "stop", ""),
}


@pytest.mark.parametrize(("body", "finish", "text"), REPLIES.values(), ids=REPLIES)
def test_a_reply_keeps_how_it_ended(script, body, finish, text):
    made, url = script(body)
    (answer,) = answers_of(url)
    assert (answer.finish_reason, answer.text, answer.error) == (finish, text, None)
    assert len(made.asked) == 1


USAGE = {"prompt_tokens": 10, "completion_tokens": 2}
BROKEN = {
    "no JSON": (faulty.reply(200, b'{"choices": ['), "the reply is no JSON"),
    "no UTF-8": (faulty.reply(200, b'{"a": "\xff\xfe"}'), "the reply is no JSON"),
    "another type": (faulty.reply(200, b"<html>Sign in</html>", content_type="text/html"), "the reply is no JSON"),
    "a list": (faulty.reply(200, b"[]"), "no JSON object"),
    "no choices": ({"usage": USAGE}, "has no choices"),
    "empty choices": ({"choices": [], "usage": USAGE}, "an empty list of choices"),
    "choice is no object": ({"choices": [3], "usage": USAGE}, "choice is no object"),
    "no message": ({"choices": [{}], "usage": USAGE}, "no message"),
    "text is no text": (said(message={"content": 42}), "text is no text"),
    "error inside": ({"error": {"message": "upstream gone", "code": 502}}, "502: upstream gone"),
    "error in the choice": ({"choices": [{"error": {"message": "upstream", "code": "x"}}]}, "x: upstream"),
    "error as a text": ({"error": "gone"}, "gone"),
    "500": (status(500, "broke"), "500: broke"),
    "429": (status(429, "slow"), "429: slow"),
    "cut": (None, "no connection"),
}


@pytest.mark.parametrize("reply", [reply for reply, _ in BROKEN.values()], ids=BROKEN)
def test_what_is_broken_is_asked_again(script, reply):
    made, url = script(reply, said("42"))
    assert answers_of(url)[0].text == "42"
    assert len(made.asked) == 2


@pytest.mark.parametrize(("reply", "told"), BROKEN.values(), ids=BROKEN)
def test_what_stays_broken_is_a_failure_with_its_reason(script, reply, told):
    made, url = script(reply)
    (answer,) = answers_of(url, tries=3)
    assert told in answer.error
    assert "after 3 tries" in answer.error
    assert "\n" not in answer.error
    assert (answer.finish_reason, answer.text, len(made.asked)) == ("error", "", 3)


FINAL = {
    "no counts": ({"choices": said()["choices"]}, "does not say how many tokens"),
    "a text as a count": (said(usage={"prompt_tokens": "10", "completion_tokens": 2}), "counts '10' tokens"),
    "a negative count": (said(usage={"prompt_tokens": 10, "completion_tokens": -2}), "counts -2 tokens"),
    "nothing read": (said(usage={"prompt_tokens": 0, "completion_tokens": 2}), "counts 0 prompt tokens"),
    "far too much read": (said(usage={"prompt_tokens": 10**9, "completion_tokens": 2}), "are possible"),
    "said for nothing": (said(usage={"prompt_tokens": 10, "completion_tokens": 0}), "counts 0 output tokens"),
    "an unknown end": (said(finish_reason="tool_calls"), "for the reason 'tool_calls'"),
    "no end": (said(finish_reason=None), "for the reason None"),
    "400": (status(400, "too long"), "400: too long"),
    "no body": (faulty.reply(400, b""), "400"),
    "a text as an error": (faulty.reply(400, b'{"error": "too long"}'), "too long"),
}


@pytest.mark.parametrize(("reply", "told"), FINAL.values(), ids=FINAL)
def test_what_another_try_would_not_mend_is_asked_once(script, reply, told):
    made, url = script(reply)
    assert told in answers_of(url)[0].error
    assert len(made.asked) == 1


def test_a_filtered_question_is_told_as_such(script):
    _, url = script(status(400, "flagged", code="content_filter"))
    (answer,) = answers_of(url)
    assert answer.finish_reason == "content_filter"
    assert "content filter" in answer.error


def test_an_error_that_quotes_the_key_does_not_show_it(script, monkeypatch):
    monkeypatch.setenv("OPENAI_COMPATIBLE_API_KEY", "sk-this-one-56789012345")
    _, url = script(status(401, "Incorrect key: sk-this-one-56789012345"))
    error = answers_of(url)[0].error
    assert "401: Incorrect key" in error
    assert "56789012345" not in error


# -- discipline


def test_answers_come_in_order_whatever_comes_first(script):
    async def slower_first(body):
        number = int(body["messages"][-1]["content"].split("q")[-1])
        await asyncio.sleep(0.1 - 0.02 * number)
        return faulty.reply(200, json.dumps(said(f"q{number}")).encode())

    _, url = script(slower_first)
    assert [answer.text for answer in answers_of(url, 5)] == [f"q{number}" for number in range(5)]


def test_an_answer_is_given_before_the_later_ones_are_there(script):
    async def hold_back_later(body):
        if not body["messages"][-1]["content"].endswith("q0"):
            await asyncio.sleep(30)
        return faulty.reply(200, json.dumps(said("first")).encode())

    _made, url = script(hold_back_later)
    provider = provider_of(url)
    answers = provider.generate(prompts_of(3), Decoding())
    assert next(answers).text == "first"
    answers.close()
    provider.close()


def test_no_more_than_the_most_are_asked_at_once(serve):
    server = faulty.Server(latency_s=0.02, capacity=64)
    answers = answers_of(serve(server).url, 30, max_concurrent=4)
    assert server.most == 4
    assert all(answer.error is None for answer in answers)
    assert max(answer.concurrency for answer in answers) == 4


def test_a_capacity_that_nobody_told_is_found(serve):
    server = faulty.Server(latency_s=0.02, capacity=5)
    answers = answers_of(serve(server).url, 100, max_concurrent=64, tries=20)
    assert [answer.text for answer in answers] == [f"q{number}" for number in range(100)]
    assert server.refused < 100


def test_with_a_fifth_of_faults_nothing_is_lost_doubled_or_misplaced(serve):
    server = faulty.Server(latency_s=0.005, capacity=64)
    proxy = faulty.Proxy(upstream=server, share=0.2, seed=4)
    answers = answers_of(serve(proxy).url, 200, timeout_s=0.5)
    assert [answer.text for answer in answers] == [f"q{number}" for number in range(200)]
    assert set(proxy.broken) == set(faulty.FAULTS)


def test_a_slow_drip_is_a_timeout(script):
    _made, url = script(b"drip" + faulty.reply(200, json.dumps(said()).encode()))
    (answer,) = answers_of(url, timeout_s=0.5, tries=1)
    assert "no whole reply within 0.5 s" in answer.error


def test_retry_after_is_waited_for(script):
    _, url = script(status(429, "slow", "retry-after: 0.3"), said())
    began = time.perf_counter()
    assert answers_of(url)[0].text == "42"
    assert time.perf_counter() - began >= 0.3


def test_a_wait_beyond_the_deadline_is_not_begun(script):
    made, url = script(status(429, "slow", "retry-after: 60"))
    began = time.perf_counter()
    assert "429: slow" in answers_of(url, deadline_s=5)[0].error
    assert time.perf_counter() - began < 5
    assert len(made.asked) == 1


def test_a_deadline_ends_all_tries(script):
    async def never(_body):
        await asyncio.sleep(30)

    _made, url = script(never)
    began = time.perf_counter()
    assert "no whole reply within" in answers_of(url, timeout_s=0.2, deadline_s=0.5)[0].error
    assert time.perf_counter() - began < 5


def test_a_refused_key_stops_the_model(script):
    made, url = script(status(401, "bad key"))
    answers = answers_of(url, 50, max_concurrent=2)
    assert len(made.asked) <= 2
    assert all("401: bad key" in answer.error for answer in answers)
    assert "not asked" in answers[-1].error


def test_a_service_that_is_down_stops_the_cell_and_says_so(script):
    made, url = script(None)
    answers = answers_of(url, 60, failures_most=5, patience_s=0.001, max_concurrent=4)
    assert len(answers) == 60
    assert "is down: " in answers[-1].error
    assert url in answers[-1].error
    assert "failures in a row" in answers[-1].error
    assert len(made.asked) < 60


def test_nobody_there_is_told_as_no_connection(serve):
    server = serve(Script(said()))
    url = server.url
    server.server.close()
    assert "no connection" in answers_of(url, tries=2)[0].error


def test_an_iterator_that_is_left_takes_back_what_was_not_asked(script):
    async def slow(_body):
        await asyncio.sleep(0.05)
        return faulty.reply(200, json.dumps(said()).encode())

    made, url = script(slow)
    provider = provider_of(url, max_concurrent=1)
    answers = provider.generate(prompts_of(50), Decoding())
    next(answers)
    answers.close()
    provider.close()
    time.sleep(0.3)
    assert len(made.asked) <= 4


def test_an_error_that_nobody_thought_of_costs_one_question_its_answer(script, monkeypatch):
    made, url = script(said())
    provider = provider_of(url)
    ask = provider.service.ask

    async def odd(asked):
        return 1 / 0 if asked.turns[-1].content.endswith("q1") else await ask(asked)

    monkeypatch.setattr(provider.service, "ask", odd)
    first, second, third = provider.generate(prompts_of(3), Decoding())
    provider.close()
    assert second.error == "ZeroDivisionError: division by zero"
    assert first.text
    assert third.text
    assert len(made.asked) == 2


def test_no_prompts_no_answers(script):
    made, url = script(said())
    assert answers_of(url, 0) == []
    assert made.asked == []


def test_no_loss_is_made_up(script):
    provider = provider_of(script(said())[1])
    assert list(provider.reference_nll(prompts_of(2))) == [None, None]
    provider.close()


def test_closing_waits_for_nobody(script, monkeypatch):
    from harness.providers import remote

    provider = provider_of(script(said())[1])
    monkeypatch.setattr(remote, "CLOSE_S", 0.05)
    monkeypatch.setattr(provider.service, "close", lambda: asyncio.sleep(10))
    assert provider.close() is None


def test_requests_per_minute_are_kept(script):
    _made, url = script(said())
    began = time.perf_counter()
    answers_of(url, 12, requests_per_minute=100)
    assert time.perf_counter() - began >= 2 / 1.5 - 0.1


# -- cost


def limited(tmp_path, usd):
    spending.limit_spending(usd, tmp_path / "spend", "run")


def spent():
    ledger = spending.ledger()
    return ledger.spent()


def test_what_was_spent_is_what_the_service_counted(script, tmp_path):
    limited(tmp_path, 100)
    answers_of(script(said())[1], 3, **PRICED)
    assert spent().settled_usd == pytest.approx(3 * 12 / 1000)
    assert spent().reserved_usd == 0


def test_spending_stops_before_the_limit_is_exceeded(script, tmp_path):
    limited(tmp_path, 1)
    made, url = script(said())
    answers = answers_of(url, 100, **PRICED)
    reasons = [answer.error for answer in answers if answer.error is not None]
    assert 0 < len(reasons) < 100
    assert all("--max-cost-usd 1" in reason for reason in reasons)
    assert spent().settled_usd <= 1
    assert len(made.asked) == 100 - len(reasons)


def test_a_try_that_may_have_been_charged_for_counts_in_full(script, tmp_path):
    limited(tmp_path, 100)
    answers_of(script(None)[1], tries=1, **PRICED)
    assert spent().settled_usd > 0.5


def test_a_refused_try_costs_nothing(script, tmp_path):
    limited(tmp_path, 100)
    answers_of(script(status(429))[1], tries=2, **PRICED)
    assert spent().settled_usd == 0
    assert spent().reserved_usd == 0


def test_what_is_set_aside_for_ever_is_waited_for_until_the_deadline(script, tmp_path):
    limited(tmp_path, 1)
    spending.ledger().reserve(0.9)
    made, url = script(said())
    assert "set aside" in answers_of(url, deadline_s=0.3, **PRICED)[0].error
    assert made.asked == []


def test_what_a_server_of_this_machine_says_is_free(script, tmp_path):
    spending.limit_spending(1e-9, tmp_path / "spend", "run")
    assert answers_of(script(said())[1], provider="ollama")[0].text == "42"


# -- order


def test_a_fault_is_an_exception_that_tells_its_reason():
    with pytest.raises(Fault, match="gone"):
        raise Fault(reason="gone")


# -- what the client finds out itself


def client_error(kind, cause):
    import httpx2
    import openai

    error = getattr(openai, kind)(request=httpx2.Request("POST", "http://127.0.0.1/"))
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("kind", "cause", "expected"),
    [
        ("APITimeoutError", TimeoutError("slow"), {"retry", "overload", "down", "billed"}),
        ("APITimeoutError", ConnectionRefusedError("refused"), {"retry", "down"}),
        ("APITimeoutError", ConnectionResetError("cut"), {"retry", "down", "billed"}),
        ("APIConnectionError", OSError("lost"), {"retry", "down", "billed"}),
    ],
)
def test_only_what_was_never_sent_is_surely_not_charged_for(kind, cause, expected):
    fault = official._fault(client_error(kind, cause))
    found = {name for name in ("retry", "overload", "down", "billed", "fatal") if getattr(fault, name)}
    assert found == expected


def test_an_error_of_an_unknown_kind_is_told_and_not_retried():
    fault = official._fault(LookupError("odd"))
    assert (fault.reason, fault.retry) == ("LookupError: odd", False)
