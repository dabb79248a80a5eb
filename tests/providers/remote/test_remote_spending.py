"""What a run may spend: kept by all its processes, over all its starts, and told on a bill."""

import multiprocessing
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_service import spec_of

from harness.processes import Owner, owner_of, this_process
from harness.providers import sharedfile, spending
from harness.providers.bill import Bill, bill_lines
from harness.providers.spending import Ledger, Spent, is_refusal, refusal
from harness.records import Answer, ModelSpec

GONE = Owner(host=this_process().host, pid=2**22 + 1, started="1")


@given(st.lists(st.tuples(st.floats(0.001, 2), st.floats(0, 1)), max_size=30))
def test_nothing_brings_a_run_above_its_limit(tmp_path_factory, tries):
    book = Ledger(tmp_path_factory.mktemp("spend") / "spend", "run", 3.0)
    for worst_usd, share in tries:
        number = book.reserve(worst_usd)
        if isinstance(number, int):
            book.settle(number, worst_usd * share)
        assert book.spent().settled_usd + book.spent().reserved_usd <= 3.0 + 1e-9
    book.close()


def spend(path, out):
    book = Ledger(path, "run", 1.0)
    taken = 0
    for _ in range(40):
        number = book.reserve(0.01)
        if isinstance(number, int):
            book.settle(number, 0.01)
            taken += 1
    out.put(taken)


def test_processes_keep_one_limit_together(tmp_path):
    context = multiprocessing.get_context("spawn")
    out = context.Queue()
    workers = [context.Process(target=spend, args=(tmp_path / "spend", out)) for _ in range(3)]
    for worker in workers:
        worker.start()
    taken = sum(out.get(timeout=60) for _ in workers)
    for worker in workers:
        worker.join()
    assert taken in {99, 100}  # a hundred cents may add up to a little more than a dollar


def test_another_start_goes_on_with_the_same_sum(tmp_path):
    first = Ledger(tmp_path / "spend", "run", 1.0)
    first.settle(first.reserve(0.9), 0.8)
    first.close()
    again = Ledger(tmp_path / "spend", "run", 1.0)
    assert again.spent() == Spent(settled_usd=0.8, reserved_usd=0.0)
    assert again.reserve(0.3) == "never"
    again.close()


def test_another_run_has_its_own_sum(tmp_path):
    first = Ledger(tmp_path / "spend", "run", 1.0)
    first.settle(first.reserve(0.9), 0.9)
    other = Ledger(tmp_path / "spend", "other", 1.0)
    assert isinstance(other.reserve(0.9), int)
    first.close()
    other.close()


def leave_behind(book, usd):
    """What a process that is gone had set aside."""
    row = (book._run, usd, GONE.host, GONE.pid, GONE.started)
    book._file.execute("INSERT INTO reserved (run, usd, host, pid, started) VALUES (?, ?, ?, ?, ?)", row)


def test_what_a_dead_process_had_set_aside_is_spent(tmp_path):
    book = Ledger(tmp_path / "spend", "run", 1.0)
    leave_behind(book, 0.9)
    assert book.reserve(0.5) == "never"
    assert book.spent() == Spent(settled_usd=0.9, reserved_usd=0.0)
    book.close()


def test_what_a_living_process_has_set_aside_is_waited_for(tmp_path):
    book = Ledger(tmp_path / "spend", "run", 1.0)
    book.reserve(0.9)
    assert book.reserve(0.5) == "later"
    book.close()


def test_a_sum_that_counts_as_lost_is_not_settled_again(tmp_path):
    book = Ledger(tmp_path / "spend", "run", 1.0)
    leave_behind(book, 0.9)
    (number,) = book._file.execute("SELECT id FROM reserved").fetchone()
    book.reserve(0.5)
    book.settle(number, 0.2)
    assert book.spent().settled_usd == 0.9
    book.close()


def test_a_limit_of_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="must be above 0"):
        Ledger(tmp_path / "spend", "run", 0.0)


def test_a_file_that_fails_leaves_no_half_of_a_try(tmp_path):
    book = Ledger(tmp_path / "spend", "run", 1.0)
    book._file.execute("DROP TABLE settled")
    with pytest.raises(sqlite3.OperationalError):
        book.settle(book_number(book), 0.1)
    assert book._file.execute("SELECT count(*) FROM reserved").fetchone() == (1,)
    book.close()


def book_number(book):
    row = this_process()
    made = book._file.execute(
        "INSERT INTO reserved (run, usd, host, pid, started) VALUES ('run', 0.5, ?, ?, ?)",
        (row.host, row.pid, row.started),
    )
    return made.lastrowid


def test_a_limit_writes_nothing_before_it_is_needed(tmp_path):
    spending.limit_spending(1.0, tmp_path / "spend", "run")
    assert spending.is_limited()
    assert not (tmp_path / "spend").exists()
    assert spending.ledger() is spending.ledger()
    spending.limit_spending(None, tmp_path / "spend", "run")
    assert (spending.is_limited(), spending.ledger()) == (False, None)


def test_the_same_limit_again_keeps_the_ledger(tmp_path):
    spending.limit_spending(1.0, tmp_path / "spend", "run")
    book = spending.ledger()
    spending.limit_spending(1.0, tmp_path / "spend", "run")
    assert spending.ledger() is book


def test_a_refusal_is_known_again(tmp_path):
    book = Ledger(tmp_path / "spend", "run", 1.0)
    assert is_refusal(refusal(book, 2.0))
    assert not is_refusal("500: not asked: --max-cost-usd")
    assert not is_refusal(None)
    book.close()


def test_a_number_never_comes_to_mean_another_sum(tmp_path):
    book = Ledger(tmp_path / "spend", "run", 1.0)
    first = book.reserve(0.5)
    book.settle(first, 0.1)
    assert book.reserve(0.5) != first
    book.close()


def test_a_number_of_another_run_settles_nothing(tmp_path):
    first, other = (Ledger(tmp_path / "spend", run, 1.0) for run in ("run", "other"))
    number = first.reserve(0.5)
    other.settle(number, 0.1)
    assert first.spent() == Spent(settled_usd=0.0, reserved_usd=0.5)
    first.close()
    other.close()


def test_what_is_taken_over_is_not_lost_with_its_process(tmp_path):
    book = Ledger(tmp_path / "spend", "run", 1.0)
    leave_behind(book, 0.9)
    (number,) = book._file.execute("SELECT id FROM reserved").fetchone()
    book.take_over([number])
    assert book.reserve(0.5) == "later"
    book.settle(number, 0.2)
    assert book.spent() == Spent(settled_usd=0.2, reserved_usd=0.0)
    book.close()


def test_a_cost_that_nobody_counted_is_all_that_was_set_aside(tmp_path):
    book = Ledger(tmp_path / "spend", "run", 1.0)
    book.settle_many({book.reserve(0.25): None, book.reserve(0.5): 0.125})
    assert book.spent() == Spent(settled_usd=0.375, reserved_usd=0.0)
    book.close()


@given(st.lists(st.floats(0.001, 2), max_size=30))
def test_many_are_set_aside_as_one_by_one(tmp_path_factory, worst_usd):
    folder = tmp_path_factory.mktemp("spend")
    one, many = (Ledger(folder / name, "run", 3.0) for name in ("one", "many"))
    assert many.reserve_many(worst_usd) == [one.reserve(usd) for usd in worst_usd]
    one.close()
    many.close()


def test_a_file_whose_journal_another_process_is_changing_is_waited_for(tmp_path, monkeypatch):
    holder = sqlite3.connect(tmp_path / "spend", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    monkeypatch.setattr(sharedfile, "BUSY_S", 0.02)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        sharedfile.open_shared(tmp_path / "spend")
    holder.execute("ROLLBACK")
    sharedfile.open_shared(tmp_path / "spend").close()
    holder.close()


# -- owners


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells how a process stands")
def test_a_process_that_ended_and_that_nobody_took_notice_of_does_not_live():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = owner_of(process.pid)
    assert owner.lives()
    process.kill()
    until = time.monotonic() + 10
    while owner.lives() and time.monotonic() < until:
        time.sleep(0.01)
    assert not owner.lives()
    process.communicate()


def test_this_process_lives_and_one_that_was_here_before_does_not():
    assert this_process().lives()
    assert not GONE.lives()
    assert not Owner(host=this_process().host, pid=os.getpid(), started="before").lives()
    assert not Owner(host="elsewhere", pid=os.getpid(), started=this_process().started).lives()


def test_a_process_of_somebody_else_is_told_by_its_start(monkeypatch):
    def forbidden(_pid, _signal):
        raise PermissionError

    monkeypatch.setattr("harness.processes.os.kill", forbidden)
    assert this_process().lives()


def test_a_process_whose_start_is_not_told_is_told_by_its_number(monkeypatch, tmp_path):
    monkeypatch.setattr("harness.processes.PROC", tmp_path / "none")
    assert this_process().started == ""
    assert this_process().lives()


# -- bill


def answer(prompt_tokens=10, output_tokens=2):
    return Answer(text="a", prompt_tokens=prompt_tokens, output_tokens=output_tokens, latency_s=0.1)


PRICED = spec_of(base_url="http://127.0.0.1:1/v1", usd_per_million={"input": 100, "output": 1000})
UNPRICED = spec_of(base_url="http://127.0.0.1:1/v1")
HERE = ModelSpec(name="m", family="f", params_b=1.0, context_length=10)


def test_a_bill_adds_up_what_is_known():
    bill = Bill()
    for model in (PRICED, UNPRICED, HERE, PRICED):
        bill.add(model, answer())
    assert bill.usd == pytest.approx(2 * (10 * 100 + 2 * 1000) / 1e6)
    assert (bill.priced, bill.unpriced) == (2, 1)


def test_a_bill_goes_to_another_process_whole():
    first, other = Bill(), Bill(usd=1.5, priced=2, unpriced=3, not_asked=4)
    first.add_told(other.told())
    first.add_told(other.told())
    assert first == Bill(usd=3.0, priced=4, unpriced=6, not_asked=8)
    assert all(isinstance(count, int) for count in (first.priced, first.unpriced, first.not_asked))


def test_a_run_without_services_tells_of_no_cost():
    assert bill_lines(Bill(), None, None) == []


def test_an_unknown_cost_is_not_told_as_0():
    assert bill_lines(Bill(unpriced=3), None, None) == [
        "cost: not known for 3 answers of services: they are not in the price table"
    ]


def test_a_limit_is_told_with_what_was_spent_under_it():
    lines = bill_lines(Bill(usd=0.25, priced=3, not_asked=7), 1.0, Spent(settled_usd=0.5, reserved_usd=0.125))
    assert lines[0] == "cost: 0.250000 dollars at list prices for 3 answers of this run"
    assert "--max-cost-usd 1: 0.500000 dollars spent" in lines[1]
    assert "0.125000 set aside, 7 questions not asked" in lines[1]
