"""train.py and train_dpo.py on models of other architectures, and on templates that are written otherwise."""

import json

import pytest

import calls
import small_runs
import tiny_models
from fae_training.store import consent, state

SMOKE = ("--preset", "smoke", "--steps", "3", "--json", "--detach")


def finished(script, home, model, *arguments):
    """The receipt of a run that this starts and waits for."""
    answer = calls.answer(script, *SMOKE, "--model", model, *arguments, home=home, MLX_DISABLE_COMPILE="1")  # fmt: skip
    directory = small_runs.finish(home, answer["run"])
    return json.loads((directory / "train_metrics.json").read_text()), directory


@pytest.fixture
def home_with_corrections(home):
    """Hardly anything to be judged by: no verdict is asked for, and a random model writes every answer to its longest."""
    place = state.Home(small_runs.fill(home, choose=2, judge=4, tasks=8))
    consent.change(place, ["conversations", "corrections"], [])
    for side, count in (("train", 4), ("valid", 2)):
        rows = [
            {
                "prompt": [{"role": "user", "content": f"{question} ({side})"}],
                "chosen": [{"role": "assistant", "content": "Yes."}],
                "rejected": [{"role": "assistant", "content": "Yes, that is so, as I said."}],
                "pattern": "shorter",
            }
            for question in ("Is it late?", "Is it cold?", "Am I right?", "Are you there?")[:count]
        ]
        state.write_jsonl(place.directory("data", "dpo") / f"{side}.jsonl", rows)
    return home


@pytest.mark.parametrize("name", ["llama", "gemma4_text"])
def test_both_scripts_train_it_and_report_which_fast_parts_were_on(
    name, home_with_corrections, tmp_path
):
    model = tiny_models.save_model(name, tmp_path / "model")
    receipt, directory = finished("train", home_with_corrections, model)
    applied = receipt["applied"]
    assert applied["updates"] == 3 and applied["lora"]["linear_attention_modules"] == 0
    keys = json.loads((directory / "adapters" / "adapter_config.json").read_text())
    assert len(keys["adapted_modules"]) == applied["lora"]["modules"]
    fast = applied["fast"]
    assert fast["attention"] and fast["shared_prefix"] and not fast["gated_delta"]
    assert fast["output"]["softcap"] == (3.0 if name == "gemma4_text" else None)
    assert (applied["planned"]["peak_memory_gb"] is None) == (name == "gemma4_text")
    assert any("was not estimated" in note for note in receipt["notes"]) == (name == "gemma4_text")
    assert receipt["loss"] < receipt["first_value"] * 1.5

    receipt, _ = finished("train_dpo", home_with_corrections, model)
    assert receipt["applied"]["updates"] == 3
    first = next(row for row in state.read_jsonl(_ / "metrics.jsonl") if "loss" in row)
    assert first["loss"] == pytest.approx(0.6931, abs=1e-3)


def test_a_model_without_a_template_is_refused_before_a_run_is_made(small_home, tmp_path):
    model = tiny_models.save_model("llama", tmp_path / "model")
    (model / "chat_template.jinja").unlink()
    got = calls.script("train", *SMOKE, "--model", model, home=small_home)
    assert got.status == 4 and got.json["error"]["code"] == "no_chat_template"
    assert not list((small_home / "runs").glob("sft-*"))
