"""Marks of what is in flight, and what is known of the dead; processes here are real ones."""

import subprocess
import sys
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import processes
from harness.flights import UNWITNESSED_MOST, Death, Flights, Record, bury, last_death_id
from harness.processes import host
from harness.storefile import StoreFile


@pytest.fixture
def file(tmp_path):
    opened = StoreFile(tmp_path / "s.sqlite")
    yield opened
    opened.close()


MARKER = textwrap.dedent("""
    import os, signal, sys
    from pathlib import Path
    from harness.flights import Flights
    from harness.storefile import StoreFile
    path, owner, *keys = sys.argv[1:]
    Flights(StoreFile(Path(path)), owner).begin(keys)
    if "stay" in owner:
        print("ready", flush=True)
        sys.stdin.read()
    os.kill(os.getpid(), signal.SIGKILL)
""")


SAYS_WHERE = "from harness.processes import host; print(host())"


def die(file, owner, *keys):
    subprocess.run([sys.executable, "-c", MARKER, str(file.path), owner, *keys], check=False)


def test_a_killed_process_leaves_deaths_without_a_witness(file):
    die(file, "one/gw0", "a", "b")
    known = Flights(file, "two/gw0").look(["a", "b", "c"])
    death = Death(owner="one/gw0", alone=False, witnessed=False)
    assert known == {key: Record(taken=False, deaths=(death,)) for key in "ab"}
    assert {record.standing for record in known.values()} == {"suspect"}


def test_a_process_that_lives_has_taken_its_keys(file):
    command = [sys.executable, "-c", MARKER, str(file.path), "one/stay", "a"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        mine = Flights(file, "two/gw0")
        assert mine.look(["a"])["a"].standing == "taken"
        process.kill()
        process.wait()
        assert mine.look(["a"])["a"].standing == "suspect"


def test_a_zombie_has_ended(file):
    command = [sys.executable, "-c", MARKER, str(file.path), "one/stay", "a"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        process.kill()
        process.stdout.read()
        deaths = ()
        for _ in range(1000):
            if deaths := Flights(file, "two/gw0").look(["a"])["a"].deaths:
                break
        assert deaths


def test_ones_own_marks_are_no_hindrance(file):
    mine = Flights(file, "one/gw0")
    mine.begin(["a"])
    assert mine.look(["a"]) == {}


def test_marks_taken_back_leave_nothing(file):
    die(file, "one/gw0", "b")
    mine = Flights(file, "one/gw1")
    mine.begin(["a", "b"])
    mine.end(["a", "b"])
    assert not bury(file, "one/gw1", witnessed=True)
    assert [death.owner for death in mine.look(["a", "b"])["b"].deaths] == ["one/gw0"]


def test_a_witness_may_come_late(file):
    die(file, "one/main", "a", "b")
    die(file, "one/gw0", "a")
    mine = Flights(file, "one/gw1")
    assert mine.look(["a"])["a"].standing == "suspect"
    assert bury(file, "one/gw0", witnessed=True)
    assert mine.look(["a"])["a"].standing == "crashed"


def test_whoever_was_at_nothing_leaves_no_death(file):
    assert not bury(file, "one/gw0", witnessed=True)


def test_of_processes_elsewhere_nothing_is_known(file, monkeypatch):
    die(file, "one/gw0", "a")
    monkeypatch.setattr(processes, "host", lambda: "elsewhere")
    assert Flights(file, "two/gw0").look(["a"])["a"].standing == "taken"


def test_a_number_given_to_another_process_is_no_life(file):
    Flights(file, "one/gw0").begin(["a"])
    with file.transaction() as connection:
        connection.execute("UPDATE processes SET started = '1'")
    assert Flights(file, "two/gw0").look(["a"])["a"].standing == "suspect"


def test_deaths_of_a_run_are_its_own(file):
    die(file, "one/gw0", "load:f")
    die(file, "one/gw1", "load:f")
    die(file, "two/gw0", "load:f")
    assert Flights(file, "one/gw2").deaths_in_run("load:f") == 2
    assert Flights(file, "three/gw0").deaths_in_run("load:f") == 0


def test_old_deaths_need_not_count(file):
    die(file, "one/gw0", "a")
    bury(file, "one/gw0", witnessed=True)
    assert Flights(file, "two/main", after=last_death_id(file)).look(["a"]) == {}


def test_the_watchdogs_word_is_the_reason(file):
    mine = Flights(file, "one/gw0")
    mine.begin(["a"])
    bury(file, "one/gw0", witnessed=True, reason="no answer to a question of m:direct within 5 s")
    die(file, "one/gw2", "a")
    record = Flights(file, "one/gw1").look(["a"])["a"]
    assert record.reason == (
        "crashed: no answer to a question of m:direct within 5 s (2 times, at last by itself); ask again with --rerun"
    )


def test_the_place_is_one_line_and_the_same_for_all():
    told = subprocess.run(
        [sys.executable, "-c", "from harness.processes import host; print(host())"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == host()


deaths = st.builds(Death, owner=st.just("run/gw0"), alone=st.booleans(), witnessed=st.booleans())


@given(st.lists(deaths, max_size=6).map(tuple), st.booleans())
def test_only_deaths_make_a_crash_and_never_one_without_a_witness(found, taken):
    standing = Record(taken=taken, deaths=found).standing
    assert (standing == "taken") == (not found)
    alone = [death for death in found if death.alone]
    seen = len(found) >= 2 and any(death.witnessed for death in alone)
    assert (standing == "crashed") == (seen or len(alone) >= UNWITNESSED_MOST)


@given(st.lists(deaths, max_size=6).map(tuple), deaths)
def test_another_death_clears_nobody(found, more):
    order = ["taken", "suspect", "crashed"]
    before, after = (Record(taken=False, deaths=each).standing for each in (found, (*found, more)))
    assert order.index(after) >= order.index(before)
