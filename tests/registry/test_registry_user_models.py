"""Models that a user adds or lays over a preset."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import DataError, HarnessError, StudyError
from harness.registry.catalog import find_model, load_catalog
from harness.registry.spec_fields import ASSUMED_CONTEXT_LENGTH, FIELDS, read_model

HUB = {"hub_id": "someone/something"}
SHAPE = {
    "layers": 2,
    "hidden_size": 8,
    "attention_heads": 2,
    "kv_heads": 1,
    "head_dim": 4,
    "intermediate_size": 16,
    "vocab_size": 32,
}
CONFIG = {
    "model_type": "llama",
    "num_hidden_layers": 2,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 128,
    "vocab_size": 1000,
    "max_position_embeddings": 512,
}


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    return tmp_path


def test_every_field_can_be_given() -> None:
    table: dict[str, object] = {
        "family": "f",
        "params_b": 7,
        "context_length": 100,
        "title": "t",
        "aliases": ["a"],
        "active_params_b": 1.5,
        "params_source": "s",
        "params_estimated": True,
        "memory_gb": {"fp16": 14},
        "shape": SHAPE,
        "batch_size": 2,
        "max_new_tokens": 3,
        "capabilities": ["coding"],
        "provider": "transformers",
        "hub_id": "h/i",
        "revision": "main",
        "path": "p",
        "package": "q==1",
        "package_file": "q/f.gguf",
        "server_name": "n",
        "licence": "MIT",
        "options": {"x": {"y": 1}},
        "adapters": {"ft": "a", "rag-ft": "b"},
    }
    model = read_model("mine", table)
    assert table.keys() == FIELDS.keys()
    assert (model.params_b, model.aliases, model.capabilities) == (7.0, ("a",), frozenset({"coding"}))
    assert (model.memory_gb, model.options) == ({"fp16": 14.0}, {"x": {"y": 1}})


def test_what_is_not_said_stays_unknown() -> None:
    model = read_model("mine", HUB)
    assert (model.family, model.params_b, model.context_length) == ("user", None, ASSUMED_CONTEXT_LENGTH)


def test_user_models_come_last() -> None:
    assert load_catalog({"mine": HUB}).models[-1].name == "mine"


def test_the_options_are_a_copy() -> None:
    options: dict[str, object] = {"x": 1}
    model = read_model("mine", {**HUB, "options": options})
    options["x"] = 2
    assert model.options == {"x": 1}


@pytest.mark.parametrize("name", ["qwen2.5-7b", "QWEN2.5-7B"])
def test_a_presets_name_replaces_only_the_keys_given(name: str) -> None:
    before = find_model(load_catalog(), "qwen7b")
    after = find_model(load_catalog({name: {"batch_size": 1}}), "qwen7b")
    assert (after.batch_size, after.name, after.hub_id, after.shape) == (1, before.name, before.hub_id, before.shape)


def test_an_override_stays_in_the_presets_place() -> None:
    names = [model.name for model in load_catalog().models]
    assert [model.name for model in load_catalog({"phi-3.5-mini": {"batch_size": 1}}).models] == names


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"parms_b": 7}, r"unknown key of \[models.mine\] 'parms_b': did you mean 'params_b'\?"),
        ({"name": "x"}, "unknown key"),
        ({"params_b": "7"}, r"\[models.mine\]: params_b is '7': it must be a number above 0"),
        ({"params_b": True}, "a number above 0"),
        ({"params_b": float("inf")}, "a number above 0"),
        ({"params_b": 0}, "a number above 0"),
        ({"context_length": 1.5}, "a whole number above 0"),
        ({"adapters": {"lora": "a"}}, r"it must be a table of folders by adapter \(ft, rag-ft\)"),
        ({"adapters": {"ft": ""}}, "it must be a non-empty text"),
        ({"adapters": "a"}, "a table of folders"),
        ({"batch_size": 0}, "a whole number above 0"),
        ({"max_new_tokens": True}, "a whole number above 0"),
        ({"params_estimated": 1}, "true or false"),
        ({"family": ""}, "a non-empty text"),
        ({"hub_id": 3}, "a non-empty text"),
        ({"path": 3}, "a non-empty text"),
        ({"aliases": "a"}, "a list of non-empty texts"),
        ({"aliases": ["a b"]}, "a list of names of ASCII letters"),
        ({"capabilities": [1]}, "a list of non-empty texts"),
        ({"memory_gb": {"int3": 4}}, "a table of gigabytes by precision"),
        ({"memory_gb": 4}, "a table of gigabytes by precision"),
        ({"memory_gb": {"fp16": -4}}, "a table of numbers above 0"),
        ({"options": 3}, "must be a table"),
        ({"shape": {"layers": 3}}, "a table of layers, hidden_size"),
        ({"shape": {**SHAPE, "layers": 0}}, "whole numbers above 0"),
        ({"shape": {**SHAPE, "tied_embeddings": 1}}, "tied_embeddings true or false"),
        ({"package": "x"}, "package and package_file go together"),
    ],
)
def test_a_mistake_is_told_in_one_line(table: dict[str, object], message: str) -> None:
    with pytest.raises(StudyError, match=message) as caught:
        load_catalog({"mine": {**HUB, **table}})
    assert "\n" not in str(caught.value)


def test_a_model_without_weights_is_refused() -> None:
    with pytest.raises(StudyError, match="names no weights"):
        load_catalog({"mine": {"params_b": 3}})


def test_another_provider_needs_no_weights() -> None:
    assert find_model(load_catalog({"mine": {"provider": "planted"}}), "mine").provider == "planted"


def test_a_model_must_be_a_table() -> None:
    with pytest.raises(StudyError, match=r"\[models.mine\] is 'x'"):
        load_catalog({"mine": "x"})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    "user",
    [
        {"mine": {**HUB, "aliases": ["qwen7b"]}},
        {"mine": {**HUB, "aliases": ["QWEN2.5-7B"]}},
        {"qwen7b": HUB},
        {"mine": {**HUB, "aliases": ["yours"]}, "yours": HUB},
        {"mine": HUB, "Mine": HUB},
    ],
)
def test_one_name_is_one_model(user: dict[str, dict[str, object]]) -> None:
    with pytest.raises(StudyError, match="rename one"):
        load_catalog(user)


@pytest.mark.parametrize("name", ["", "a b", "a[0]", "a::b", "a\nb", "ü", "a,b", "a*", "a/b", "-a", "a\n"])
def test_a_name_must_be_a_label(name: str) -> None:
    with pytest.raises(StudyError, match="cannot be part of a case id"):
        load_catalog({name: HUB})


@given(
    st.dictionaries(
        st.text(max_size=12) | st.sampled_from(sorted(FIELDS)),
        st.none() | st.integers() | st.text(max_size=5) | st.lists(st.text(max_size=5)) | st.just({"fp16": 2.5}),
        max_size=4,
    )
)
def test_any_table_is_a_model_or_one_line(table: dict[str, object]) -> None:
    try:
        told = read_model("mine", table).name
    except HarnessError as error:
        told = str(error)
    assert len(told.splitlines()) == 1


def test_sizes_are_read_beside_the_weights(weights: Path) -> None:
    model = find_model(load_catalog({"mine": {"path": str(weights)}}), "mine")
    assert model.shape is not None
    assert (model.context_length, model.shape.layers, model.params_estimated) == (512, 2, True)
    assert model.params_b == pytest.approx(2 * 1000 * 64 / 1e9 + 2 * (64 * 64 * 3 + 3 * 64 * 128) / 1e9, rel=0.01)


def test_a_file_of_weights_has_its_config_beside_it(weights: Path) -> None:
    model = find_model(load_catalog({"mine": {"path": str(weights / "m.gguf")}}), "mine")
    assert model.context_length == 512


def test_what_is_stated_is_kept(weights: Path) -> None:
    table = {"path": str(weights), "params_b": 3, "context_length": 7, "shape": SHAPE}
    model = find_model(load_catalog({"mine": table}), "mine")
    assert (model.params_b, model.context_length, model.shape) == (3, 7, read_model("mine", table).shape)


def test_a_stated_number_of_parameters_is_kept_beside_the_shape_found(weights: Path) -> None:
    model = find_model(load_catalog({"mine": {"path": str(weights), "params_b": 3}}), "mine")
    assert (model.params_b, model.params_estimated, model.shape is None) == (3, False, False)


def test_a_stated_shape_counts_the_parameters(weights: Path) -> None:
    model = find_model(load_catalog({"mine": {"path": str(weights), "shape": SHAPE}}), "mine")
    assert model.params_b == pytest.approx(2e-6, rel=0.5)


def test_a_relative_path_starts_at_the_study(weights: Path) -> None:
    catalog = load_catalog({"mine": {"path": "inner"}}, base=weights)
    assert find_model(catalog, "mine").path == str(weights / "inner")


def test_a_relative_adapter_starts_at_the_study(weights: Path) -> None:
    catalog = load_catalog({"mine": {"path": "inner", "adapters": {"ft": "a", "rag-ft": "/b"}}}, base=weights)
    assert find_model(catalog, "mine").adapters == {"ft": str(weights / "a"), "rag-ft": "/b"}


def test_a_home_folder_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    catalog = load_catalog({"mine": {"path": "~/m"}}, base=Path("elsewhere"))
    assert find_model(catalog, "mine").path == str(tmp_path / "m")


def test_without_a_config_the_size_stays_unknown(tmp_path: Path) -> None:
    model = find_model(load_catalog({"mine": {"path": str(tmp_path)}}), "mine")
    assert (model.params_b, model.shape, model.context_length) == (None, None, ASSUMED_CONTEXT_LENGTH)


def test_another_kind_of_network_keeps_its_window(weights: Path) -> None:
    (weights / "config.json").write_text(json.dumps({**CONFIG, "model_type": "gpt2"}))
    model = find_model(load_catalog({"mine": {"path": str(weights)}}), "mine")
    assert (model.params_b, model.shape, model.context_length) == (None, None, 512)


@pytest.mark.parametrize("text", ["{", "[]", "\xff"])
def test_a_broken_config_is_told(weights: Path, text: str) -> None:
    (weights / "config.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=r"config\.json"):
        load_catalog({"mine": {"path": str(weights)}})
