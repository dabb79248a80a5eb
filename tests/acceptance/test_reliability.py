"""What disks, stores, clocks and models do to a run: it ends in one line, loses nothing, and resumes as if unharmed."""

import ctypes
import os
import random
import shutil
import sqlite3
import sys
from collections import Counter
from pathlib import Path

import pytest
from disturbed import (
    CASES,
    CELL,
    LATENCY,
    STORE,
    answered_once,
    ask_about,
    asked,
    count_asked,
    end_group,
    failures,
    finish,
    plant,
    report,
    rows,
    start,
    table,
    told,
    undisturbed,
    wait_for,
)

REPORT = ("--scaling-report", "--report-dir", "resumed")
SINGLE = ("--batch-size", "1")
POISON = "What is the height of tower 15?"
STARTS_MOST = 5
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2  # linux/prctl.h, linux/capability.h

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="kills processes and limits files as Unix does"),
]


def complaints(out: str) -> set[str]:
    """The lines that name a store's trouble, without what pytest writes around them."""
    return {line.strip("! ").rpartition("store ")[2] for line in out.splitlines() if "cannot be used" in line}


def is_clean(out: str) -> bool:
    return not any(word in out for word in ("INTERNALERROR", "Traceback", "During handling", "direct cause"))


def limit_files(size: int):
    resource = pytest.importorskip("resource", reason="only Unix limits the size of files")
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_disk_that_fills_up_ends_the_run_and_loses_nothing(project, workers):
    code, out = finish(project, "-n", workers, *SINGLE, preexec=limit_files(200_000))
    kept = rows(project)
    assert code == 2, out
    assert is_clean(out)
    assert len(complaints(out)) == 1, complaints(out)
    assert 0 < len(kept) < CASES
    assert f"answers: {len(kept)} generated" in out
    code, out = finish(project, "-n", workers, *SINGLE, *REPORT)
    assert code == 0, out
    assert rows(project)[: len(kept)] == kept
    assert answered_once(project, CASES)
    assert report(project, "resumed") == undisturbed(project, *SINGLE)


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_disk_without_room_for_a_store_is_told_in_one_line(project, workers):
    code, out = finish(project, "-n", workers, preexec=limit_files(8_000))
    assert code == 4, out
    assert is_clean(out)
    assert len(complaints(out)) == 1, out


def may_not_write_everywhere() -> None:
    """What root may do everywhere, this process and its children may not from the next program on."""
    for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH) if os.geteuid() == 0 else ():
        if ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, capability, 0, 0, 0):
            raise OSError("the capability cannot be given up")


@pytest.mark.skipif(sys.platform != "linux", reason="gives up root's rights as Linux does")
@pytest.mark.parametrize("workers", ["0", "2"])
@pytest.mark.parametrize("there", [True, False], ids=["there", "absent"])
def test_a_store_in_a_read_only_folder_is_told_in_one_line(project, workers, there):
    if there:
        assert finish(project, *CELL, "--store", "shut/s.sqlite")[0] == 0
    folder = project.root / "shut"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o555)
    args = ("-n", workers, *CELL, "--store", "shut/s.sqlite")
    try:
        code, out = finish(project, *args, preexec=may_not_write_everywhere, PYTHONDONTWRITEBYTECODE="1")
    finally:
        folder.chmod(0o755)
    assert code == 4, out
    assert is_clean(out)
    assert sum("shut/s.sqlite" in line for line in out.splitlines() if line.startswith("ERROR")) == 1, out
    assert answered_once(project, 12 if there else 0, "shut/s.sqlite")


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_store_deleted_in_mid_run_ends_the_run_in_one_line_and_no_report(project, workers):
    plant(project, LATENCY.format(0.2))
    process = start(project, "-n", workers, "--model", "tiny", *SINGLE, *REPORT)
    wait_for(project, 4, process)
    shutil.rmtree(project.root / ".harness")
    process.wait(timeout=120)
    out = told(project)
    assert process.returncode not in {0, None}, out
    assert is_clean(out)
    assert sum("Interrupted: " in line for line in out.splitlines()) == 1, out
    assert not (project.root / "resumed").exists()
    assert finish(project, "--model", "tiny", *SINGLE)[0] == 0
    assert answered_once(project, 36)


@pytest.mark.parametrize("draw", [random.Random(seed) for seed in range(3)])  # noqa: S311 - places, not secrets
def test_a_torn_last_write_loses_what_it_held_and_no_more(project, draw):
    plant(project, LATENCY.format(0.05))
    process = start(project, "-n", "2", "--model", "tiny", *SINGLE)
    wait_for(project, draw.randint(3, 20), process)
    end_group(process)
    before, log = rows(project), project.root / f"{STORE}-wal"
    assert 0 < len(before) < CASES // 2
    with log.open("r+b") as file:
        file.truncate(draw.randint(0, log.stat().st_size))
    left = rows(project)
    assert left == before[: len(left)]
    code, out = finish(project, "--model", "tiny", *SINGLE, *REPORT)
    assert code == 0, out
    assert answered_once(project, CASES // 2)
    assert failures(project) == []
    assert report(project, "resumed") == undisturbed(project, "--model", "tiny", *SINGLE)


def test_two_runs_on_one_store_answer_each_case_once_in_all(project):
    for model in ("tiny", "big"):
        plant(project, LATENCY.format(0.05), model=model)
    count_asked(project)
    other = start(project, "-n", "2", "--batch-size", "2")
    (project.root / "told").rename(project.root / "told by the other")
    code, out = finish(project, "-n", "2", "--batch-size", "2", *REPORT)
    assert code == 0, out
    assert other.wait(timeout=120) == 0, (project.root / "told by the other").read_text()
    assert answered_once(project, CASES)
    assert failures(project) == []
    undisturbed(project)
    assert table(project, "resumed") == table(project, "undisturbed")


def resume(project, *args: str) -> tuple[int, int, str]:
    """Start again until a run ends by itself; returns how many starts that took, and how the last one ended."""
    for number in range(1, STARTS_MOST + 3):
        code, out = finish(project, *args)
        if code >= 0:
            return number, code, out
    raise AssertionError(f"the question still ends start {STARTS_MOST + 2}")


def test_a_question_that_kills_the_only_process_is_given_up_after_a_few_starts(project):
    count_asked(project)
    sound = plant(project, 'crash_on = "tower 15"')
    starts, code, out = resume(project, *CELL, *SINGLE)
    assert starts <= STARTS_MOST
    assert code == 1, out
    assert out.count("no answer: crashed: ") == 2, "once where it failed, once in the summary"
    assert answered_once(project, 11)
    others = {question: times for question, times in asked(project).items() if POISON not in question}
    assert set(others.values()) == {1}
    project.write("benchmarks/study.toml", sound)
    assert finish(project, *CELL, *SINGLE, "-k", "q15", "--rerun")[0] == 0
    assert finish(project, *CELL, *SINGLE, *REPORT)[0] == 0
    assert report(project, "resumed") == undisturbed(project, *CELL, *SINGLE)


def test_what_was_in_flight_with_it_is_asked_once_more(project):
    count_asked(project)
    plant(project, 'crash_on = "tower 15"')
    starts, code, _ = resume(project, *CELL)
    assert (starts <= STARTS_MOST + 1, code) == (True, 1), "once with the others, then by itself"
    assert answered_once(project, 11)
    assert max(times for question, times in asked(project).items() if POISON not in question) == 2


@pytest.mark.parametrize(
    ("workers", "questions", "poison", "count"),
    [("1", range(10, 23), "tower 2", 3), ("2", range(10, 50), "tower 15", 1), ("2", range(10, 50), "tower 49", 1)],
    ids=["three, one worker", "one of 40", "the last of 40"],
)
def test_questions_that_kill_their_workers_are_the_only_failures(project, workers, questions, poison, count):
    ask_about(project, questions)
    count_asked(project)
    plant(project, f'crash_on = "{poison}"')
    code, out = finish(project, "-n", workers, *CELL)
    assert code == 1, out
    assert answered_once(project, len(questions) - count)
    assert len(failures(project)) == count
    assert f"{count} error" in out.splitlines()[-1]
    fatal = {question: times for question, times in asked(project).items() if poison in question}
    assert len(fatal) == count
    assert max(fatal.values()) <= 2


def test_asking_all_again_with_a_question_that_kills_answers_the_others_once_more(project):
    ask_about(project, range(10, 50))
    plant(project, 'crash_on = "tower 15"')
    assert finish(project, "-n", "2", *CELL)[0] == 1
    before = rows(project)
    count_asked(project)
    code, out = finish(project, "-n", "2", *CELL, "--rerun")
    assert code == 1, out
    assert "1 error" in out.splitlines()[-1]
    assert rows(project)[: len(before)] == before
    again = Counter(key for _, key in rows(project)[len(before) :])
    assert set(again.values()) == {1}
    assert set(again) == {key for _, key in before}
    assert len(failures(project)) == 2, "one of each run"
    assert max(times for question, times in asked(project).items() if POISON in question) <= 2


def test_a_run_id_used_again_resumes_as_any_other(project):
    same = ("-n", "2", "--testrunuid", "nightly")
    assert finish(project, *same, *CELL)[0] == 0
    kept = rows(project)
    code, out = finish(project, *same, *REPORT)
    assert code == 0, out
    assert rows(project)[: len(kept)] == kept
    assert answered_once(project, CASES)


MODELS = {
    "fewer answers than prompts": "yield from islice(generate(self, prompts, decoding), len(prompts) - 1)",
    "more answers than prompts": "yield from [*(found := [*generate(self, prompts, decoding)]), *found]",
    "an answer, then an error": "yield from islice(generate(self, prompts, decoding), 1); raise OSError('gone')",
    "an error at once": "raise OSError('gone')\n    yield",
    "an error in larger batches": "assert len(prompts) < 3\n    yield from generate(self, prompts, decoding)",
}


def behave(project, how: str) -> None:
    project.write(
        "conftest.py",
        "from itertools import islice\nfrom harness.providers.planted import PlantedProvider\n"
        "generate = PlantedProvider.generate\n"
        f"def odd(self, prompts, decoding):\n    {how}\nPlantedProvider.generate = odd\n",
    )


@pytest.mark.parametrize(
    ("model", "fails", "reason"),
    [
        ("fewer answers than prompts", 3, "the provider returned fewer answers than prompts"),
        ("more answers than prompts", 12, "the provider returned more answers than prompts"),
        ("an answer, then an error", 0, ""),
        ("an error at once", 12, "OSError: gone"),
        ("an error in larger batches", 0, ""),
    ],
)
def test_a_model_that_answers_oddly_fails_what_it_left_and_nothing_else(project, model, fails, reason):
    behave(project, MODELS[model])
    code, out = finish(project, "-n", "0", *CELL, "--batch-size", "4")
    assert code == (1 if fails else 0), out
    assert is_clean(out)
    assert failures(project) == [reason] * fails
    assert answered_once(project, 12 - fails)
    (project.root / "conftest.py").unlink()
    assert finish(project, *CELL, *REPORT)[0] == 0
    assert answered_once(project, 12)
    undisturbed(project, *CELL)
    assert table(project, "resumed") == table(project, "undisturbed")


def test_a_question_that_breaks_the_device_is_the_only_failure(project):
    """CUDA refuses everything in a process after an assertion on the device; a new process has a sound device."""
    project.write(
        "conftest.py",
        "from harness.providers.planted import PlantedProvider\n"
        "generate, lost = PlantedProvider.generate, []\n"
        "class AcceleratorError(RuntimeError):\n    pass\n"
        "def odd(self, prompts, decoding):\n"
        "    if lost or any('tower 15' in prompt.question for prompt in prompts):\n"
        "        lost.append(1)\n"
        "        raise AcceleratorError('CUDA error: device-side assert triggered')\n"
        "    yield from generate(self, prompts, decoding)\n"
        "PlantedProvider.generate = odd\n",
    )
    code, out = finish(project, "-n", "1", *CELL, "--batch-size", "4")
    assert code == 1, out
    assert is_clean(out)
    assert len(failures(project)) == 1
    assert failures(project)[0].startswith(
        "crashed: AcceleratorError: CUDA error: device-side assert triggered (2 times"
    )
    assert answered_once(project, 11)


def set_clock(project, code: str) -> dict[str, str]:
    """An environment in which every Python process tells another time."""
    project.write("clock/sitecustomize.py", f"import time\nreal = time.time\n{code}\n")
    path = [str(project.root / "clock"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"PYTHONPATH": os.pathsep.join(path)}


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_clock_that_jumps_back_by_a_day_at_every_look_changes_nothing(project, workers):
    looks = "looks = iter(range(10**9))\ntime.time = lambda: real() - 86400 * next(looks)"
    code, out = finish(project, "-n", workers, *SINGLE, *REPORT, **set_clock(project, looks))
    assert code == 0, out
    assert answered_once(project, CASES)
    assert report(project, "resumed") == undisturbed(project, *SINGLE)


def test_the_newest_answer_counts_by_order_and_not_by_the_clock(project):
    assert finish(project, *CELL)[0] == 0
    project.write("conftest.py", "from harness.providers import planted\nplanted.written = lambda *_, **__: 'newer'\n")
    early = set_clock(project, "time.time = lambda: real() - 365 * 86400")
    code, out = finish(project, *CELL, "--rerun", *REPORT, **early)
    assert code == 0, out
    assert {row["answer"] for row in table(project, "resumed")} == {"newer"}


def test_a_store_is_sound_after_all_this(project):
    """Kill, fill the disk, tear the log, and resume: SQLite finds the file whole."""
    plant(project, LATENCY.format(0.05))
    process = start(project, "-n", "2", "--model", "tiny", *SINGLE)
    wait_for(project, 3, process)
    end_group(process)
    finish(project, "--model", "tiny", preexec=limit_files(150_000))
    log = Path(project.root / f"{STORE}-wal")
    if log.exists():
        os.truncate(log, log.stat().st_size // 2)
    assert finish(project, "--model", "tiny")[0] == 0
    with sqlite3.connect(project.root / STORE) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()
    assert answered_once(project, CASES // 2)
