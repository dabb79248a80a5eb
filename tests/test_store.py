import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import StoreError
from harness.records import Answer, Score
from harness.store import Request, ScoreRow, Store, digest
from harness.storefile import APPLICATION_ID, VERSION, check_store


def request(key: str = "k") -> Request:
    return Request(
        key=key, model="m", condition="direct", fingerprint="f", prompt="[]", passages=("p1",), decoding="{}"
    )


def answer(text: str = "yes", **fields) -> Answer:
    return Answer(text=text, prompt_tokens=3, output_tokens=1, latency_s=0.25, **fields)


def kept(path: Path, key: str = "k", reference: str | None = None) -> Answer | None:
    with Store(path) as store:
        found = store.answers({key: reference})
    return found[key].answer if key in found else None


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
answers = st.builds(
    Answer,
    text=texts,
    prompt_tokens=st.integers(0, 2**40),
    output_tokens=st.integers(0, 2**40),
    latency_s=st.floats(0, 1e6),
    concurrency=st.integers(1, 512),
    finish_reason=st.sampled_from(["stop", "length", "refusal", "content_filter"]),
    logprobs=st.none() | st.lists(st.floats(-100, 0), max_size=5).map(tuple),
    truncated_passages=st.integers(0, 9),
    bos_count=st.none() | st.integers(0, 3),
)


@given(answers)
def test_an_answer_comes_back_as_it_was(tmp_path_factory, given_answer):
    path = tmp_path_factory.mktemp("store") / "answers.sqlite"
    with Store(path) as store:
        store.add_answers([(request(), given_answer)], [None])
    assert kept(path) == given_answer


def test_the_newest_answer_counts_and_the_older_one_stays(tmp_path):
    path = tmp_path / "s.sqlite"
    with Store(path) as store:
        store.add_answers([(request(), answer("old"))], [None])
        store.add_answers([(request(), answer("new"))], [None])
    assert kept(path).text == "new"
    rows = sqlite3.connect(path).execute("SELECT text FROM answers ORDER BY id").fetchall()
    assert rows == [("old",), ("new",)]


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=9), st.integers(0, 4))
def test_the_first_of_two_processes_keeps_the_answer(tmp_path_factory, asked, older):
    path = tmp_path_factory.mktemp("store") / "s.sqlite"
    with Store(path) as store:
        for number in range(older):
            store.add_answers([(request("abc"[number % 3]), answer("old"))], [None])
        seen = store.last_answer_id()
        kept = [
            store.add_answers([(request(key), answer(str(n)))], [None], unless_after=seen)[0]
            for n, key in enumerate(asked)
        ]
        assert [place.ours for place in kept] == [key not in asked[:n] for n, key in enumerate(asked)]
        found = store.answers(dict.fromkeys(asked))
        assert {key: found[key].answer.text for key in asked} == {key: str(asked.index(key)) for key in asked}
        assert {key: found[key].id for key in asked} == {key: kept[n].id for n, key in enumerate(asked)}


def test_an_answer_that_came_second_keeps_no_loss(tmp_path):
    with Store(tmp_path / "s.sqlite") as store:
        store.add_answers([(request(), answer(reference_nll=1.0))], ["gold"])
        store.add_answers([(request(), answer(reference_nll=2.0))], ["gold"], unless_after=0)
        assert store.answers({"k": "gold"})["k"].answer.reference_nll == 1.0


def test_a_store_of_version_1_is_taken_over_with_its_answers(tmp_path):
    path = tmp_path / "s.sqlite"
    with Store(path) as store:
        store.add_answers([(request(), answer())], [None])
    connection = sqlite3.connect(path)
    for table in ("processes", "in_flight", "deaths", "flip_checks"):
        connection.execute(f"DROP TABLE {table}")
    connection.execute("PRAGMA user_version = 1")
    connection.close()
    with Store(path) as store:
        kept_id = store.answers({"k": None})["k"].id
        store.add_flip_check(kept_id, "no")
        assert store.flip_checks([kept_id]) == {kept_id: "no"}
    assert sqlite3.connect(path).execute("PRAGMA user_version").fetchone() == (VERSION,)


def test_a_failure_is_told_and_is_no_answer(tmp_path):
    with Store(tmp_path / "s.sqlite") as store:
        ids = store.add_answers([(request(), answer("", error="boom"))], ["gold"])
        assert ids == (None,)
        assert store.answers({"k": "gold"}) == {}
        assert store.failures(["k", "other"]) == {"k": "boom"}


def test_the_loss_belongs_to_its_reference(tmp_path):
    path = tmp_path / "s.sqlite"
    with Store(path) as store:
        store.add_answers([(request(), answer(reference_nll=1.5))], ["gold"])
        assert store.answers({"k": "gold"})["k"].loss_known
        assert not store.answers({"k": "corrected gold"})["k"].loss_known
    assert kept(path, reference="gold").reference_nll == 1.5
    assert kept(path, reference="corrected gold").reference_nll is None


def test_a_loss_that_cannot_be_measured_is_known_as_such(tmp_path):
    with Store(tmp_path / "s.sqlite") as store:
        store.add_answers([(request(), answer())], [None])
        store.add_losses([("k", "gold", None)])
        found = store.answers({"k": "gold"})["k"]
    assert found.loss_known
    assert found.answer.reference_nll is None


def test_scores_are_kept_by_gold_and_version(tmp_path):
    with Store(tmp_path / "s.sqlite") as store:
        row = store.add_answers([(request(), answer())], [None])[0].id
        old = ScoreRow(answer_id=row, gold="g", score=Score(metric="f1", version=1, value=0.5))
        new = ScoreRow(answer_id=row, gold="g", score=Score(metric="f1", version=2, value=None, reason="no data"))
        store.add_scores([old, new, old])
        assert store.scores([row]) == {row: [old, new]}


def test_more_keys_than_one_statement_holds(tmp_path):
    keys = [f"k{number}" for number in range(1203)]
    with Store(tmp_path / "s.sqlite") as store:
        store.add_answers([(request(key), answer(key)) for key in keys], [None] * len(keys))
        found = store.answers(dict.fromkeys(keys))
    assert {key: stored.answer.text for key, stored in found.items()} == {key: key for key in keys}


def test_lone_surrogates_do_not_lose_the_answer(tmp_path):
    path = tmp_path / "s.sqlite"
    with Store(path) as store:
        store.add_answers([(request(), answer("a\ud800b"))], [None])
    assert kept(path).text == "a?b"


def test_a_batch_is_kept_whole_or_not_at_all(tmp_path):
    path = tmp_path / "s.sqlite"
    broken = answer("second", concurrency=None)
    with Store(path) as store:
        with pytest.raises(StoreError, match="NOT NULL"):
            store.add_answers([(request("a"), answer("first")), (request("b"), broken)], [None, None])
        assert store.answers({"a": None, "b": None}) == {}


def test_checking_writes_nothing(tmp_path):
    check_store(tmp_path / "absent.sqlite")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"not a database, but long enough to be looked at " * 100, b"\x00" * 4096])
def test_a_file_that_is_no_store_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "s.sqlite"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="--store"):
        Store(path)
    assert path.read_bytes() == content


def test_somebody_elses_database_is_refused(tmp_path):
    path = tmp_path / "s.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mine (x)")
    with pytest.raises(StoreError, match="not a store"):
        check_store(path)


def test_a_newer_store_is_refused(tmp_path):
    path = tmp_path / "s.sqlite"
    Store(path).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    with pytest.raises(StoreError, match=f"format {VERSION + 1}"):
        check_store(path)


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(StoreError, match="not a file"):
        check_store(tmp_path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be made"):
        Store(tmp_path / "file" / "s.sqlite")


def test_a_folder_that_fails_to_be_made_is_told(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(StoreError, match="No space left"):
        Store(tmp_path / "new/s.sqlite")


def test_a_file_left_empty_by_a_death_is_taken_over(tmp_path):
    path = tmp_path / "s.sqlite"
    path.touch()
    Store(path).close()
    assert sqlite3.connect(path).execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)


def test_two_processes_share_a_store(tmp_path):
    path = tmp_path / "s.sqlite"
    with Store(path) as one, Store(path) as other:
        one.add_answers([(request("a"), answer())], [None])
        other.add_answers([(request("b"), answer())], [None])
        assert set(one.answers({"a": None, "b": None})) == {"a", "b"}
        assert one.last_answer_id() == 2


WRITER = textwrap.dedent("""
    import sys, time
    from pathlib import Path
    from harness.records import Answer
    from harness.store import Request, Store
    path, go, name = sys.argv[1:]
    while not Path(go).exists():
        time.sleep(0.001)
    with Store(Path(path)) as store:
        for number in range(3):
            key = f"{name}{number}"
            request = Request(
                key=key, model="m", condition="c", fingerprint="f", prompt="[]", passages=(), decoding="{}"
            )
            store.add_answers([(request, Answer(text="", prompt_tokens=1, output_tokens=1, latency_s=0.0))], [None])
""")


def test_processes_may_make_the_store_at_the_same_moment(tmp_path):
    path, go = tmp_path / "new/s.sqlite", tmp_path / "go"
    command = [sys.executable, "-c", WRITER, str(path), str(go)]
    writers = [subprocess.Popen([*command, name], stderr=subprocess.PIPE, text=True) for name in "abcd"]
    go.touch()
    assert [writer.communicate()[1] for writer in writers] == [""] * 4
    with Store(path) as store:
        assert len(store.answers({name + str(number): None for name in "abcd" for number in range(3)})) == 12


class Busy:
    """A connection on which the change to WAL is refused `times` times, as while another process makes the store."""

    def __init__(self, connection, times):
        self._connection, self.times = connection, times

    def execute(self, statement, *values):
        if "journal_mode" in statement and self.times:
            self.times -= 1
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error
        return self._connection.execute(statement, *values)


def test_the_change_to_wal_waits_for_others(tmp_path):
    with Store(tmp_path / "s.sqlite") as store:
        connection, store.file._connection = store.file._connection, Busy(store.file._connection, 2)
        store.file._use_wal()
        assert store.file._connection.times == 0
        store.file._connection = connection


def test_the_change_to_wal_does_not_wait_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr("harness.storefile.BUSY_TIMEOUT_S", -1.0)
    with Store(tmp_path / "s.sqlite") as store:
        connection, store.file._connection = store.file._connection, Busy(store.file._connection, 2)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            store.file._use_wal()
        store.file._connection = connection


@pytest.mark.parametrize(
    "name", ["a b.sqlite", "what?.sqlite", "50%.sqlite", "#1.sqlite", "file:x?mode=ro", "höhe 高.db"]
)
def test_a_store_may_have_any_name(tmp_path, name):
    with Store(tmp_path / name) as store:
        store.add_answers([(request(), answer())], [None])
    assert kept(tmp_path / name) == answer()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_link_leads_to_the_store(tmp_path):
    Store(tmp_path / "s.sqlite").close()
    (tmp_path / "link").symlink_to("s.sqlite")
    with Store(tmp_path / "link") as linked, Store(tmp_path / "s.sqlite") as store:
        linked.add_answers([(request(), answer())], [None])
        assert store.answers({"k": None})["k"].answer == answer()


def test_a_full_disk_is_told_and_keeps_what_was_there(tmp_path):
    resource = pytest.importorskip("resource", reason="only Unix limits the size of files")
    path = tmp_path / "s.sqlite"
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Store(path) as store:
        store.add_answers([(request("small"), answer())], [None])
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limit[1]))
        try:
            with pytest.raises(StoreError, match=r"cannot be used \((database or disk is full|disk I/O error)\)"):
                store.add_answers([(request("large"), answer("x" * 10**6))], [None])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        store.add_answers([(request("next"), answer())], [None])
        assert set(store.answers(dict.fromkeys(["small", "large", "next"]))) == {"small", "next"}


@given(st.data())
def test_a_torn_log_loses_only_the_last_batches(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("torn") / "s.sqlite"
    copy = path.with_name("copy.sqlite")
    with Store(path) as store:
        for number in range(8):
            store.add_answers([(request(f"k{number}"), answer())], [None])
        log = path.with_name("s.sqlite-wal").read_bytes()
        copy.write_bytes(path.read_bytes())
    copy.with_name("copy.sqlite-wal").write_bytes(log[: data.draw(st.integers(0, len(log)))])
    with Store(copy) as store:
        found = store.answers({f"k{number}": None for number in range(8)})
    assert list(found) == [f"k{number}" for number in range(len(found))]


def test_a_very_long_answer_is_kept(tmp_path):
    path = tmp_path / "s.sqlite"
    with Store(path) as store:
        store.add_answers([(request(), answer("\0x" * 10**6))], [None])
    assert kept(path).text == "\0x" * 10**6


def test_a_reason_with_lone_surrogates_does_not_lose_the_score(tmp_path):
    with Store(tmp_path / "s.sqlite") as store:
        row = store.add_answers([(request(), answer())], [None])[0].id
        store.add_scores(
            [ScoreRow(answer_id=row, gold="g", score=Score(metric="f", version=1, value=None, reason="\ud800"))]
        )
        assert store.scores([row])[row][0].score.reason == "?"


def test_a_store_below_a_file_is_refused_before_the_run(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="is a file"):
        check_store(tmp_path / "file/deep/s.sqlite")


def test_a_store_in_a_folder_that_cannot_be_written_is_refused_before_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr("harness.storefile.os.access", lambda *_: False)
    with pytest.raises(StoreError, match="cannot be written"):
        check_store(tmp_path / "deep/s.sqlite")


def test_a_store_that_cannot_be_read_is_told(tmp_path, monkeypatch):
    path = tmp_path / "s.sqlite"
    path.touch()

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(StoreError, match="cannot be read"):
        check_store(path)


def test_what_was_kept_outlives_a_kill(tmp_path):
    path = tmp_path / "s.sqlite"
    code = textwrap.dedent("""
        import os, signal, sys
        from pathlib import Path
        from harness.records import Answer
        from harness.store import Request, Store
        store = Store(Path(sys.argv[1]))
        for number in range(10**6):
            key = f"k{number}"
            request = Request(
                key=key, model="m", condition="c", fingerprint="f", prompt="[]", passages=(), decoding="{}"
            )
            store.add_answers([(request, Answer(text=key, prompt_tokens=1, output_tokens=1, latency_s=0.0))], [None])
            print(key, flush=True)
    """)
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
    told = [process.stdout.readline().strip() for _ in range(25)]
    os.kill(process.pid, signal.SIGKILL)
    told += process.stdout.read().split()
    process.wait()
    with Store(path) as store:
        assert set(told) <= set(store.answers(dict.fromkeys(told)))


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_digests_tell_different_parts_apart(one, other):
    assert (digest(*one) == digest(*other)) == (one == other)
