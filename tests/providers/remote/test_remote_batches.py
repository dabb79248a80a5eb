"""Questions asked through batch APIs: handed in once, collected once, and nothing is paid twice."""

import json
import time

import pytest
from made_up_batches import BatchService
from made_up_service import prompts_of, spec_of, status

from harness.processes import Owner
from harness.providers import anthropic, batch_book, batch_provider, official, remote, spending
from harness.providers import batches as batches_module
from harness.providers.batch_book import BatchBook, book, use_batches
from harness.providers.batch_provider import BatchProvider
from harness.providers.remote_source import RemoteSource
from harness.records import Decoding, Runtime

PRICED = {"usd_per_million": {"input": 1000, "output": 1000}}
GONE = Owner(host="gone", pid=1, started="1")


@pytest.fixture(autouse=True)
def batches(monkeypatch, tmp_path):
    monkeypatch.setattr(batch_provider, "POLL_FIRST_S", 0.01)
    monkeypatch.setattr(remote, "BACKOFF_FIRST_S", 0.001)
    use_batches(tmp_path / "batches")
    yield
    use_batches(None)


def loaded(url, provider="openai_compatible", **options):
    return RemoteSource(spec_of(provider, base_url=url, **options), Runtime()).load()


def answers_of(url, count=3, *, chat=True, **options):
    provider = loaded(url, **options)
    try:
        return list(provider.generate(prompts_of(count, chat=chat), Decoding()))
    finally:
        provider.close()


def rows():
    """How many batches and items the book holds."""
    counts = "SELECT (SELECT count(*) FROM batches), (SELECT count(*) FROM items)"
    return book()._file.execute(counts).fetchone()


def die():
    """What this process has in the book, and has set aside, belongs to one that is gone."""
    book()._file.execute("UPDATE items SET host = ?, pid = ?", (GONE.host, GONE.pid))
    if spending.ledger() is not None:
        spending.ledger()._file.execute("UPDATE reserved SET host = ?, pid = ?", (GONE.host, GONE.pid))


def test_a_model_is_asked_through_batches_only_where_that_was_chosen(serve):
    url = serve(BatchService()).url
    assert isinstance(loaded(url), BatchProvider)
    use_batches(None)
    assert not isinstance(loaded(url), BatchProvider)


@pytest.mark.parametrize("chat", [True, False])
def test_a_batch_is_answered_question_by_question(serve, chat):
    made = BatchService(looks=3)
    answers = answers_of(serve(made).url, 5, chat=chat)
    assert [answer.text for answer in answers] == [f"q{n}" for n in range(5)]
    assert {answer.concurrency for answer in answers} == {5}
    assert len(made.batches) == 1
    assert made.looked >= 3
    assert rows() == (0, 0)


def test_a_question_is_asked_as_it_is_one_by_one(serve):
    made = BatchService()
    answers_of(serve(made).url, 1)
    (row,) = made.files["file-0"]
    assert row["url"] == "/v1/chat/completions"
    assert row["body"] == {
        "model": "made-up",
        "messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "tell q0"}],
        "max_tokens": 64,
        "temperature": 0.0,
    }


def test_the_same_question_twice_is_asked_once(serve):
    made = BatchService()
    provider = loaded(serve(made).url)
    answers = list(provider.generate([*prompts_of(2), *prompts_of(1)], Decoding()))
    provider.close()
    assert [answer.text for answer in answers] == ["q0", "q1", "q0"]
    assert made.asked == ["q0", "q1"]


def test_no_prompts_make_no_batch(serve):
    made = BatchService()
    assert answers_of(serve(made).url, 0) == []
    assert made.batches == {}


def test_no_loss_is_measured(serve):
    assert list(loaded(serve(BatchService()).url).reference_nll(prompts_of(2))) == [None, None]


# -- what becomes of a question that is not answered


def line(**fields):
    return lambda row: {"custom_id": row["custom_id"], **fields}


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (line(error={"code": "batch_expired", "message": "too late"}), "batch_expired: too late"),
        (line(response={"status_code": 400, "body": {"error": {"message": "no such"}}}), "400: no such"),
        (line(response={"status_code": "?", "body": {}}), "0: {}"),
        (line(response={"status_code": 200, "body": {"choices": []}}), "empty list of choices"),
        (line(response=None), "neither a reply nor an error"),
        (None, "no word on it"),
        ("{ not JSON", "no word on it"),
        ("[1]", "no word on it"),
    ],
)
def test_one_that_fails_fails_alone(serve, made, expected):
    service = BatchService()
    service.broken["q1"] = made
    first, second, third = answers_of(serve(service).url)
    assert (first.text, third.text) == ("q0", "q2")
    assert expected in second.error
    assert rows() == (0, 0)


def test_impossible_counts_are_a_failure(serve):
    service = BatchService()

    def made(row):
        body = {"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}
        usage = {"prompt_tokens": 0, "completion_tokens": 1}
        return {"custom_id": row["custom_id"], "response": {"status_code": 200, "body": body | {"usage": usage}}}

    service.broken["q0"] = made
    assert "0 prompt tokens" in answers_of(serve(service).url, 1)[0].error


def test_a_filtered_question_says_so(serve):
    service = BatchService()
    service.broken["q0"] = line(response={"status_code": 400, "body": {"error": {"message": "content_filter hit"}}})
    assert answers_of(serve(service).url, 1)[0].finish_reason == "content_filter"


@pytest.mark.parametrize("end", ["expired", "failed", "cancelled"])
def test_a_batch_that_ends_without_answers_fails_its_questions(serve, end):
    answers = answers_of(serve(BatchService(end=end)).url)
    assert all(f"is {end} and has no word on it" in answer.error for answer in answers)
    assert rows() == (0, 0)


def test_a_batch_that_is_not_taken_fails_its_questions(serve):
    service = BatchService()
    service.refuse = [status(400, "file too large")]
    assert all("the batch was not taken: 400: file too large" in each.error for each in answers_of(serve(service).url))
    assert rows() == (0, 0)


def test_why_a_batch_failed_is_told(serve):
    service = BatchService(end="failed")
    provider = loaded(serve(service).url)
    found = provider.generate(prompts_of(1), Decoding())
    service_look = service._look

    def look(name):
        return service_look(name) | {"errors": {"data": [{"message": "line 1 is wrong"}]}}

    service._look = look
    assert "failed: line 1 is wrong" in next(found).error


def test_a_service_that_is_busy_is_handed_the_batch_again(serve):
    service = BatchService()
    service.refuse = [status(429, "slow down"), status(500, "oh")]
    assert [answer.text for answer in answers_of(serve(service).url, 2)] == ["q0", "q1"]
    assert len(service.batches) == 1


def test_a_handing_in_whose_reply_is_lost_is_not_repeated(serve):
    service = BatchService()
    service.lost_replies = 1
    assert [answer.text for answer in answers_of(serve(service).url, 2)] == ["q0", "q1"]
    assert service.asked == ["q0", "q1"]


def test_a_batch_without_an_id_is_looked_for(serve):
    service = BatchService()
    service.refuse = [status_ok({"object": "batch"})]
    assert [answer.text for answer in answers_of(serve(service).url, 1)] == ["q0"]


def status_ok(body):
    from made_up_batches import told

    return told(body)


def refused(word):
    return line(response={"status_code": 400, "body": {"error": {"message": word}}})


def test_a_field_that_the_service_does_not_take_is_left_out_in_the_next_batch(serve):
    service = BatchService()

    def once(row):
        return refused("logprobs not supported")(row) if "logprobs" in row["body"] else BatchService()._result(row)

    service.broken = {"q0": once, "q1": once}
    assert [answer.text for answer in answers_of(serve(service).url, 2, logprobs=True)] == ["q0", "q1"]
    assert len(service.batches) == 2


def test_many_questions_are_handed_in_in_several_batches(serve, monkeypatch):
    monkeypatch.setattr(batches_module, "ITEMS_MOST", 4)
    service = BatchService()
    assert [answer.text for answer in answers_of(serve(service).url, 10)] == [f"q{n}" for n in range(10)]
    assert len(service.batches) == 3


def test_long_questions_are_handed_in_in_several_batches(serve, monkeypatch):
    monkeypatch.setattr(batches_module, "BYTES_MOST", 1)
    service = BatchService()
    answers_of(serve(service).url, 3)
    assert len(service.batches) == 3


# -- waiting


def test_waiting_has_an_end_and_the_batch_stays_to_be_collected(serve, monkeypatch):
    monkeypatch.setattr(batch_provider, "WAIT_MOST_S", 0.05)
    answers = answers_of(serve(BatchService(looks=10**6)).url)
    assert all("run again to collect it" in answer.error for answer in answers)
    assert rows() == (1, 3)


def test_a_service_that_cannot_be_looked_at_leaves_the_batch_to_be_collected(serve, monkeypatch):
    service = BatchService(looks=10**6)
    server = serve(service)
    monkeypatch.setattr(service, "_look", lambda _name: 1 / 0)
    answers = answers_of(server.url, tries=2, timeout_s=1.0)
    assert all("was not collected" in answer.error for answer in answers)
    assert rows() == (1, 3)


def test_looks_grow_rarer(serve, monkeypatch):
    paused = []
    sleep = batch_provider.asyncio.sleep

    async def noted(seconds):
        paused.append(seconds)
        await sleep(0.001)

    monkeypatch.setattr(batch_provider, "POLL_FIRST_S", 2.0)
    monkeypatch.setattr(batch_provider.asyncio, "sleep", noted)
    answers_of(serve(BatchService(looks=14)).url, 1)
    looks = [seconds for seconds in paused if seconds >= 2]
    assert looks == sorted(looks)
    assert looks[-1] == batch_provider.POLL_MOST_S


# -- a process that ends before its batch does


def abandon(url, count=3, **options):
    """Hand in, and be killed before anything is answered."""
    provider = loaded(url, **options)
    work = provider.arriving(prompts_of(count), Decoding())
    doing = batch_provider.submit(provider._answer_all(_work(provider, count)))
    until = time.monotonic() + 10
    while time.monotonic() < until and (not rows()[0] or _unnamed()):
        time.sleep(0.01)
    doing.cancel()
    del work
    die()


def _unnamed():
    return book()._file.execute("SELECT count(*) FROM batches WHERE batch IS NULL").fetchone()[0]


def _work(provider, count):
    asked, places = provider._items(prompts_of(count), Decoding())
    return batch_provider.Work(asked=asked, places=places, tell=lambda _place, _answer: None)


def test_the_batch_of_a_killed_process_is_collected_and_not_paid_again(serve):
    service = BatchService(looks=10**6)
    url = serve(service).url
    abandon(url)
    service.looks = 0
    assert [answer.text for answer in answers_of(url)] == ["q0", "q1", "q2"]
    assert service.asked == ["q0", "q1", "q2"]
    assert rows() == (0, 0)


def test_only_what_the_killed_process_did_not_ask_is_handed_in(serve):
    service = BatchService(looks=10**6)
    url = serve(service).url
    abandon(url, 2)
    service.looks = 0
    assert [answer.text for answer in answers_of(url, 4)] == ["q0", "q1", "q2", "q3"]
    assert sorted(service.asked) == ["q0", "q1", "q2", "q3"]


def test_what_is_not_wanted_now_stays_to_be_collected(serve):
    service = BatchService(looks=10**6)
    url = serve(service).url
    abandon(url, 3)
    service.looks = 0
    answers_of(url, 1)
    assert rows() == (1, 2)
    die()
    answers_of(url, 3)
    assert service.asked.count("q2") == 1


def test_a_batch_that_a_living_process_waits_for_is_left_to_it(serve, monkeypatch):
    service = BatchService(looks=10**6)
    url = serve(service).url
    abandon(url)
    monkeypatch.setattr(Owner, "lives", lambda _self: True)
    service.looks = 0
    answers_of(url)
    assert sorted(service.asked) == ["q0", "q0", "q1", "q1", "q2", "q2"]


def test_what_a_killed_process_had_been_cancelled_is_handed_in_anew(serve):
    service = BatchService(looks=10**6)
    url = serve(service).url
    abandon(url)
    service.end, service.looks = "cancelled", 0
    provider = loaded(url)
    found = provider.generate(prompts_of(3), Decoding())
    service_finish = service._finish

    def finish(name, word):
        return service_finish(name, word if name == "batch_0" else "completed")

    service._finish = finish
    assert [answer.text for answer in found] == ["q0", "q1", "q2"]
    assert len(service.batches) == 2


def test_a_process_killed_while_it_handed_in_finds_its_batch(serve):
    service = BatchService(looks=10**6)
    url = serve(service).url
    abandon(url)
    book()._file.execute("UPDATE batches SET batch = NULL")
    service.looks = 0
    assert [answer.text for answer in answers_of(url)] == ["q0", "q1", "q2"]
    assert service.asked == ["q0", "q1", "q2"]


def test_a_process_killed_before_it_handed_in_is_made_up_for(serve):
    service = BatchService()
    url = serve(service).url
    provider = loaded(url)
    items = provider._items(prompts_of(3), Decoding())[0]
    book().begin(provider.source, dict.fromkeys(items))
    die()
    assert [answer.text for answer in answers_of(url)] == ["q0", "q1", "q2"]
    assert service.asked == ["q0", "q1", "q2"]
    assert rows() == (0, 0)


def test_an_interrupt_has_the_batch_cancelled_and_what_it_answered_collected_later(serve, monkeypatch):
    service = BatchService(looks=10**6)
    service.broken = {"q1": None, "q2": None}
    url = serve(service).url

    def interrupted(_found):
        until = time.monotonic() + 10
        while time.monotonic() < until and not service.looked:
            time.sleep(0.01)
        raise KeyboardInterrupt
        yield

    with monkeypatch.context() as patch:
        patch.setattr(batch_provider, "parts", interrupted)
        with pytest.raises(KeyboardInterrupt):
            answers_of(url)
    assert service.cancelled == ["batch_0"]
    assert rows() == (1, 3)
    die()
    service.broken, service.looks = {}, 0
    assert [answer.text for answer in answers_of(url)] == ["q0", "q1", "q2"]
    assert sorted(service.asked) == ["q0", "q1", "q1", "q2", "q2"]


# -- cost


def limited(tmp_path, usd):
    spending.limit_spending(usd, tmp_path / "spend", "run")


def test_a_batch_costs_what_the_service_counts(serve, tmp_path):
    limited(tmp_path, 100)
    answers_of(serve(BatchService()).url, 3, **PRICED)
    assert spending.ledger().spent() == spending.Spent(settled_usd=pytest.approx(3 * 12 / 1000), reserved_usd=0)


def test_what_may_bring_a_run_above_its_limit_is_not_handed_in(serve, tmp_path):
    limited(tmp_path, 1)
    service = BatchService()
    answers = answers_of(serve(service).url, 3, **PRICED)
    refused = [answer for answer in answers if spending.is_refusal(answer.error)]
    assert len(refused) == 2
    assert len(service.asked) == 1


def test_nothing_is_handed_in_when_nothing_may_be_spent(serve, tmp_path):
    limited(tmp_path, 1e-6)
    service = BatchService()
    assert all(spending.is_refusal(answer.error) for answer in answers_of(serve(service).url, 2, **PRICED))
    assert service.batches == {}


def spent():
    found = spending.ledger().spent()
    return pytest.approx(found.settled_usd), pytest.approx(found.reserved_usd)


WORST_USD = (2 * 32 + 512 + len("Be short.") + len("tell q0") + 64) / 1000


def test_many_questions_are_set_aside_at_once(serve, tmp_path, monkeypatch):
    limited(tmp_path, 100.5 * WORST_USD)
    begun = []
    transaction = spending.transaction
    monkeypatch.setattr(spending, "transaction", lambda file: begun.append(1) or transaction(file))
    answers = answers_of(serve(BatchService()).url, 300, **PRICED)
    assert sum(spending.is_refusal(answer.error) for answer in answers) == 200
    assert 0 < len(begun) <= 3


def test_what_a_killed_process_had_set_aside_for_its_batch_is_settled_by_what_it_cost(serve, tmp_path):
    limited(tmp_path, 100)
    service = BatchService(looks=10**6)
    url = serve(service).url
    abandon(url, **PRICED)
    service.looks = 0
    answers_of(url, **PRICED)
    assert spent() == (3 * 12 / 1000, 0)


def billed(row):
    body = {"choices": [{"message": {"content": "x"}, "finish_reason": "odd"}], "usage": {}}
    return {"custom_id": row["custom_id"], "response": {"status_code": 200, "body": body}}


def uncounted(row):
    body = {"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}
    usage = {"prompt_tokens": 0, "completion_tokens": 1}
    return {"custom_id": row["custom_id"], "response": {"status_code": 200, "body": body | {"usage": usage}}}


def odd(row):
    body = {"choices": [{"message": {"content": "x"}, "finish_reason": "stop", "logprobs": {"content": [{}]}}]}
    body["choices"][0]["logprobs"]["content"][0]["logprob"] = -(10**400)
    usage = {"prompt_tokens": 9, "completion_tokens": 1}
    return {"custom_id": row["custom_id"], "response": {"status_code": 200, "body": body | {"usage": usage}}}


@pytest.mark.parametrize("made", [billed, uncounted, odd])
def test_a_reply_that_cannot_be_used_costs_the_worst_case(serve, tmp_path, made):
    limited(tmp_path, 100)
    service = BatchService()
    service.broken["q0"] = made
    first, second = answers_of(serve(service).url, 2, **PRICED)
    assert first.error is not None
    assert second.text == "q1"
    assert spent() == (WORST_USD + 12 / 1000, 0)


@pytest.mark.parametrize("made", [billed, uncounted])
def test_a_reply_of_an_older_batch_that_cannot_be_used_is_not_asked_for_again(serve, made):
    service = BatchService(looks=10**6)
    url = serve(service).url
    abandon(url, 1)
    service.looks, service.broken["q0"] = 0, made
    assert answers_of(url, 1)[0].error is not None
    assert service.asked == ["q0"]


# -- a handing in of which nobody knows how it went


def test_a_gateway_that_gives_up_on_a_batch_that_is_taken_has_it_looked_for(serve):
    service = BatchService()
    url = serve(service).url
    hand_in = service._hand_in

    def given_up(body):
        hand_in(body)
        return status(504, "gateway timeout")

    service._hand_in = given_up
    assert [answer.text for answer in answers_of(url, 2)] == ["q0", "q1"]
    assert service.asked == ["q0", "q1"]


def hide_lists(monkeypatch):
    """The service does not tell which batches it has."""
    call = BatchService.__call__

    async def hidden(self, head, body):
        is_list = b"/v1/batches?" in head
        return status(400, "no lists today") if is_list else await call(self, head, body)

    monkeypatch.setattr(BatchService, "__call__", hidden)


def test_a_batch_that_cannot_be_looked_for_now_is_looked_for_by_the_next_run(serve, tmp_path, monkeypatch):
    limited(tmp_path, 100)
    service = BatchService()
    url = serve(service).url
    with monkeypatch.context() as patch:
        hide_lists(patch)
        service.lost_replies = 1
        assert all("run again to look for it" in each.error for each in answers_of(url, 2, **PRICED))
        assert spent() == (0, 2 * WORST_USD)
        die()
        assert all("run again to look for it" in each.error for each in answers_of(url, 2, **PRICED))
    die()
    assert [answer.text for answer in answers_of(url, 2, **PRICED)] == ["q0", "q1"]
    assert service.asked == ["q0", "q1"]
    assert spent() == (2 * 12 / 1000, 0)
    assert rows() == (0, 0)


def test_a_batch_is_looked_for_on_all_pages_of_the_list(serve):
    service = BatchService()
    service.page = 2
    url = serve(service).url
    provider = loaded(url)
    for number in range(5):
        service.batches[f"old_{number}"] = {"id": f"old_{number}", "status": "completed", "metadata": None}
    service.batches["mine"] = {"id": "mine", "status": "completed", "metadata": {"pytest_scaling_batch": "token"}}
    assert batch_provider.run(provider.batches.find("token"), 10) == "mine"
    assert batch_provider.run(provider.batches.find("another"), 10) is None
    provider.close()


# -- a batch that is gone


@pytest.fixture
def gone(serve, monkeypatch):
    """A service that knows nothing any more of what it was handed in; its address."""
    service = BatchService(looks=10**6)
    url = serve(service).url
    abandon(url, 2)
    call = BatchService.__call__

    async def lost(self, head, body):
        return status(404, "no such batch") if b"GET /v1/batches/batch_0 " in head else await call(self, head, body)

    monkeypatch.setattr(BatchService, "__call__", lost)
    service.looks = 0
    return service, url


def test_a_batch_that_is_gone_early_tells_how_to_do_without_it(gone, tmp_path):
    _, url = gone
    (reason,) = {answer.error for answer in answers_of(url, 2)}
    assert f"run again to collect it, or delete {tmp_path / 'batches'} to ask all of it anew" in reason
    assert rows() == (1, 2)


def test_a_batch_that_is_gone_after_its_time_is_asked_anew(gone):
    service, url = gone
    book()._file.execute("UPDATE batches SET made = made - ?", (batch_provider.WAIT_MOST_S,))
    assert [answer.text for answer in answers_of(url, 2)] == ["q0", "q1"]
    assert len(service.batches) == 2
    assert rows() == (0, 0)


def test_a_batch_of_this_run_that_is_gone_after_its_time_fails_its_questions(serve, monkeypatch):
    monkeypatch.setattr(batch_provider, "WAIT_MOST_S", -1.0)
    service = BatchService()
    call = BatchService.__call__

    async def lost(self, head, body):
        return status(410, "over") if b"GET /v1/batches/" in head else await call(self, head, body)

    monkeypatch.setattr(BatchService, "__call__", lost)
    assert "was not collected: 410: over" in answers_of(serve(service).url, 1)[0].error
    assert rows() == (0, 0)


# -- Anthropic

httpx2 = pytest.importorskip("httpx2", reason="the official clients bring httpx2")


def message(text):
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "made-up",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 5, "output_tokens": 3},
    }


class Exchanges:
    """Anthropic's side, as its interface describes it; `results` makes the result of each question by its last word."""

    def __init__(self, results=None, *, looks=1):
        self.results = results or (lambda word: {"type": "succeeded", "message": message(word)})
        self.looks = looks
        self.requests = []
        self.handed = []

    def __call__(self, request):
        self.requests.append(request)
        path = request.url.path
        if request.method == "POST" and path.endswith("/batches"):
            self.handed = json.loads(request.content)["requests"]
            return httpx2.Response(200, json={"id": "msgbatch_1", "processing_status": "in_progress"})
        if path.endswith("/results"):
            rows = [{"custom_id": row["custom_id"], "result": self.results(last_word(row))} for row in self.handed]
            return httpx2.Response(200, text="".join(f"{json.dumps(row)}\n" for row in rows))
        self.looks -= 1
        return httpx2.Response(200, json={"processing_status": "in_progress" if self.looks > 0 else "ended"})


def last_word(row):
    return row["params"]["messages"][-1]["content"].split()[-1]


@pytest.fixture
def anthropic_side(monkeypatch):
    def start(exchanges):
        monkeypatch.setattr(
            anthropic, "faster_http", lambda _package: httpx2.AsyncClient(transport=httpx2.MockTransport(exchanges))
        )
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-0123456789")
        return exchanges

    return start


def anthropic_answers(count=2, *, chat=True, **options):
    provider = RemoteSource(spec_of("anthropic", **options), Runtime()).load()
    try:
        return list(provider.generate(prompts_of(count, chat=chat), Decoding()))
    finally:
        provider.close()


def test_a_message_batch_is_answered(anthropic_side):
    side = anthropic_side(Exchanges(looks=3))
    assert [answer.text for answer in anthropic_answers()] == ["q0", "q1"]
    assert side.handed[0]["params"].keys() == {"model", "max_tokens", "messages", "system", "temperature"}
    assert all(len(row["custom_id"]) <= 64 for row in side.handed)


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (
            {"type": "errored", "error": {"type": "error", "error": {"type": "invalid_request", "message": "no"}}},
            "invalid_request: no",
        ),
        ({"type": "expired"}, "tells expired"),
        ({"type": "canceled"}, "tells canceled"),
        ({"type": "succeeded", "message": {}}, "no content"),
        (None, "tells None"),
    ],
)
def test_a_message_that_fails_fails_alone(anthropic_side, result, expected):
    anthropic_side(Exchanges(lambda word: result if word == "q1" else {"type": "succeeded", "message": message(word)}))
    first, second = anthropic_answers()
    assert first.text == "q0"
    assert expected in second.error


def test_texts_to_be_continued_are_no_messages(anthropic_side):
    anthropic_side(Exchanges())
    assert all("takes chats only" in answer.error for answer in anthropic_answers(chat=False))


def test_a_message_batch_that_may_have_been_taken_is_not_handed_in_again(anthropic_side):
    def cut(_request):
        raise httpx2.ReadError("cut")

    anthropic_side(cut)
    answers = anthropic_answers()
    assert all("whether it was taken is not known" in answer.error for answer in answers)
    assert rows() == (0, 0)


def test_a_message_batch_that_may_have_been_taken_counts_as_spent(anthropic_side, tmp_path):
    def cut(_request):
        raise httpx2.ReadError("cut")

    anthropic_side(cut)
    limited(tmp_path, 100)
    anthropic_answers(2, **PRICED)
    assert spent() == (2 * WORST_USD, 0)


def test_a_message_batch_without_an_id_is_told(anthropic_side):
    anthropic_side(lambda _request: httpx2.Response(200, json={}))
    assert "gives the batch no id" in anthropic_answers(1)[0].error


def test_a_message_batch_is_cancelled(anthropic_side):
    side = anthropic_side(Exchanges())
    provider = RemoteSource(spec_of("anthropic"), Runtime()).load()
    batch_provider.run(provider.batches.cancel("msgbatch_1"), 10)
    provider.close()
    assert side.requests[-1].url.path == "/v1/messages/batches/msgbatch_1/cancel"


def test_a_message_batch_of_a_process_killed_while_it_handed_in_is_handed_in_anew(anthropic_side):
    anthropic_side(Exchanges())
    provider = RemoteSource(spec_of("anthropic"), Runtime()).load()
    book().begin(provider.source, dict.fromkeys(provider._items(prompts_of(2), Decoding())[0]))
    die()
    assert [answer.text for answer in anthropic_answers()] == ["q0", "q1"]


def test_a_line_is_no_shorter_for_an_end_of_line_within_its_text():
    class Client:
        async def get(self, *_args, **_options):
            return f'{{"text": "one{chr(0x2028)}two{chr(0x85)}three"}}\r\n{{"text": "four"}}\n'

    found = batch_provider.run(official.get_rows(Client(), "/results"), 10)
    assert [row["text"] for row in found] == [f"one{chr(0x2028)}two{chr(0x85)}three", "four"]


# -- the book


def test_a_book_that_nobody_chose_is_not_opened():
    use_batches(None)
    with pytest.raises(RuntimeError, match="no batches are used"):
        book()


def test_an_item_that_lies_in_two_batches_is_given_once(tmp_path):
    made = BatchBook(tmp_path / "own")
    for _ in range(2):
        made.begin("source", {"a": None, "b": None})
    made.begin("other", {"a": None})
    found = made.adopt("source", ["a", "b", "c"])
    assert [sorted(held.items) for held in found] == [["a", "b"]]
    made.close()


def test_each_process_takes_its_own_part_of_a_batch(tmp_path, monkeypatch):
    made = BatchBook(tmp_path / "own")
    made.begin("source", dict.fromkeys("abcd"))
    made._file.execute("UPDATE items SET host = 'gone'")
    (first,) = made.adopt("source", ["a", "b"])
    made._file.execute("UPDATE items SET pid = pid + 1 WHERE host != 'gone'")  # now another's, which lives
    monkeypatch.setattr(Owner, "lives", lambda self: self.host != "gone")
    (second,) = made.adopt("source", ["b", "c", "d"])
    assert (sorted(first.items), sorted(second.items)) == (["a", "b"], ["c", "d"])
    assert first.token == second.token
    made.close()


def test_a_book_keeps_nothing_of_a_step_that_fails(tmp_path):
    made = BatchBook(tmp_path / "own")
    made._file.execute("DROP TABLE items")
    with pytest.raises(Exception, match="no such table"):
        made.begin("source", {"a": None})
    assert made._file.execute("SELECT count(*) FROM batches").fetchone() == (0,)
    made.close()


def test_the_same_place_again_keeps_the_book(tmp_path):
    first = book()
    use_batches(batch_book._Process.path)
    assert book() is first
    assert first.path == tmp_path / "batches"
