"""Training as called by a person or Fae: what is refused, what is applied, and the whole loop after it.

Long, for its tests share runs that were really trained.
"""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time

import pytest

import calls
import small_runs
from fae_training.calls import calling
from fae_training.environment import mlx_on_linux
from fae_training.judgement import benchmark
from fae_training.lifecycle import launch, runs, settings
from fae_training.lifecycle.kinds import KINDS
from fae_training.release import deployment
from fae_training.store import state
from fae_training.store.transactions import changing

HEADER = ("train", "--json", "--preset", "smoke")


def train(home, *arguments, **environment) -> calls.Answer:
    """Call train.py as a program does; the sample model unless another is given."""
    model = () if "--model" in arguments else ("--model", calls.LANGUAGE_MODEL)
    return calls.script(*HEADER, *model, *arguments, home=home, **environment)


def refusal(got: calls.Answer) -> tuple[int, str, str]:
    """(exit status, code, message and hint) of an answer that is an error."""
    error = got.json["error"]
    assert got.json["status"] == "error" and set(error) == {"code", "message", "hint"}
    return got.status, error["code"], f"{error['message']}\n{error['hint']}"


# What is refused before anything begins


def test_without_consent_nothing_begins(home):
    status, code, text = refusal(train(home))
    assert (status, code) == (3, "no_consent") and "setup.py --consent conversations" in text
    assert not home.exists()


def test_without_data_the_export_is_named(small_home):
    (small_home / "data" / "sft" / "train.jsonl").write_text("")
    status, code, text = refusal(train(small_home))
    assert (status, code) == (4, "no_data") and "export_data.py" in text
    assert "has no rows, expected at least 1" in text
    shutil.rmtree(small_home / "data")
    assert refusal(train(small_home))[:2] == (4, "no_data")
    assert not (small_home / "runs").exists()


@pytest.mark.parametrize(
    "arguments, status, code, words",
    [
        (["--preset", "huge"], 2, "bad_flags", "'smoke', 'light', 'standard', 'deep'"),
        (["--model", "huge"], 2, "unknown_model", "expected auto, tiny, small, medium, large"),
        (["--model", "/no/such/model"], 4, "no_model", "/no/such/model is not on this machine: there is no such directory"),
        (["--model", "nobody/nothing"], 4, "no_model", "train.py --model nobody/nothing --fetch"),
        (["--steps", "0"], 2, "bad_flags", "0 is not a whole number from 1 to 1,000,000"),
        (["--batch-size", "-1"], 2, "bad_flags", "-1 is not a whole number from 1 to 4,096"),
        (["--rank", "0"], 2, "bad_flags", "0 is not a whole number from 1 to 1,024"),
        (["--max-length", "15"], 2, "bad_flags", "15 is not a whole number from 16 to 1,000,000"),
        (["--learning-rate", "-1e-5"], 2, "bad_flags", "-1e-5 is not a number above 0 to 1"),
        (["--learning-rate", "-inf"], 2, "bad_flags", "-inf is not a number above 0 to 1"),
        (["--learning-rate", "nan"], 2, "bad_flags", "nan is not a number above 0 to 1"),
        (["--fast", "warp"], 2, "unknown_part", "no fast part 'warp'; expected on, off or some of gated_delta"),
        (["--colour", "red"], 2, "bad_flags", "unrecognized arguments: --colour red"),
    ],
)  # fmt: skip
def test_a_wrong_request_is_refused_with_what_was_expected(
    small_home, arguments, status, code, words
):
    found = refusal(train(small_home, *arguments, HF_HOME=str(small_home / "no-cache")))
    assert found[:2] == (status, code) and words in found[2]
    assert not (small_home / "runs").exists()


def test_an_unknown_parameter_lists_the_known_ones(small_home):
    status, code, text = refusal(calls.script("train", '{"presett": "light"}', home=small_home))
    assert (status, code) == (2, "unknown_parameter") and "did you mean 'preset'?" in text
    assert "learning_rate" in text


def test_a_model_without_weights_or_of_another_architecture_is_refused(small_home, tmp_path):
    model = shutil.copytree(calls.LANGUAGE_MODEL, tmp_path / "model")
    config = (model / "config.json").read_text()
    (model / "config.json").write_text('{"model_type": "whisper"}')
    status, code, text = refusal(train(small_home, "--model", model))
    assert (status, code) == (4, "other_architecture")
    assert "'whisper'" in text and "the installed mlx-lm does not support" in text
    (model / "config.json").write_text(config)
    (model / "model.safetensors").unlink()
    assert refusal(train(small_home, "--model", model))[:2] == (4, "no_weights")
    (model / "config.json").unlink()
    assert refusal(train(small_home, "--model", model))[:2] == (4, "no_model_config")


def test_a_home_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("in the way")
    got = calls.script("setup", "--consent", "conversations", "--json", home=tmp_path / "file")
    assert refusal(got)[:2] == (4, "home_not_writable")


def test_a_dry_run_says_what_would_be_used_and_from_where_and_changes_nothing(small_home):
    before = sorted(small_home.rglob("*"))
    answer = train(small_home, "--dry-run", "--steps", "3", "--preset", "light").json
    assert answer["status"] == "planned" and sorted(small_home.rglob("*")) == before
    assert answer["settings"]["steps"] == 3 and answer["sources"]["steps"] == "flag"
    assert answer["settings"]["rank"] == 16 and answer["sources"]["rank"] == "preset light"
    assert answer["rows"] == {"train": 8, "valid": 18} and len(answer["data_fingerprint"]) == 16


@pytest.mark.parametrize(
    "preset, row",
    [
        ("smoke", (10, 1, 1, 1e-4, 8, 512)),
        ("light", (50, 2, 2, 5e-5, 16, 1024)),
        ("standard", (200, 4, 4, 2e-5, 16, 2048)),
        ("deep", (500, 4, 4, 1e-5, 32, 2048)),
    ],
)
def test_the_presets_are_the_table(home, preset, row):
    parser = launch.build_parser("", KINDS["sft"])
    call = calling.read_call(parser, ["--home", str(home), "--preset", preset], "person")
    values = settings.resolve(call, KINDS["sft"]).values
    names = ("steps", "batch_size", "gradient_accumulation", "learning_rate", "rank", "max_length")
    assert tuple(values[name] for name in names) == row


@pytest.mark.parametrize("name", ["config.json", "consent.json"])
def test_a_corrupt_state_file_is_named_and_set_aside(small_home, name):
    (small_home / name).write_text("{half")
    status, code, text = refusal(train(small_home))
    assert (status, code) == (6, "state_corrupt") and f"{name}.corrupt-" in text
    [aside] = small_home.glob(f"{name}.corrupt-*")
    assert aside.read_text() == "{half"


# What a finished run has left


@pytest.fixture(scope="module")
def finished(_finished):
    """(state directory, run's directory, result) of the finished run; not to be changed."""
    [directory] = (_finished / "runs").iterdir()
    return _finished, directory, state.read_json(directory / "train_metrics.json")


def test_what_was_asked_and_what_was_applied_are_both_in_the_result(finished):
    _, _, result = finished
    asked, applied = result["asked"], result["applied"]
    assert (asked["steps"], asked["batch_size"], asked["gradient_accumulation"]) == (10, 1, 2)
    assert (applied["updates"], applied["batch_size"], applied["gradient_accumulation"]) == (
        10,
        1,
        2,
    )
    assert applied["trainer"] == "fae_training.language.mlx_tune_repairs.RepairedSFTTrainer"
    assert applied["extends"] == "mlx_tune.sft_trainer.SFTTrainer"
    assert applied["loop"] == "fae_training.fitting.fit.fit"
    assert applied["optimizer"] == "AdamW" and applied["weight_decay"] == 0.01
    assert (applied["schedule"], applied["warmup_steps"]) == ("cosine", 1)
    assert applied["rows"] == {"train": 8, "choose": 4, "judge": 14, "validated": 4}
    assert applied["cut"]["cut_rows"] == 0
    rehearsed = applied["rehearsal"]
    assert (rehearsed["share"], rehearsed["prompts"], rehearsed["left_out"]) == (0.4, 8, {})
    assert rehearsed["available"] > 120
    assert [
        note
        for note in result["notes"]
        if "40% of the training rehearsed the model's own earlier answers" in note
    ]
    assert result["seconds"]["rehearsing"] > 0
    assert applied["lora"]["rank"] == [4] and applied["lora"]["scale"] == [2.0]
    assert applied["lora"]["linear_attention_modules"] == 9, "3 layers with 3 projections each"
    assert applied["fast"]["gated_delta_calls"]["chunkwise"] > 0, "the patched function was called"
    assert 0 < applied["last_learning_rate"] < 5e-3
    assert {"mlx", "mlx-lm", "mlx-tune", "python"} <= set(result["versions"])
    if mlx_on_linux.use_openblas():
        assert result["versions"]["matrix products"].startswith("OpenBLAS 0.3.")


def test_it_learned_and_a_fresh_process_measures_what_the_training_s_own_measured(finished_home):
    run = runs.find(state.Home(finished_home))
    result, measured = run.result(), benchmark.of_run(run)
    (loss,) = [m for m in measured.measures if m.name == "conversation_loss"]
    assert result["best_value"] < result["first_value"] - 0.2
    assert loss.items == tuple(f"valid-{i}" for i in range(4, 18)), "the judge part, and no other"
    assert sum(loss.candidate) < 0.5 * sum(loss.current)
    assert loss.base == loss.current and measured.judged_apart
    calls.script("evaluate", "--json", "--rescore", home=finished_home)
    (again,) = [m for m in benchmark.of_run(run).measures if m.name == "conversation_loss"]
    assert again.candidate == pytest.approx(loss.candidate, rel=1e-4)
    assert again.base == pytest.approx(loss.base, rel=1e-4)


def test_the_saved_adapter_answers_in_a_fresh_process_as_the_trained_model_did(finished, tmp_path):
    """The best checkpoint, put into the model by hand here, and mlx-lm's own loading of the adapter in a new process."""
    import mlx.core as mx
    from mlx_lm import load

    from fae_training.language import adapters

    _, directory, _ = finished
    source = (
        "import sys, mlx.core as mx\nfrom fae_training.environment import mlx_on_linux\nfrom mlx_lm import load\n"
        "mlx_on_linux.set_up()\n"  # another BLAS sums in another order
        "model, _ = load(sys.argv[1], adapter_path=sys.argv[2])\n"
        "mx.save(sys.argv[3], model(mx.array([[5, 9, 200, 31, 7, 64]])).astype(mx.float32))"
    )
    out = tmp_path / "logits.npy"
    command = [sys.executable, "-c", source, calls.LANGUAGE_MODEL, directory / "adapters", out]
    subprocess.run(list(map(str, command)), check=True)
    model, _ = load(str(calls.LANGUAGE_MODEL))
    tokens = mx.array([[5, 9, 200, 31, 7, 64]])
    base = model(tokens).astype(mx.float32)
    adapters.add_lora(model, 4, 2.0, 0.0, adapters.adapter_keys(model), seed=0)
    best = mx.load(str(directory / "checkpoints" / "best.safetensors"))
    model.load_weights(list(best.items()), strict=False)
    model.eval()
    trained, reloaded = model(tokens).astype(mx.float32), mx.load(str(out))
    assert mx.abs(trained - base).max().item() > 0.01
    assert mx.abs(trained - reloaded).max().item() == 0.0


def test_the_adapter_is_one_that_runtimes_can_judge_before_they_load_it(finished):
    import mlx.core as mx

    _, directory, _ = finished
    config = json.loads((directory / "adapters" / "adapter_config.json").read_text())
    tensors = mx.load(str(directory / "adapters" / "adapters.safetensors"))
    assert config["fine_tune_type"] == "lora" and config["lora_parameters"]["rank"] == 4
    assert config["linear_attention_adapted"] is True
    assert len(tensors) == 2 * len(config["adapted_modules"])
    assert {name.rsplit(".", 1)[-1] for name in tensors} == {"lora_a", "lora_b"}


def test_everything_is_its_owners_alone_though_the_umask_let_everybody_read(finished):
    home, _, _ = finished
    wrong = {
        str(path.relative_to(home)): oct(stat.S_IMODE(path.stat().st_mode))
        for path in [home, *home.rglob("*")]
        if stat.S_IMODE(path.stat().st_mode) != (0o700 if path.is_dir() else 0o600)
    }
    assert wrong == {}


def test_nothing_was_written_outside_the_state_directory(finished):
    home, _, _ = finished
    for name in ("person", "elsewhere"):
        assert list((home.parent / name).iterdir()) == [], name
    assert not list(calls.SCRIPTS.glob("adapters"))


def test_no_library_s_copy_of_the_conversations_is_left(finished):
    home, _, _ = finished
    row = json.loads((home / "data" / "sft" / "train.jsonl").read_text().split("\n")[0])
    words = row["messages"][-1]["content"].encode()
    holders = {str(p.relative_to(home)) for p in home.rglob("*") if p.is_file() and words in p.read_bytes()}  # fmt: skip
    own = f"runs/{only_run(home)}/data/sft/train.jsonl"
    assert holders == {"data/sft/train.jsonl", own}, "the run's own copy, which forgetting reaches"


def test_the_run_says_where_each_setting_came_from_and_how_it_went(finished):
    home, directory, _ = finished
    record = state.read_json(directory / "run.json")
    assert record["status"] == "completed" and record["caller"] == "program"
    assert (
        record["sources"]["steps"] == "flag" and record["sources"]["max_length"] == "preset light"
    )
    assert record["request"]["seed"] == 7
    answer = calls.answer("check_status", home=home)
    assert (answer["status"], answer["step"], answer["steps"]) == ("completed", 10, 10)
    assert answer["next"] == {"script": "evaluate", "params": {"run": directory.name}}
    assert answer["active"] == {}
    [listed] = calls.answer("list_runs", home=home)["runs"]
    assert (listed["run"], listed["status"], listed["steps"]) == (directory.name, "completed", 10)


# The loop


def only_run(home) -> str:
    return runs.find(state.Home(home)).id


def adapter_of(home, run):
    return home / "runs" / run / "adapters" / "adapters.safetensors"


def change_adapter(home, run, change) -> None:
    """Each lora_b of the run's adapter as `change` makes it: a candidate that is worse, or does nothing."""
    import mlx.core as mx

    path = adapter_of(home, run)
    tensors = mx.load(str(path))
    mx.save_safetensors(
        str(path), {n: change(a) if n.endswith("lora_b") else a for n, a in tensors.items()}
    )


def copy_run(home, run, name) -> str:
    """The same run under another id, as a later one."""
    directory = shutil.copytree(home / "runs" / run, home / "runs" / name)
    record = state.read_json(directory / "run.json")
    state.write_json(directory / "run.json", record | {"id": name, "created_at": "2999-01-01"})
    return name


def active(home) -> dict:
    return calls.answer("check_status", home=home)["active"]


def test_the_loop_from_verdict_to_deployment_and_back(finished_home):
    home, run = finished_home, only_run(finished_home)
    refused = refusal(calls.script("propose", "--json", home=home))
    assert refused[:2] == (4, "not_evaluated")
    assert refusal(calls.script("deploy", "--json", "--code", "A", home=home))[:2] == (4, "not_evaluated")  # fmt: skip
    judged = calls.answer("evaluate", home=home)
    assert (judged["verdict"], judged["source"]) == ("pass", "train_metrics.json")
    assert judged["score"] > judged["previous_score"] and judged["next"] == {
        "script": "propose",
        "params": {"run": run},
    }
    assert refusal(calls.script("deploy", "--json", "--code", "A", home=home))[:2] == (3, "not_proposed")  # fmt: skip

    proposed = calls.script("propose", home=home, FAE_SKILL_NAME="training")
    code = calls.approval_code(home, run)
    assert proposed.json["status"] == "proposed" and code not in proposed.out, "Fae saw the code"
    for name in ("proposal.md", "proposal.html"):
        assert code in (home / "runs" / run / name).read_text()
    shown = calls.script("propose", home=home).out
    code = calls.approval_code(home, run)
    assert "Before and after" in shown and code not in shown, "a code is read on the page alone"

    def deploy(*arguments):
        return calls.script("deploy", "--json", *arguments, home=home)

    assert refusal(deploy())[:2] == (3, "not_approved")
    assert refusal(deploy("--code", "AAA-AAA"))[:2] == (3, "wrong_code")
    assert deploy("--code", code, "--dry-run").json["status"] == "planned" and active(home) == {}
    deployed = deploy("--code", code).json
    assert deployed["status"] == "deployed" and deployed["replaced"] == "the original model"
    assert deployed["verification"]["loads"] and deployed["verification"]["largest_change"] > 0
    assert active(home) == {"language": run}
    assert refusal(deploy("--code", code))[:2] == (3, "code_used")
    entry = state.read_json(home / "active.json")["sft"]
    assert (home / entry["adapter"]).is_dir() and entry["fingerprint"] == deployed["fingerprint"]

    assert calls.answer("rollback", "--dry-run", home=home)["would_undo"] == run
    back = calls.answer("rollback", home=home)
    assert (back["undone"], back["active"]) == (run, "the original model") and active(home) == {}
    assert adapter_of(home, run).exists()
    assert refusal(calls.script("rollback", "--json", home=home))[:2] == (3, "nothing_to_undo")


def test_files_that_changed_after_training_are_not_judged_by_its_numbers(finished_home):
    change_adapter(finished_home, only_run(finished_home), lambda a: a * 1.5)
    found = refusal(calls.script("evaluate", "--json", home=finished_home))
    assert found[:2] == (3, "changed_since") and "--rescore" in found[2]


def test_files_that_changed_after_the_verdict_or_the_proposal_are_refused(finished_home):
    home, run = finished_home, only_run(finished_home)
    calls.answer("evaluate", home=home)
    before = adapter_of(home, run).read_bytes()
    change_adapter(home, run, lambda a: a * 1.5)
    assert refusal(calls.script("propose", "--json", home=home))[:2] == (3, "changed_since")
    adapter_of(home, run).write_bytes(before)
    calls.answer("propose", home=home)
    change_adapter(home, run, lambda a: a * 1.5)
    got = calls.script("deploy", "--json", "--code", calls.approval_code(home, run), home=home)
    assert refusal(got)[:2] == (3, "changed_since") and active(home) == {}


def test_a_worse_candidate_is_neither_proposed_nor_deployed(finished_home):
    home, run = finished_home, only_run(finished_home)
    change_adapter(home, run, lambda a: -4 * a)
    judged = calls.script("evaluate", "--json", "--rescore", home=home)
    assert judged.status == 3 and judged.json["verdict"] == "fail"
    assert judged.json["score"] < judged.json["previous_score"]
    assert (
        judged.json["recommendation"] == "skip" and judged.json["next"]["script"] == "export_data"
    )
    refused = refusal(calls.script("propose", "--json", home=home))
    assert refused[:2] == (3, "gate_not_passed") and "worse" in refused[2]
    assert refusal(calls.script("deploy", "--json", "--code", "A", home=home))[:2] == (3, "gate_not_passed")  # fmt: skip
    assert active(home) == {}


def test_an_adapter_that_changes_nothing_is_not_recommended(finished_home):
    home, run = finished_home, only_run(finished_home)
    change_adapter(home, run, lambda a: a * 0)
    judged = calls.script("evaluate", "--json", "--rescore", home=home)
    assert judged.status == 3 and judged.json["verdict"] == "fail"
    assert "Nothing changed that you could notice" in judged.json["reasons"][-1]
    refused = refusal(calls.script("propose", "--json", home=home))
    assert refused[:2] == (3, "gate_not_passed") and active(home) == {}


def deploy(place, run) -> None:
    with changing(place) as change:
        deployment.deploy(change, run)


@pytest.fixture
def deployed_home(finished_home):
    """The finished run is active, without having gone through the scripts."""
    place = state.Home(finished_home)
    deploy(place, runs.find(place))
    return finished_home


def test_an_active_adapter_that_no_longer_loads_is_rolled_back_by_check(deployed_home):
    home, run = deployed_home, only_run(deployed_home)
    adapter_of(home, run).write_bytes(adapter_of(home, run).read_bytes()[:500])
    found = refusal(calls.script("deploy", "--json", "--check", home=home))
    assert found[:2] == (6, "taken_back") and "does not load" in found[2] and active(home) == {}


def test_a_verdict_on_other_tasks_than_there_are_now_does_not_count(finished_home):
    assert calls.answer("evaluate", home=finished_home)["verdict"] == "pass"
    tasks = finished_home / "benchmarks" / "manners.jsonl"
    tasks.write_text("\n".join(tasks.read_text().splitlines()[1:]))
    got = calls.script("evaluate", "--json", home=finished_home)
    assert got.status == 3 and got.json["verdict"] == "not_enough_evidence"
    assert "tasks that it was measured on have changed: use --rescore" in got.json["reasons"][-1]
    assert refusal(calls.script("propose", "--json", home=finished_home))[:2] == (3, "gate_not_passed")  # fmt: skip


def test_a_run_is_measured_again_when_another_was_deployed_since(deployed_home):
    home, first = deployed_home, only_run(deployed_home)
    second = copy_run(home, first, "sft-29990101-0000-aa")
    stale = calls.script("evaluate", "--json", home=home)
    assert stale.status == 3 and stale.json["verdict"] == "not_enough_evidence"
    assert f"but {first} is in use now: use --rescore" in stale.json["reasons"][-1]
    judged = calls.script("evaluate", "--json", "--rescore", home=home)
    assert judged.json["run"] == second and judged.json["verdict"] == "fail"
    assert judged.json["score"] == judged.json["previous_score"], "they are the same adapter"
    assert "Nothing changed that you could notice" in judged.json["reasons"][-1]


def test_what_was_proposed_is_not_deployed_after_another_was_deployed_since(finished_home):
    home, first = finished_home, only_run(finished_home)
    calls.answer("evaluate", home=home)
    calls.answer("propose", home=home)
    place = state.Home(home)
    deploy(place, runs.find(place, copy_run(home, first, "sft-29990101-0000-aa")))
    code = calls.approval_code(home, first)
    got = calls.script("deploy", "--json", "--run", first, "--code", code, home=home)
    found = refusal(got)
    assert (
        found[:2] == (3, "compared_with_another")
        and "sft-29990101-0000-aa is in use now" in found[2]
    )


def test_a_run_is_not_measured_on_another_model_than_its_own(finished_home, tmp_path):
    """An adapter fits one base model; on another one its figures would mean nothing."""
    record = finished_home / "runs" / only_run(finished_home) / "run.json"
    model = shutil.copytree(calls.LANGUAGE_MODEL, tmp_path / "model")
    weights = bytearray((model / "model.safetensors").read_bytes())
    weights[len(weights) // 2 :] = bytes(len(weights) - len(weights) // 2)
    (model / "model.safetensors").write_bytes(weights)
    content = json.loads(record.read_text())
    state.write_json(record, content | {"model": content["model"] | {"directory": str(model)}})
    found = refusal(calls.script("evaluate", "--json", "--rescore", home=finished_home))
    assert found[:2] == (6, "score_failed")
    log = record.with_name("train.log").read_text()
    assert "model_changed" in log and "restore the model" in log


@pytest.mark.parametrize("how", ["kill", "ctrl-c"])
def test_measuring_again_holds_the_lock_until_its_process_has_ended(finished_home, how):
    """The caller may be killed: the measuring process continues, and nothing else can start."""
    place = state.Home(finished_home)
    [run] = runs.all_runs(place)
    asked = subprocess.Popen(
        [sys.executable, str(calls.SCRIPTS / "evaluate.py"), "--json", "--rescore"],
        env={**os.environ, "FAE_TRAINING_HOME": str(finished_home)},
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    end = time.monotonic() + 60
    child = ["pgrep", "-P", str(asked.pid)]
    while subprocess.run(child, capture_output=True).returncode and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(0.3)  # it is under way then, and takes a second or more to import what it needs
    if how == "ctrl-c":
        asked.send_signal(signal.SIGINT)
        error = json.loads(asked.communicate()[0])["error"]
        assert error["code"] == "cancelled" and error["hint"].endswith(f"{run.id} --rescore")
        asked.wait()
        assert runs.holder(place) is None
        return
    asked.kill()
    asked.wait()
    assert runs.holder(place) == run.id
    while runs.holder(place) and time.monotonic() < end:
        time.sleep(0.02)
    assert not run.file("cancel").exists() and runs.holder(place) is None
    assert calls.answer("evaluate", "--rescore", home=finished_home)["verdict"] == "pass"


def test_measuring_again_needs_consent(finished_home):
    calls.answer("setup", "--revoke", "conversations", home=finished_home)
    got = calls.script("evaluate", "--json", "--rescore", home=finished_home)
    assert refusal(got)[:2] == (3, "no_consent")


@pytest.mark.parametrize(
    "log, words",
    [
        ("Iter 1: Val loss 4.125, Val took 1s\nIter 20: Val loss 2.500, Val took 1s\n", "validation loss 4.125 at step 1, best 2.500 at step 20"),
        ("2026-11-23T01:45:29 step=0 elapsed_s=3.4 val_loss=7.25\nstep=4 loss=1.5 lr=1\nstep=4 best_step=4 val_loss=6.5\n", "validation loss 7.250 at step 0, best 6.500 at step 4"),
    ],
)  # fmt: skip
def test_a_run_without_a_result_is_judged_by_its_log_and_says_so(finished_home, log, words):
    run = runs.find(state.Home(finished_home))
    run.file("train_metrics.json").unlink()
    run.file("metrics.jsonl").unlink()
    run.file("train.log").write_text(log)
    got = calls.script("evaluate", "--json", home=finished_home)
    assert got.status == 3 and got.json["source"] == "train.log"
    assert got.json["verdict"] == "not_enough_evidence"
    assert got.json["reasons"][0].startswith(f"Read from train.log: {words}")
    assert refusal(calls.script("propose", "--json", home=finished_home))[:2] == (3, "gate_not_passed")  # fmt: skip


def test_a_run_without_a_result_is_judged_by_its_reports_rather_than_by_its_log(finished_home):
    run = runs.find(state.Home(finished_home))
    run.file("train_metrics.json").unlink()
    run.file("train.log").write_text("step=1 val_loss=0.001\n")
    got = calls.script("evaluate", "--json", home=finished_home)
    assert got.status == 3 and got.json["source"] == "metrics.jsonl"
    assert "validation loss 0.001" not in got.json["reasons"][0]


def test_a_run_with_neither_result_nor_log_cannot_be_judged(finished_home):
    run = runs.find(state.Home(finished_home))
    run.file("train_metrics.json").unlink()
    run.file("metrics.jsonl").unlink()
    run.file("train.log").write_text("nothing of use\n")
    assert refusal(calls.script("evaluate", "--json", home=finished_home))[:2] == (4, "nothing_to_judge")  # fmt: skip


def test_fae_waits_a_week_between_runs_and_a_person_never(finished_home):
    by_fae = train(finished_home, FAE_SKILL_NAME="training")
    assert by_fae.status == 0 and by_fae.json["error"]["code"] == "too_soon"
    assert "7 days apart" in by_fae.json["error"]["message"]
    assert len(runs.all_runs(state.Home(finished_home))) == 1
    run = runs.find(state.Home(finished_home))
    state.write_json(finished_home / "config.json", {"min_days_between_runs": 2})
    assert "2 days apart" in train(finished_home, FAE_SKILL_NAME="x").json["error"]["message"]
    run.update(ended_at="2020-01-01T00:00:00+00:00")
    # With another run at the lock nothing begins, but the rule has let it through.
    with runs.locked(state.Home(finished_home), "sft-1"):
        by_fae = train(finished_home, FAE_SKILL_NAME="x").json["error"]
    assert by_fae["code"] == "busy"


def test_two_runs_side_by_side_show_what_differs(finished_home):
    first = only_run(finished_home)
    second = copy_run(finished_home, first, "sft-29990101-0000-aa")
    path = finished_home / "runs" / second / "run.json"
    record = state.read_json(path)
    record["settings"]["rank"] = 8
    state.write_json(path, record)
    answer = calls.answer("list_runs", "--compare", first, "latest", home=finished_home)
    assert answer["runs"] == [first, second] and answer["differing"] == {"setting rank": ["4", "8"]}


# What can go wrong in the middle


def test_one_row_and_nothing_held_out_train_and_cannot_be_judged(home):
    """Fewer rows than a batch: the batch shrinks, and a note says so."""
    small_runs.fill(home, train=1, choose=0, judge=0)
    got = train(home, "--steps", "2", "--batch-size", "4").json
    assert "1 row is too few for batches of 4: the batch is 1 instead" in got["notes"]
    assert any("nothing is held out" in note for note in got["notes"])
    result = state.read_json(small_runs.finish(home, got["run"]) / "train_metrics.json")
    assert (result["applied"]["batch_size"], result["best_step"]) == (1, 2)
    assert result["best_value"] is None and [
        m["role"] for m in result["benchmark"]["measures"]
    ] == ["guard"]
    judged = calls.script("evaluate", "--json", home=home)
    assert judged.status == 3 and judged.json["verdict"] == "not_enough_evidence"


def test_a_disk_that_fills_up_fails_the_run_by_name_and_leaves_whole_files(small_home):
    """No file may grow beyond 100 kB: the first checkpoint does not fit."""
    script = f'ulimit -f 200; exec "{sys.executable}" "{calls.SCRIPTS / "train.py"}" "$@"'
    arguments = ["--json", *small_runs.SETTINGS, "--model", str(calls.LANGUAGE_MODEL)]
    begun = subprocess.run(
        ["sh", "-c", script, "train", *arguments],
        capture_output=True,
        env={**os.environ, "FAE_TRAINING_HOME": str(small_home)},
    )
    run = json.loads(begun.stdout)["run"]
    answer = calls.wait_until_ended(run, small_home)
    assert answer["status"] == "failed" and answer["error_of_run"]["code"] == "write_failed"
    assert ".safetensors failed" in answer["error_of_run"]["message"]
    assert "df -h" in answer["error_of_run"]["hint"]
    directory = small_home / "runs" / run
    assert [p.name for p in directory.rglob(".*")] == [], "a temporary file is left"
    assert not list(directory.rglob("*.safetensors")) and not (directory / "train_metrics.json").exists()  # fmt: skip
    assert refusal(calls.script("deploy", "--json", "--code", "A", home=small_home))[:2] == (4, "not_evaluated")  # fmt: skip
