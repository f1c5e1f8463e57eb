"""The whole loop as later Fae's nightly loop drives it, from the scripts in its own bundle."""

import os
import shutil
import signal
import time
from pathlib import Path

import pytest

import calls
import installed_fae
import small_runs
from calls import LANGUAGE_MODEL
from fae_executor import LONGEST_ANSWER, make_person
from fae_training.store import state
from make_database import make_database
from training_bridge import Bridge


@pytest.fixture(scope="module")
def night(tmp_path_factory) -> tuple[Path, Bridge]:
    """Somebody with later Fae, few conversations and consent; no environment is prepared."""
    place = tmp_path_factory.mktemp("night")
    person = make_person(place / "sam")
    bundle = installed_fae.make(person, loaded=LANGUAGE_MODEL)
    few = make_database(place / "few", conversations=200, corrections=10)
    shutil.copytree(few.directory, installed_fae.directory(person), dirs_exist_ok=True)
    # The bridge says model and preset; a short training is what config.json makes of the rest.
    home = state.Home(person / ".fae/training")
    small_runs.judge_by_own_items(home, copies=3)
    short = {"steps": 10, "batch_size": 1, "gradient_accumulation": 1, "learning_rate": 1e-3}
    home.write("config.json", {"sft": short | {"suite": "own"}})
    return person, Bridge(person, installed_fae.put_skill_into(bundle))


def wait(bridge: Bridge, adapter: str, patience_s: float = 300) -> str:
    end = time.monotonic() + patience_s
    run = Path(adapter).parent
    while (found := bridge.poll(adapter)) is None:
        assert time.monotonic() < end
        while not (
            Path(adapter, "adapters.safetensors").exists()
            or calls.has_ended(run.name, run.parents[1])
        ):
            assert time.monotonic() < end
            time.sleep(0.05)
        if Path(adapter, "adapters.safetensors").exists():
            answer = bridge.call("check_status")
            assert answer["status"] != "training" or answer["step"] == answer["steps"], answer
        time.sleep(0.5)
    return found


def wait_for_a_loss(bridge: Bridge, adapter: str) -> None:
    reports = Path(adapter).with_name("metrics.jsonl")
    calls.wait_until(lambda: any("loss" in row for row in state.read_jsonl(reports)))
    assert bridge.call("check_status")["latest_loss"] is not None


def test_a_nightly_loop_runs_from_call_to_deployment_and_back(night):
    person, bridge = night
    with pytest.raises(RuntimeError, match="needs your permission to use your conversations"):
        bridge.train()
    bridge.call("setup", consent=["conversations"], no_models=True)
    exported = bridge.call(
        "export_data",
        db_path=str(installed_fae.directory(person) / "fae.db"),
        output_dir=str(installed_fae.directory(person) / "training/data"),
    )
    assert exported["sft_examples"] >= 10 and exported["dpo_pairs"] == 0
    assert all(Path(path).is_file() for path in exported["output_files"].values())
    theirs = installed_fae.directory(person) / "training/data"
    assert (theirs / "sft_export.jsonl").read_text() == (theirs / "train.jsonl").read_text() != ""

    adapter = bridge.train()
    assert Path(adapter).is_absolute()
    status = bridge.call("check_status")
    assert status["running"] is True and status["adapter_exists"] is False
    assert wait(bridge, adapter) == adapter
    status = bridge.call("check_status")
    assert status["running"] is False and status["adapter_exists"] is True
    assert type(status["pid"]) is int and type(status["latest_loss"]) is float

    judged = bridge.call("evaluate", adapter_path=adapter, last_benchmark_score=0.4)
    assert 0 < judged["previous_score"] < judged["score"] < 1
    assert judged["recommendation"] == "upgrade" and judged["final_training_loss"] > 0
    assert judged["adapter_path"] == adapter
    proposal = bridge.call("propose", adapter_path=adapter, score=judged["score"])
    with pytest.raises(RuntimeError, match="needs the person's approval"):
        bridge.call("deploy", adapter_path=adapter, current_adapter_path="")
    code = calls.approval_code(person / ".fae/training", proposal["run"])
    deployed = bridge.call("deploy", code=code)
    folder = Path(deployed["adapter_path"])
    assert folder.parent == installed_fae.personal(person)
    assert deployed["previous_adapter_path"] is None
    assert deployed["app"]["step"] == {
        "tool": "self_config",
        "params": {
            "action": "adjust_setting",
            "key": "training.personal_adapter_path",
            "value": str(folder),
        },
    }
    assert sorted(p.name for p in folder.iterdir()) == ["adapter_config.json", "adapters.safetensors"]  # fmt: skip
    undone = bridge.call("rollback", previous_adapter_path="")
    assert undone["previous_adapter_path"] == str(folder) and folder.is_dir()
    assert undone["app"]["step"]["params"]["value"] == undone["adapter_path"] != str(folder)
    assert max(bridge.sizes.values()) <= LONGEST_ANSWER, bridge.sizes


def test_a_training_that_was_killed_is_no_success_for_the_bridge(night):
    person, bridge = night
    bridge.call("setup", consent=["conversations"], no_models=True)
    if not (person / ".fae/training/data/sft/train.jsonl").exists():
        bridge.call("export_data")
    home = state.Home(person / ".fae/training")
    config = home.read("config.json")
    home.write("config.json", config | {"sft": config["sft"] | {"steps": 100_000}})
    adapter = bridge.train()
    wait_for_a_loss(bridge, adapter)
    os.kill(bridge.call("check_status")["pid"], signal.SIGKILL)
    assert wait(bridge, adapter) == ""

    adapter = bridge.train()
    wait_for_a_loss(bridge, adapter)
    bridge.call("cancel")
    assert wait(bridge, adapter) == ""
    assert Path(adapter).with_name("stopped").is_dir()
    home.write("config.json", config)


def test_a_wrong_call_says_on_standard_error_what_is_wrong(night):
    with pytest.raises(RuntimeError, match="no model 'qwen9_9b'"):
        night[1].call("train", target_model_preset="qwen9_9b", dry_run=True)
    with pytest.raises(RuntimeError, match="there is no parameter 'colour'"):
        night[1].call("check_status", params={"colour": "red"})
