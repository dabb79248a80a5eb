"""A GGUF file becomes a folder that any tool can load."""

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("gguf")

from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402 - torch is optional

from harness.errors import HarnessError  # noqa: E402
from harness.providers import convert as convert_module  # noqa: E402
from harness.providers.base import source  # noqa: E402
from harness.providers.convert import convert  # noqa: E402
from harness.providers.folder import MANIFEST, lacking  # noqa: E402
from harness.providers.weights import Located, locate  # noqa: E402
from harness.records import Decoding, ModelSpec, Prompt, Runtime, Template  # noqa: E402


@pytest.fixture
def gguf(gguf_of: Callable[..., Path], tmp_path: Path) -> Path:
    return gguf_of(tmp_path / "tiny.gguf")


def spec_of(path: Path) -> ModelSpec:
    return ModelSpec(name="tiny", family="tiny", params_b=None, context_length=512, path=str(path))


def test_the_weights_are_the_files(gguf: Path, network_of: Callable[..., Any]) -> None:
    folder = convert(locate(spec_of(gguf)))
    state = AutoModelForCausalLM.from_pretrained(folder).state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in network_of().state_dict().items())


@pytest.mark.parametrize(("file_type", "dtype"), [(0, torch.float32), (1, torch.float16), (3, torch.bfloat16)])
def test_packed_weights_become_bf16_and_plain_ones_stay(
    file_type: int, dtype: Any, gguf_of: Callable[..., Path], tmp_path: Path
) -> None:
    folder = convert(locate(spec_of(gguf_of(tmp_path / "other.gguf", file_type=file_type))))
    assert AutoModelForCausalLM.from_pretrained(folder).dtype == dtype


def test_a_file_that_does_not_say_how_it_is_packed_becomes_bf16(gguf_of: Callable[..., Path], tmp_path: Path) -> None:
    folder = convert(locate(spec_of(gguf_of(tmp_path / "other.gguf", file_type=None))))
    assert AutoModelForCausalLM.from_pretrained(folder).dtype == torch.bfloat16


@pytest.mark.parametrize(("pre", "pieces"), [("smollm", ["ab", "ĠĠ", "1", "2"]), ("gpt-2", ["ab", "Ġ", "Ġ12"])])
def test_digits_are_split_first_where_the_vocabulary_was_trained_so(
    pre: str, pieces: list[str], gguf_of: Callable[..., Path], tmp_path: Path
) -> None:
    folder = convert(locate(spec_of(gguf_of(tmp_path / "other.gguf", pre=pre))))
    core = AutoTokenizer.from_pretrained(folder).backend_tokenizer
    assert [piece for piece, _ in core.pre_tokenizer.pre_tokenize_str("ab  12")] == pieces


def test_end_and_padding_agree_in_config_and_tokenizer(gguf: Path) -> None:
    folder = convert(locate(spec_of(gguf)))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    told = json.loads((folder / "generation_config.json").read_text())
    assert (told["eos_token_id"], told["pad_token_id"]) == (tokenizer.eos_token_id, tokenizer.pad_token_id) == (2, 2)
    assert tokenizer.chat_template.startswith("{% for message")


def test_the_same_content_before_and_after_the_conversion(gguf: Path) -> None:
    before = locate(spec_of(gguf))
    assert not before.ready
    convert(before)
    after = locate(spec_of(gguf))
    assert (after.content, after.ready) == (before.content, True)


@pytest.mark.parametrize("name", ["chat_template.jinja", "tokenizer_config.json", "model.safetensors"])
def test_a_changed_conversion_is_other_content(name: str, gguf: Path) -> None:
    before = locate(spec_of(gguf))
    file = convert(before) / name
    file.write_bytes(file.read_bytes() + b" ")
    assert locate(spec_of(gguf)).content != before.content


def test_it_is_converted_once(gguf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = convert(locate(spec_of(gguf)))
    monkeypatch.setattr(convert_module, "_write", lambda *_args: pytest.fail("converted again"))
    assert convert(locate(spec_of(gguf))) == folder


def test_a_folder_needs_no_conversion(tmp_path: Path) -> None:
    assert convert(Located(folder=tmp_path, origin="", content="")) == tmp_path


def test_two_at_once_leave_one_whole_folder(gguf: Path) -> None:
    located = locate(spec_of(gguf))

    def publish_copy(_: int) -> Path:
        return convert_module.publish(located.folder, lambda fresh: shutil.copytree(made, fresh, dirs_exist_ok=True))

    made = gguf.parent / "made"
    shutil.copytree(convert(located), made)
    shutil.rmtree(located.folder)
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(publish_copy, range(8))) == {located.folder}
    assert lacking(located.folder) is None
    assert [path.name for path in located.folder.parent.iterdir()] == [located.folder.name]


def test_the_manifest_names_its_source(gguf: Path) -> None:
    manifest = json.loads((convert(locate(spec_of(gguf)), "tiny-gguf==1.0") / MANIFEST).read_text())
    assert (manifest["source"], manifest["package"]) == ("tiny.gguf", "tiny-gguf==1.0")
    assert set(manifest["software"]) == {"torch", "transformers", "tokenizers"}


@pytest.mark.parametrize("content", [b"not a model", b"GGUF", b""])
def test_a_file_that_is_no_gguf_is_one_line_and_leaves_nothing(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "broken.gguf"
    file.write_bytes(content)
    located = locate(spec_of(file))
    with pytest.raises(HarnessError, match=r"cannot convert .*broken\.gguf") as caught:
        convert(located)
    assert "\n" not in str(caught.value)
    assert list(located.folder.parent.iterdir()) == []


def test_a_gguf_answers_without_being_fetched_first(gguf: Path, capfd: pytest.CaptureFixture[str]) -> None:
    template = Template(name="t", system="", user="{question}", user_with_passages="", reader="line", hash="t")
    provider = source(spec_of(gguf), Runtime(dtype="fp32", device="cpu")).load()
    answer = next(
        iter(provider.generate([Prompt(template=template, question="how many?")], Decoding(max_new_tokens=3)))
    )
    assert (answer.error, capfd.readouterr()) == (None, ("", ""))
