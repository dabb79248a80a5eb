"""What workers find in their environment: values first, then real workers of pytest-xdist."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import pinning
from harness.errors import HarnessError
from harness.pinning import gpus_for, local_specs, pin, pin_specs, usable_cores
from harness.records import Runtime
from harness.registry import nvidia

names_of = st.lists(st.sampled_from(["0", "3", "7", "GPU-aa", "MIG-bb"]), unique=True, max_size=5)


@given(st.integers(0, 20), names_of)
def test_shared_gpus_are_dealt_out_evenly_and_in_order(workers, gpus):
    dealt = [variables.get("CUDA_VISIBLE_DEVICES") for variables in pin(workers, {}, gpus, share=True)]
    assert dealt == [gpus[number % len(gpus)] if gpus else None for number in range(workers)]


@given(st.integers(0, 5), names_of)
def test_unshared_gpus_go_to_one_worker_each(workers, gpus):
    if gpus and workers > len(gpus):
        with pytest.raises(HarnessError):
            pin(workers, {}, gpus)
    else:
        dealt = [variables.get("CUDA_VISIBLE_DEVICES") for variables in pin(workers, {}, gpus)]
        assert dealt == (gpus[:workers] if gpus else [None] * workers)


@given(st.integers(1, 40), st.integers(1, 64))
def test_the_threads_of_all_workers_fit_the_cores(workers, cores):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pinning, "usable_cores", lambda: cores)
        counts = [int(variables["OMP_NUM_THREADS"]) for variables in pin(workers, {})]
    assert min(counts) >= 1
    assert sum(counts) <= max(cores, workers)


def test_too_few_gpus_end_in_one_line():
    with pytest.raises(HarnessError) as caught:
        pin(3, {}, ["0", "1"])
    assert str(caught.value) == (
        "3 workers and 2 visible GPUs: each worker needs its own; start at most 2 (-n 2), or add --share-gpu"
    )


@pytest.mark.parametrize(
    ("outer", "threads"), [("1", "1"), ("2,4", "2"), ("99", "4"), ("", "4"), ("0", "4"), ("x", "4")]
)
def test_threads_stay_within_the_outer_number(monkeypatch, outer, threads):
    monkeypatch.setattr(pinning, "usable_cores", lambda: 8)
    assert [variables["OMP_NUM_THREADS"] for variables in pin(2, {"OMP_NUM_THREADS": outer})] == [threads] * 2


@pytest.mark.parametrize(("environ", "policy"), [({}, "passive"), ({"OMP_WAIT_POLICY": "active"}, "active")])
def test_threads_wait_without_spinning_unless_told(environ, policy):
    assert pin(1, environ)[0]["OMP_WAIT_POLICY"] == policy


def test_a_negative_number_of_workers_is_refused():
    with pytest.raises(ValueError, match="at least 0"):
        pin(-1, {})


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system has no affinity")
def test_cores_are_those_of_the_affinity(monkeypatch):
    monkeypatch.delattr(os, "process_cpu_count", raising=False)
    monkeypatch.setattr(pinning, "CPU_QUOTA", Path("nowhere"))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 5, 9})
    assert usable_cores() == 3


def test_cores_are_counted_where_there_is_no_affinity(monkeypatch):
    monkeypatch.delattr(os, "process_cpu_count", raising=False)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(pinning, "CPU_QUOTA", Path("nowhere"))
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores() == 1


@pytest.mark.parametrize(("quota", "cores"), [("250000 100000", 2), ("max 100000", 6), ("50000 100000", 1), ("", 6)])
def test_a_containers_quota_bounds_the_cores(monkeypatch, tmp_path, quota, cores):
    monkeypatch.setattr(os, "process_cpu_count", lambda: 6, raising=False)
    monkeypatch.setattr(pinning, "CPU_QUOTA", tmp_path / "cpu.max")
    (tmp_path / "cpu.max").write_text(quota)
    assert usable_cores() == cores


def spec(**values):
    return SimpleNamespace(**{"popen": True, "via": None, "env": {}, **values})


def test_specs_get_what_their_workers_are_to_find():
    specs = [spec(), spec()]
    pin_specs(specs, {}, ["0", "GPU-b"])
    assert [each.env["CUDA_VISIBLE_DEVICES"] for each in specs] == ["0", "GPU-b"]


def test_workers_elsewhere_are_left_alone():
    specs = [spec(popen=None, ssh="host"), spec(via="proxy"), spec()]
    pin_specs(specs, {}, ["0"])
    assert [each.env for each in specs[:2]] == [{}, {}]
    assert local_specs(specs) == specs[2:]


def test_what_a_spec_sets_itself_stays():
    specs = [spec(env={"OMP_NUM_THREADS": "7"})]
    pin_specs(specs, {})
    assert specs[0].env["OMP_NUM_THREADS"] == "7"


def test_a_spec_with_a_gpu_of_its_own_needs_none():
    specs = [spec(env={"CUDA_VISIBLE_DEVICES": "5"}), spec()]
    pin_specs(specs, {}, ["0"])
    assert [each.env["CUDA_VISIBLE_DEVICES"] for each in specs] == ["5", "0"]


def test_the_cores_are_shared_by_all_local_workers(monkeypatch):
    monkeypatch.setattr(pinning, "usable_cores", lambda: 8)
    specs = [spec(env={"CUDA_VISIBLE_DEVICES": "5"}), spec()]
    pin_specs(specs, {}, ["0"])
    assert [each.env["OMP_NUM_THREADS"] for each in specs] == ["4", "4"]


def test_specs_stay_as_they_were_when_gpus_are_too_few():
    specs = [spec(), spec()]
    with pytest.raises(HarnessError):
        pin_specs(specs, {}, ["0"])
    assert [each.env for each in specs] == [{}, {}]


ROWS = """\
0, GPU-aaaa1111, NVIDIA A100-SXM4-40GB, 40960, 8.0, Disabled
1, GPU-bbbb2222, NVIDIA A100-SXM4-40GB, 40960, 8.0, Disabled
"""


@pytest.fixture
def two_gpus(tmp_path, monkeypatch):
    """A program that stands for nvidia-smi, in front of the path."""
    if sys.platform == "win32":
        pytest.skip("the stand-in is a shell script")
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / nvidia.PROGRAM).write_text(f"#!/bin/sh\ncat <<'E'\n{ROWS}E\n")
    (folder / nvidia.PROGRAM).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return os.environ["PATH"]


@pytest.mark.usefixtures("two_gpus")
@pytest.mark.parametrize(
    ("devices", "dealt"),
    [
        ((), ()),
        (("cpu",), ()),
        (("cpu", "cuda"), ("0", "1")),
        (("cuda", "cuda:1"), ()),
    ],
)
def test_gpus_are_dealt_out_where_models_run_on_them(devices, dealt):
    assert gpus_for([Runtime(device=device) for device in devices], {}) == dealt


@pytest.mark.usefixtures("two_gpus")
def test_gpus_are_those_inside_the_outer_value():
    assert gpus_for([Runtime(device="cuda")], {"CUDA_VISIBLE_DEVICES": "GPU-bbbb,0,9"}) == ("GPU-bbbb", "0")


CONFTEST = """
import os, pytest
from harness.errors import HarnessError
from harness.pinning import gpus_for, pin_specs
from harness.records import Runtime

@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config, specs):
    try:
        pin_specs(specs, os.environ, gpus_for([Runtime(device="cuda")], os.environ))
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from None
"""
TESTS = """
import json, os, pathlib, signal, sys, time
import pytest

NAMES = ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "OMP_WAIT_POLICY")

@pytest.mark.parametrize("number", range(24))
def test_environment(number):
    worker = os.environ["PYTEST_XDIST_WORKER"]
    seen = {name: os.environ.get(name) for name in NAMES} | {"torch": "torch" in sys.modules}
    pathlib.Path(f"{worker}.json").write_text(json.dumps(seen))
    time.sleep(0.2)
    until = time.time() + (2 if pathlib.Path("died").exists() else 0)  # some are left for the worker that comes instead
    while time.time() < until and not pathlib.Path("gw2.json").exists():
        time.sleep(0.05)
    if number == 1 and not pathlib.Path("died").exists():
        pathlib.Path("died").write_text(worker)
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def run(tmp_path, two_gpus):
    """Runs pytest on workers in a made-up project, and gives what each of them found."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "conftest.py").write_text(CONFTEST)
    (project / "test_environment.py").write_text(TESTS)

    def started(*args: str) -> tuple[subprocess.CompletedProcess[str], dict[str, dict[str, str]]]:
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "OMP_"))}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:randomly", "-p", "no:smoke", "-p", "no:cacheprovider", *args],
            cwd=project,
            env=environ | {"PATH": two_gpus},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return done, {path.stem: json.loads(path.read_text()) for path in project.glob("*.json")}

    return started


def test_every_worker_has_its_own_gpu_also_one_that_replaces_a_dead_one(run, tmp_path):
    _, found = run("-n", "2")
    died = (tmp_path / "project" / "died").read_text()
    assert {found["gw0"]["CUDA_VISIBLE_DEVICES"], found["gw1"]["CUDA_VISIBLE_DEVICES"]} == {"0", "1"}
    assert found["gw2"]["CUDA_VISIBLE_DEVICES"] == found[died]["CUDA_VISIBLE_DEVICES"]


def test_every_worker_has_its_part_of_the_cores_before_torch_starts(run):
    _, found = run("-n", "2", "--deselect", "test_environment.py::test_environment[1]")
    threads = str(max(1, usable_cores() // 2))
    expected = {"OMP_NUM_THREADS": threads, "OMP_WAIT_POLICY": "passive", "torch": False}
    assert [{name: seen[name] for name in expected} for seen in found.values()] == [expected] * 2


def test_more_workers_than_gpus_end_before_any_starts(run):
    done, found = run("-n", "3")
    assert (done.returncode, found) == (pytest.ExitCode.USAGE_ERROR, {})
    assert done.stderr.strip().splitlines() == [
        "ERROR: 3 workers and 2 visible GPUs: each worker needs its own; start at most 2 (-n 2), or add --share-gpu"
    ]
