"""Which model a name means, where it is, and whether it can be trained."""

import argparse
import json
import shutil

import pytest

import installed_fae
from calls import LANGUAGE_MODEL
from fae_training.calls import calling
from fae_training.calls.errors import BadRequest, Missing, Refused
from fae_training.environment import models
from fae_training.speech.preflight import choose as stt_choose


@pytest.fixture
def memory(monkeypatch):
    return lambda gigabytes: monkeypatch.setenv("FAE_TRAINING_MEMORY_GB", str(gigabytes))


@pytest.mark.parametrize(
    "gigabytes, model",
    [
        (8, "mlx-community/Qwen3.5-2B-4bit"),
        (16, "mlx-community/Qwen3.5-4B-4bit"),
        (31, "mlx-community/Qwen3.5-4B-4bit"),
        (32, "Brooooooklyn/Qwen3.5-9B-unsloth-mlx"),
        (64, "mlx-community/Qwen3.5-35B-A3B-4bit"),
    ],
)
def test_auto_without_fae_goes_by_memory(memory, gigabytes, model):
    memory(gigabytes)
    assert models.choose("auto") == (model, f"the largest that fits into {gigabytes} GB of memory")


@pytest.mark.parametrize(
    "preset, gigabytes, model",
    [
        ("qwen3_5_4b", 64, "mlx-community/Qwen3.5-4B-4bit"),
        ("auto", 8, "saorsa-labs/saorsa-1.1-tiny"),
        ("auto", 24, "mlx-community/Qwen3.5-4B-4bit"),
        ("auto", 32, "mlx-community/Qwen3.5-35B-A3B-4bit"),
    ],
)
def test_auto_follows_fae_where_fae_is(memory, monkeypatch, tmp_path, preset, gigabytes, model):
    memory(gigabytes)
    monkeypatch.setenv("FAE_APP_DIR", str(tmp_path))
    (tmp_path / "config.toml").write_text(f'[llm]\nvoiceModelPreset = "{preset}"\n')
    chosen, why = models.choose("auto")
    assert chosen == model and "Fae" in why


def test_a_mistyped_directory_or_id_is_answered_with_those_that_are_here(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    (tmp_path / "hub" / "models--mlx-community--Qwen3.5-2B-4bit").mkdir(parents=True)
    place = tmp_path / "models" / "language-model"
    place.mkdir(parents=True)
    (place / "config.json").write_text("{}")
    (tmp_path / "models" / "language-modes").mkdir()  # no model
    call = calling.Call(argparse.Namespace(home=tmp_path / "state"), {}, "program")

    def refused(name: str) -> Missing:
        with pytest.raises(Missing) as error:
            models.find(call, name, "train.py", models.choose, models.check_language_model)
        return error.value

    for name in ("models/langage-model", "model/language-model"):
        error = refused(str(tmp_path / name))
        assert f"here: {place}." in error.message and "*.safetensors" in error.message
        assert error.hint == f"uv run scripts/train.py --model {place}"
    error = refused(str(tmp_path / "elsewhere" / "else"))
    assert "nearly" not in error.message and error.hint.endswith("--model auto")
    monkeypatch.chdir(tmp_path)
    assert "there is no such directory" in refused("models/else").message, "no id: models/ is here"
    assert "config.json is a file; expected the directory" in refused(str(place / "config.json")).message  # fmt: skip
    own = refused("models/language-modes")
    assert own.code == "no_model_config" and "--fetch" not in own.hint and "*.safetensors" in own.hint  # fmt: skip
    error = refused("mlx-comunity/Qwen3.5-2B-4bit")
    assert "here: mlx-community/Qwen3.5-2B-4bit" in error.message and "--fetch" in error.hint
    assert "nearly" not in refused("small").message, "it was not typed"


def test_a_name_an_id_and_a_directory_are_taken_as_they_are():
    assert models.choose("medium")[0] == "Brooooooklyn/Qwen3.5-9B-unsloth-mlx"
    assert models.choose("someone/else") == ("someone/else", "as asked")
    assert models.choose("/models/mine") == ("/models/mine", "as asked")
    with pytest.raises(
        BadRequest, match="no model 'huge'; expected auto, tiny, small, medium, large"
    ):
        models.choose("huge")


@pytest.mark.parametrize("choose", [models.choose, stt_choose])
def test_a_folder_here_and_the_address_of_a_page_are_understood(choose, tmp_path, monkeypatch):
    (tmp_path / "plain").mkdir()
    (tmp_path / "two words").mkdir()
    monkeypatch.chdir(tmp_path)
    assert choose("plain")[0] == str(tmp_path / "plain")
    assert choose("two words")[0] == str(tmp_path / "two words")
    for page in (
        "https://huggingface.co/mlx-community/Qwen3.5-4B-4bit",
        "https://huggingface.co/mlx-community/Qwen3.5-4B-4bit/tree/main",
        "https://huggingface.co/mlx-community/Qwen3.5-4B-4bit?library=mlx",
        "huggingface.co/mlx-community/Qwen3.5-4B-4bit/",
        "https://hf.co/mlx-community/Qwen3.5-4B-4bit#files",
        "hf://mlx-community/Qwen3.5-4B-4bit",
    ):
        assert choose(page)[0] == "mlx-community/Qwen3.5-4B-4bit"
    for other in (
        "https://huggingface.co/datasets/a/b",
        "https://example.com/a/b",
        "",
        "https://huggingface.co/",
        "none",
    ):
        with pytest.raises(BadRequest, match="there is no model"):
            choose(other)


def test_a_mistyped_name_is_answered_with_the_near_one_for_the_script_that_was_called():
    for mistyped, meant in (("smal", "small"), ("Large", "large"), ("Qwen3.5-2B", "qwen3_5_2b")):
        with pytest.raises(BadRequest, match=f"did you mean '{meant}'") as raised:
            models.choose(mistyped, "train_dpo.py")
        assert raised.value.hint == f"uv run scripts/train_dpo.py --model {meant}"


def test_a_model_is_found_in_the_cache_at_the_revision_of_main(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    repository = tmp_path / "hub" / "models--mlx-community--Qwen3.5-2B-4bit"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("abc123\n")
    assert models.locate("mlx-community/Qwen3.5-2B-4bit") is None, "only a ref is there"
    (repository / "snapshots" / "abc123").mkdir(parents=True)
    (repository / "snapshots" / "older").mkdir()
    assert models.locate("mlx-community/Qwen3.5-2B-4bit") == repository / "snapshots" / "abc123"
    assert models.locate(str(tmp_path / "hub")) == tmp_path / "hub"
    assert models.locate("/nowhere/at/all") is None


@pytest.fixture
def model(tmp_path):
    """A directory that looks like a Qwen3.5 model for conversations from outside."""
    directory = tmp_path / "model"
    directory.mkdir()
    (directory / "config.json").write_text('{"model_type": "qwen3_5"}')
    (directory / "tokenizer.json").write_text("{}")
    (directory / "chat_template.jinja").write_text("{{ messages }}")
    (directory / "model.safetensors").write_bytes(b"weights")
    return directory


def refused(directory):
    with pytest.raises(Missing) as caught:
        models.check_language_model(directory, "the next command")
    assert str(directory) in caught.value.message
    return caught.value


def test_a_model_with_config_and_weights_passes(model):
    assert models.check_language_model(model, "")["model_type"] == "qwen3_5"


@pytest.mark.parametrize("name", ["llama", "mistral", "gemma3", "gemma4_unified", "qwen3_next"])
def test_whatever_mlx_lm_has_a_module_or_another_name_for_passes(model, name):
    (model / "config.json").write_text(json.dumps({"model_type": name}))
    assert models.check_language_model(model, "")["model_type"] == name


@pytest.mark.parametrize("text", [None, "{"])
def test_no_config_is_named(model, text):
    (model / "config.json").unlink() if text is None else (model / "config.json").write_text(text)
    error = refused(model)
    assert (error.code, error.hint) == ("no_model_config", "the next command")


@pytest.mark.parametrize(
    "text, told",
    [
        ("[]", "a None model, expected a model_type in config.json"),
        (
            '{"model_type": "whisper"}',
            "a 'whisper' model, which the installed mlx-lm does not support",
        ),
        ('{"model_type": "../utils"}', "a '../utils' model, which the installed mlx-lm"),
    ],
)
def test_a_type_that_mlx_lm_has_no_text_model_for_is_named(model, text, told):
    (model / "config.json").write_text(text)
    error = refused(model)
    assert (error.code, error.hint) == ("other_architecture", "the next command")
    assert told in error.message


def test_a_model_of_another_kind_is_refused_with_the_expected_kinds(model):
    with pytest.raises(Missing, match=r"'qwen3_5' model, expected one of qwen3_asr"):
        models.check(model, ("qwen3_asr",), "the next command")


def test_a_model_that_was_not_made_for_conversations_is_named_with_what_to_do(model):
    (model / "chat_template.jinja").unlink()
    error = refused(model)
    assert error.code == "no_chat_template" and "instruct version" in error.hint
    (model / "tokenizer_config.json").write_text('{"chat_template": "{{ messages }}"}')
    assert models.check_language_model(model, "")
    (model / "tokenizer.json").unlink()
    assert refused(model).code == "no_tokenizer"


def test_weights_that_are_absent_empty_or_a_link_to_nothing_are_not_weights(model):
    weights = model / "model.safetensors"
    weights.write_bytes(b"")
    assert refused(model).code == "no_weights"
    weights.unlink()
    assert refused(model).code == "no_weights"
    weights.symlink_to("../blobs/gone")
    assert refused(model).code == "no_weights"


def test_a_shard_that_only_the_index_knows_is_named(model):
    index = {"weight_map": {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (model / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "model-00002-of-00002.safetensors" in refused(model).message


def test_the_fingerprint_distinguishes_weights_of_the_same_size(model):
    import random

    header, weights = b"header" * 100, random.Random(0).randbytes(3_000_000)
    marks = []
    for mask in (0, 1):
        changed = weights.translate(bytes(byte ^ mask for byte in range(256)))
        (model / "model.safetensors").write_bytes(header + changed)
        marks.append(models.fingerprint(model))
    assert marks[0] != marks[1]


def test_the_fingerprint_changes_with_config_tokenizer_and_size_of_weights(model):
    seen = [models.fingerprint(model)]
    (model / "README.md").write_text("not part of the model")
    assert models.fingerprint(model) == seen[0]
    for name, text in (
        ("config.json", '{"model_type": "qwen3_5", "eos": 1}'),
        ("tokenizer.json", '{"a": 1}'),
        ("model.safetensors", "more weights"),
        ("chat_template.jinja", "{{ other }}"),
    ):
        (model / name).write_text(text)
        seen.append(models.fingerprint(model))
    assert len(set(seen)) == 5


def test_a_model_whose_json_files_begin_with_byte_order_marks_is_taken_and_loads(tmp_path):
    from fae_training.language import loading, model_sizes

    marked = tmp_path / "marked"
    shutil.copytree(LANGUAGE_MODEL, marked)
    for path in marked.glob("*.json"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert models.check_language_model(marked, "again")["model_type"]
    assert model_sizes.read_directory(marked) == model_sizes.read_directory(LANGUAGE_MODEL)
    _, tokenizer = loading.load(str(marked))
    _, same = loading.load(str(LANGUAGE_MODEL))
    assert tokenizer.encode("Hello there") == same.encode("Hello there")
    assert models.loadable(LANGUAGE_MODEL) == str(LANGUAGE_MODEL), "no copy without need"


def loaded_by_fae(monkeypatch, tmp_path, version: str, model: str | None = None) -> None:
    monkeypatch.setenv("FAE_APP_DIR", str(installed_fae.directory(tmp_path)))
    installed_fae.make(tmp_path, version, loaded=model)


def test_auto_is_what_fae_has_loaded_whatever_its_settings_say(memory, monkeypatch, tmp_path):
    memory(64)
    loaded_by_fae(monkeypatch, tmp_path, installed_fae.LATER, "someone/a-new-model-4bit")
    (installed_fae.directory(tmp_path) / "config.toml").write_text(
        '[llm]\nvoiceModelPreset = "of tomorrow"\n'
    )
    assert models.choose("auto") == ("someone/a-new-model-4bit", "Fae has loaded it")


@pytest.mark.parametrize(
    "version, gigabytes, model",
    [
        ("0.8.105", 8, "saorsa-labs/saorsa-1.1-tiny"),
        ("0.8.105", 16, "mlx-community/Qwen3.5-4B-4bit"),
        ("0.8.105", 48, "mlx-community/Qwen3.5-35B-A3B-4bit"),
        ("0.8.183", 7, "mlx-community/Qwen3.5-2B-OptiQ-4bit"),
        ("0.8.183", 8, "mlx-community/Qwen3.5-4B-4bit"),
        ("0.8.183", 15, "mlx-community/Qwen3.5-4B-4bit"),
        ("0.9.0", 16, "Brooooooklyn/Qwen3.5-9B-unsloth-mlx"),
        ("0.9.0", 64, "Brooooooklyn/Qwen3.5-9B-unsloth-mlx"),
    ],
)
def test_before_fae_has_loaded_any_its_version_says_which(memory, monkeypatch, tmp_path, version, gigabytes, model):  # fmt: skip
    memory(gigabytes)
    loaded_by_fae(monkeypatch, tmp_path, version)
    assert models.choose("auto") == (model, f"Fae {version}'s choice for {gigabytes} GB of memory")


@pytest.mark.parametrize(
    "name, model",
    [
        ("qwen3_5_2b", "mlx-community/Qwen3.5-2B-OptiQ-4bit"),
        ("qwen3_5_4b", "mlx-community/Qwen3.5-4B-4bit"),
        ("qwen3_5_9b", "Brooooooklyn/Qwen3.5-9B-unsloth-mlx"),
        ("qwen3_5_35b_a3b", "mlx-community/Qwen3.5-35B-A3B-4bit"),
        ("gemma_4_e4b", "google/gemma-4-E4B-it"),
    ],
)
def test_the_names_of_fae_mean_what_fae_means(name, model):
    assert models.choose(name)[0] == model


def test_a_name_that_changed_its_meaning_goes_by_the_version(monkeypatch, tmp_path):
    loaded_by_fae(monkeypatch, tmp_path / "early", "0.8.105")
    assert models.choose("saorsa_1_1_tiny")[0] == "saorsa-labs/saorsa-1.1-tiny"
    loaded_by_fae(monkeypatch, tmp_path / "later", "0.8.183")
    assert models.choose("saorsa_1_1_tiny")[0] == "mlx-community/Qwen3.5-2B-OptiQ-4bit"


def test_an_unknown_preset_is_refused_by_name_and_no_other_model_is_trained(monkeypatch, tmp_path):
    with pytest.raises(BadRequest, match=r"no model 'qwen4_9b'; .*qwen3_5_9b"):
        models.choose("qwen4_9b")
    loaded_by_fae(monkeypatch, tmp_path, "0.8.105")
    (installed_fae.directory(tmp_path) / "config.toml").write_text(
        '[llm]\nvoiceModelPreset = "qwen4_9b"\n'
    )
    with pytest.raises(Refused, match="preset 'qwen4_9b' is unknown"):
        models.choose("auto")


@pytest.mark.parametrize(
    "version, gigabytes, model",
    [("0.8.105", 8, "1.7B"), ("0.8.183", 16, "1.7B"), ("0.8.183", 15, "0.6B")],
)
def test_the_recogniser_is_the_one_that_fae_loads(memory, monkeypatch, tmp_path, version, gigabytes, model):  # fmt: skip
    memory(gigabytes)
    assert stt_choose("auto")[0] == "mlx-community/Qwen3-ASR-1.7B-4bit"
    loaded_by_fae(monkeypatch, tmp_path, version)
    assert stt_choose("auto")[0] == f"mlx-community/Qwen3-ASR-{model}-4bit"
