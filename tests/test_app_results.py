"""Results in Fae's own directory: published completely, withdrawn exactly, and never half-done.

Long, as each of the three kinds of result has its own place in the app, in several versions of it.
"""

import hashlib
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest

import calls
import installed_fae
import prepared
import swift_reader
from calls import LANGUAGE_MODEL
from fae_training.app import app_files, app_results, app_use, app_words, fae_versions
from fae_training.calls.errors import Failed
from fae_training.judgement.benchmark import Benchmark, Figure
from fae_training.lifecycle import runs
from fae_training.release import activation, deployment
from fae_training.speech import vocabulary
from fae_training.store import consent, state
from fae_training.store.transactions import changing


@pytest.fixture
def person(tmp_path, monkeypatch) -> Path:
    """A HOME below which Fae is looked for."""
    found = tmp_path / "sam"
    monkeypatch.setenv("HOME", str(found))
    monkeypatch.setenv("FAE_APP_DIR", str(installed_fae.directory(found)))
    return found


@pytest.fixture
def later(person) -> Path:
    return installed_fae.make(person, loaded=LANGUAGE_MODEL)


@pytest.fixture
def run(finished_home) -> runs.Run:
    return runs.find(state.Home(finished_home))


def again(run: runs.Run, name: str = "sft-20261127-0914-zz") -> runs.Run:
    """Another run, with other weights."""
    shutil.copytree(run.directory, run.directory.with_name(name))
    other = runs.Run(run.home, name)
    other.update(id=name, created_at="2027-01-01T00:00:00+00:00")
    weights = other.file("adapters", "adapters.safetensors")
    mx.save_safetensors(str(weights), {n: a * 2 for n, a in mx.load(str(weights)).items()})
    return other


def make_active(run: runs.Run) -> None:
    with changing(run.home) as change:
        deployment.deploy(change, run)


def deployed(run: runs.Run) -> app_results.InApp:
    make_active(run)
    return activation.publish_or_undo(run.home, run)


def rolled_back(run: runs.Run) -> app_results.InApp:
    found = app_results.withdraw_newest(run.home, "language")
    deployment.rollback(run.home, "language", "")
    return found


def content(directory: Path) -> dict[str, str]:
    """Every file below, hidden ones too."""
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def logits(adapter: Path | None, how="swift"):
    from mlx_lm import load

    if how == "mlx-lm":
        model, tokenizer = load(str(LANGUAGE_MODEL), adapter_path=str(adapter))
    else:
        model, tokenizer = load(str(LANGUAGE_MODEL))
        if adapter:
            assert swift_reader.load(model, adapter) > 0
    tokens = mx.array([tokenizer.encode("Hello there, how are you?")])
    return np.array(model(tokens).astype(mx.float32))


def test_the_adapter_in_the_app_loads_by_its_rules_and_does_what_mlx_lm_does(later, person, run):
    found = deployed(run)
    assert found.use == app_results.SET_KEY
    folder = Path(found.adapter_path)
    assert folder == installed_fae.personal(person) / run.id
    ours = logits(folder)
    np.testing.assert_allclose(ours, logits(run.file("adapters"), "mlx-lm"), atol=2e-2)
    assert np.abs(ours - logits(None)).max() > 0.1


@pytest.mark.parametrize(
    "damage, says",
    [
        ({"num_layers": -1}, "negative"),
        ({"lora_parameters": {"rank": 4.0, "scale": 2.0, "keys": []}}, "rank 4.0"),
        ({"lora_parameters": {"rank": 4, "scale": 2.0, "keys": ["mlp.up_proj"]}}, "no module for"),
        ({"lora_parameters": {"rank": 4, "scale": 2.0, "dropout": 1.0, "keys": []}}, "dropout"),
        ("a link", "a link or a folder"),
        ("another base", "the module takes"),
    ],
)
def test_the_reader_refuses_what_the_app_refuses(run, tmp_path, damage, says):
    """Else its yes would mean nothing."""
    from mlx_lm import load

    folder = shutil.copytree(run.file("adapters"), tmp_path / "adapter")
    model, _ = load(str(LANGUAGE_MODEL))
    if damage == "a link":
        (folder / "notes").symlink_to(tmp_path)
    elif damage == "another base":
        weights = mx.load(str(folder / "adapters.safetensors"))
        name = next(name for name in weights if name.endswith("lora_a"))
        weights[name] = mx.zeros((7, 4))
        mx.save_safetensors(str(folder / "adapters.safetensors"), weights)
    else:
        config = json.loads((folder / "adapter_config.json").read_text()) | damage
        (folder / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=says):
        swift_reader.load(model, folder)


def test_after_going_back_the_app_answers_as_its_base_model(later, run):
    """An empty path is refused by later Fae, so there is an adapter without any effect."""
    first = deployed(run)
    undone = rolled_back(run)
    assert undone.step["params"]["value"] == undone.adapter_path != first.adapter_path
    assert undone.previous_adapter_path == first.adapter_path
    np.testing.assert_array_equal(logits(Path(undone.adapter_path)), logits(None))


def test_a_rollback_leads_to_the_previous_run_whose_files_never_change(later, person, run):
    other = again(run)
    first, second = deployed(run), deployed(other)
    assert second.previous_adapter_path == first.adapter_path
    before = content(installed_fae.personal(person))
    assert rolled_back(run).adapter_path == first.adapter_path
    assert content(installed_fae.personal(person)) == before
    # Once more: the folder is taken as it is.
    assert deployed(other).adapter_path == second.adapter_path
    assert content(installed_fae.personal(person)) == before


def test_a_folder_of_that_name_with_something_else_in_it_stays_as_it_is(later, person, run):
    theirs = installed_fae.personal(person) / run.id
    theirs.mkdir(parents=True)
    (theirs / "adapters.safetensors").write_text("somebody's")
    found = deployed(run)
    assert Path(found.adapter_path).name == f"{run.id}-2"
    assert (theirs / "adapters.safetensors").read_text() == "somebody's"


def test_the_app_s_own_setting_is_restored(later, person, run, tmp_path):
    """Its own nightly loop keeps what it deployed in improvement.db."""
    own = tmp_path / "own"
    shutil.copytree(run.file("adapters"), own)
    database = sqlite3.connect(installed_fae.directory(person) / "improvement.db")
    with database:
        database.execute("CREATE TABLE improvement_state (current_adapter_path TEXT)")
        database.execute("INSERT INTO improvement_state VALUES (?)", [str(own)])
    found = deployed(run)
    assert found.previous_adapter_path == str(own)
    installed_fae.set_key(person, found.adapter_path)
    assert rolled_back(run).step["params"]["value"] == str(own)


def test_a_key_that_the_app_changed_in_the_meantime_is_left_alone_and_reported(later, person, run):
    deployed(run)
    installed_fae.set_key(person, "/somewhere/else")
    (warning,) = app_use.in_use(run.home).values()
    assert "/somewhere/else" in warning and "it should use" in warning and run.id in warning
    found = rolled_back(run)
    assert found.step is None and "changed since" in found.says
    installed_fae.set_key(person, "")
    assert app_use.in_use(run.home) == {}


def test_there_is_no_warning_if_the_app_uses_the_approved_adapter(later, person, run):
    path = deployed(run).adapter_path
    assert app_use.in_use(run.home) == {}, "the key cannot be read"
    installed_fae.set_key(person, path)
    assert app_use.in_use(run.home) == {}
    assert app_results.publish(run.home, run).use == app_results.NOTHING_TO_DO
    installed_fae.set_key(person, "")
    assert "uses its base model" in app_use.in_use(run.home)["language"]
    shutil.rmtree(path)
    assert "which is gone" in app_use.in_use(run.home)["language"]


@pytest.mark.parametrize(
    "version, says",
    [
        ("0.8.105", r"\(0.8.105\) cannot load adapters. Update it to 0.8.183"),
        ("0.8.150", r"not known whether this version of Fae \(0.8.150\) loads adapters"),
        ("", "does not say which version"),
    ],
)
def test_a_version_that_loads_no_adapters_gets_none_and_the_answer_says_so(
    person, run, version, says
):
    installed_fae.make(person, version, loaded=LANGUAGE_MODEL)
    found = deployed(run)
    assert found.use == app_results.NOT_USED
    assert re.search(says, found.says)
    assert found.step is None and not installed_fae.personal(person).exists()
    assert found.adapter_path == str(run.file("adapters"))


def test_a_proposal_says_what_a_yes_does_in_the_fae_of_this_machine(person, run):
    assert "was not found on this machine" in app_results.after_yes(run)
    bundle = installed_fae.make(person, installed_fae.EARLY)
    assert "This version of Fae (0.8.105) cannot load adapters" in app_results.after_yes(run)
    shutil.rmtree(bundle)
    installed_fae.make(person, loaded=run.record["model"]["id"])
    assert app_results.after_yes(run) == "Fae uses the update from its next answer on."


def test_the_daemon_of_the_newest_fae_is_recognised(later, run):
    (later / "Contents/MacOS/fae-daemon").write_text("")
    found = deployed(run)
    assert found.use == app_results.NOT_USED and "GGUF" in found.says


def test_no_app_and_several_versions_are_reported(person, run):
    installed_fae.directory(person).mkdir(parents=True)
    says = deployed(run).says
    assert (
        f"no Fae.app in {fae_versions._places()[0]}, where the app of FAE_APP_DIR is expected"
        in says
    )
    assert "/Applications or" not in says
    installed_fae.make(person, "0.8.105")
    installed_fae.make(person, "0.8.190", name="Fae 2")
    found = app_results.publish(run.home, run)
    assert "several versions" in found.says and "0.8.105" in found.says and "0.8.190" in found.says


def test_an_adapter_for_another_model_than_fae_has_loaded_is_not_published(person, run):
    installed_fae.make(person, loaded="mlx-community/Qwen3.5-4B-4bit")
    assert "has loaded mlx-community/Qwen3.5-4B-4bit, which it does not fit" in deployed(run).says
    (person / "Library/Preferences/com.saorsalabs.fae.plist").unlink()
    assert "Start Fae once" in app_results.publish(run.home, run).says


@pytest.mark.parametrize(
    "change, says",
    [
        ({"num_layers": -1}, "num_layers -1"),
        ({"num_layers": None}, "num_layers None"),
        ({"fine_tune_type": "full"}, "fine_tune_type 'full'"),
        ({"lora_parameters": {"rank": 4}}, "no scale"),
    ],
)
def test_a_config_that_the_app_cannot_load_is_not_published(later, run, change, says):
    path = run.file("adapters", "adapter_config.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    found = deployed(run)
    assert found.use == app_results.NOT_USED and says in found.says


def test_an_adapter_of_routed_experts_is_not_published(later, run):
    weights = run.file("adapters", "adapters.safetensors")
    tensors = mx.load(str(weights))
    tensors["model.layers.0.mlp.switch_mlp.up_proj.lora_a"] = mx.zeros((2, 2))
    mx.save_safetensors(str(weights), tensors)
    assert "train without --experts" in deployed(run).says


def nothing_left(person: Path, run: runs.Run) -> None:
    """No folder, whole or hidden, and nothing deployed."""
    assert content(installed_fae.directory(person)) == {}
    assert deployment.current(run.home, "language") is None
    assert not (run.home.read("app.json") or {}).get("adapters")


@pytest.mark.parametrize("damage", ["a file in the way", "read-only"])
def test_an_unwritable_models_folder_rolls_the_deployment_back(later, person, run, damage):
    if damage == "read-only":
        if os.geteuid() == 0:
            pytest.skip("root may write everywhere")
        installed_fae.personal(person).mkdir(parents=True)
        installed_fae.personal(person).chmod(0o500)
    else:
        (installed_fae.directory(person) / "models").write_text("")
    try:
        with pytest.raises(Failed, match=r"cannot be written.*was rolled back and the original model is active"):  # fmt: skip
            deployed(run)
    finally:
        if damage == "read-only":
            installed_fae.personal(person).chmod(0o700)
        else:
            (installed_fae.directory(person) / "models").unlink()
    nothing_left(person, run)


PUBLISH = """
import pathlib, resource, sys
from fae_training.release import activation, deployment; from fae_training.app import app_files, app_results; from fae_training.lifecycle import runs; from fae_training.store import state, transactions
run = runs.find(state.Home(pathlib.Path(sys.argv[1])))
with transactions.changing(run.home) as change:
    deployment.deploy(change, run)
{before}
activation.publish_or_undo(run.home, run)
"""


def publish_in_a_process(run: runs.Run, before: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", PUBLISH.format(before=before), str(run.home.path)]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_disk_that_is_full_while_copying_leaves_nothing_behind(later, person, run):
    # Enough for the records of the state directory, too little for the weights.
    done = publish_in_a_process(run, "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))")
    assert "app_disk_full" in done.stderr or "could not be completed" in done.stderr, done.stderr
    assert "was rolled back" in done.stderr
    nothing_left(person, run)


def test_a_kill_while_copying_is_never_seen_and_the_next_one_cleans_up(later, person, run):
    kill = "import os, signal; app_files.sync_directory = lambda d: os.kill(os.getpid(), signal.SIGKILL)"  # fmt: skip
    assert publish_in_a_process(run, kill).returncode == -signal.SIGKILL
    (left,) = installed_fae.personal(person).iterdir()
    assert left.name.startswith(".")
    found = app_results.publish(run.home, run)
    assert [p.name for p in installed_fae.personal(person).iterdir()] == [run.id]
    assert found.use == app_results.SET_KEY


def test_the_copy_in_the_app_survives_the_loss_of_the_state_directory(later, run):
    folder = Path(deployed(run).adapter_path)
    before = content(folder)
    shutil.rmtree(run.home.path)
    assert content(folder) == before


# Classifiers


def classifier(home: state.Home, kind: str, value: float = 0.5, **change) -> runs.Run:
    """A run whose fae/ holds a network as later Fae builds it."""
    classes = app_files.CLASSES[kind]
    made = runs.create(home, kind, {"settings": {}})
    directory = state.make_directory(made.file("adapters", "fae"))
    state.make_directory(made.file("adapters"))
    made.file("adapters", "model.safetensors").write_text(made.id)
    tensors = {"classifier.weight": (classes, 128), "classifier.bias": (classes,)}
    for number, (inputs, outputs) in enumerate(((128, 64), (64, 128), (128, 128)), 1):
        tensors |= {f"conv{number}.weight": (outputs, 3, inputs), f"conv{number}.bias": (outputs,)}
    arrays = {name: mx.full(shape, value) for name, shape in tensors.items()}
    mx.save_safetensors(str(directory / "model.safetensors"), arrays)
    config = {
        "num_classes": classes,
        "input_features": 128,
        "n_mels": 128,
        "target_frames": 48,
        "sample_rate": 16000,
        "label_names": [str(i) for i in range(classes)],
    }
    (directory / "config.json").write_text(json.dumps(config | change))
    return made


def test_a_classifier_replaces_the_one_in_the_app_and_going_back_restores_it(later, person, home):
    place = state.Home(home)
    target = installed_fae.directory(person) / "models" / "keyword-classifier"
    target.mkdir(parents=True)
    (target / "model.safetensors").write_text("the person's own")
    original = content(target.parent)
    first, second = classifier(place, "keyword", 0.1), classifier(place, "keyword", 0.2)
    found = deployed(first)
    assert found.use == app_results.RESTART and "next start" in found.says
    assert content(target) == content(first.file("adapters", "fae"))
    deployed(second)
    assert content(target) == content(second.file("adapters", "fae"))
    for expected in (content(first.file("adapters", "fae")), None):
        app_results.withdraw_newest(place, "keyword")
        deployment.rollback(place, "keyword", "")
        assert expected is None or content(target) == expected
    assert content(target.parent) == original


def test_a_classifier_without_faes_form_leaves_the_one_in_the_app_and_says_so(later, person, home):
    first, second = (classifier(state.Home(home), "keyword", value) for value in (0.1, 0.2))
    shutil.rmtree(second.file("adapters", "fae"))
    target = installed_fae.directory(person) / "models" / "keyword-classifier"
    deployed(first)
    found = deployed(second)
    assert found.use == app_results.NOT_USED
    assert f"Fae continues to use {first.id} in {target}." in found.says
    assert content(target) == content(first.file("adapters", "fae"))


def test_a_classifier_is_added_where_there_was_none_and_removed_again(later, person, home):
    run = classifier(state.Home(home), "speech_verifier")
    deployed(run)
    target = installed_fae.directory(person) / "models" / "speech-verifier"
    assert target.is_dir()
    (target / "model.safetensors").write_text("the app's new one")
    assert "was changed" in app_use.in_use(run.home)["speech_verifier"]
    assert "changed since" in app_results.withdraw_newest(run.home, "speech_verifier").says
    assert (target / "model.safetensors").read_text() == "the app's new one"


def test_a_verifier_that_the_app_ships_is_preferred_and_the_answer_says_so(later, home):
    own = later / "Contents/Resources/Fae_Fae.bundle/Models/speech-verifier"
    own.mkdir(parents=True)
    (own / "model.safetensors").write_text("")
    assert "uses its bundled classifier" in deployed(classifier(state.Home(home), "speech_verifier")).says  # fmt: skip


def test_a_classifier_that_the_app_would_not_load_is_refused_and_rolled_back(later, home):
    place = state.Home(home)
    run = classifier(place, "keyword", n_mels=80)
    with pytest.raises(Failed, match=r"n_mels is 80, expected 128.*was rolled back"):
        deployed(run)
    assert deployment.current(place, "keyword") is None
    run = classifier(place, "keyword")
    weights = run.file("adapters", "fae", "model.safetensors")
    mx.save_safetensors(str(weights), mx.load(str(weights)) | {"norm.weight": mx.zeros(3)})
    with pytest.raises(Failed, match=r"norm\.weight"):
        deployed(run)


def test_early_versions_of_fae_do_not_load_a_classifier(person, home):
    installed_fae.make(person, installed_fae.EARLY)
    assert "does not load a classifier" in deployed(classifier(state.Home(home), "keyword")).says


def figures(fae: float, ours: float) -> Benchmark:
    """Of a benchmark what of_both_forms reads."""
    listed = [
        Figure(f"{n}_macro_f1", "", "F1", v, 0, 0) for n, v in (("fae", fae), ("segments", ours))
    ]
    return Benchmark((), True, 1, 1, None, figures=tuple(listed))


def test_a_proposal_says_which_form_of_a_classifier_this_fae_uses_and_how_good_both_are(
    person, home
):
    run = classifier(state.Home(home), "speech_verifier")

    def sentence() -> str:
        (one,) = app_results.of_both_forms(run, figures(0.873, 0.921))
        assert "macro-F1 0.87, the classifier that it was distilled from 0.92" in one
        return one

    assert "two forms Fae uses is not known: there is no Fae.app" in sentence()
    early = installed_fae.make(person, installed_fae.EARLY)
    assert "does not load a classifier. So it uses neither form" in sentence()
    shutil.rmtree(early)
    later = installed_fae.make(person, installed_fae.LATER)
    assert "uses the form in Fae's own network, from its next start;" in sentence()
    assert "rate of false alarms does not hold in the app" in sentence()
    (later / "Contents/MacOS/fae-daemon").write_text("")
    assert "next start, if that version still reads it, which is not known;" in sentence()
    own = later / "Contents/Resources/Fae_Fae.bundle/Models/speech-verifier"
    own.mkdir(parents=True)
    (own / "model.safetensors").write_text("")
    assert "uses its bundled classifier" in sentence() and "neither form" in sentence()
    shutil.rmtree(run.file("adapters", "fae"))
    (one,) = app_results.of_both_forms(run, figures(0.8, 0.9))
    assert "not exported to the format that Fae loads" in one
    run.kind = "sft"
    assert app_results.of_both_forms(run, figures(0.8, 0.9)) == []


# Words


@pytest.fixture
def corrected(home) -> state.Home:
    place = state.Home(home)
    consent.change(place, ["corrections"], [])
    for wrong, right in (("Marian", "Marion"), ("see van", "Siobhan")):
        prepared.corrected(place, wrong, right)
    vocabulary.keep(place, [])
    return place


def speech_run(place: state.Home) -> runs.Run:
    made = runs.create(place, "stt", {"settings": {}})
    state.make_directory(made.file("adapters"))
    made.file("adapters", "adapters.safetensors").write_text(made.id)
    return made


ENTRY = {
    "canonical": "Marion",
    "variants": ["Maryon"],
    "source": "contact",
    "createdAt": "2026-03-31T10:00:00Z",
    "updatedAt": "2026-03-31T10:00:00Z",
}


def test_words_are_merged_into_the_list_and_removed_again(later, corrected):
    app_words.path().write_text(json.dumps([ENTRY]))
    run = speech_run(corrected)
    assert deployed(run).use == app_results.RESTART
    marion, siobhan = json.loads(app_words.path().read_text())
    assert marion | {"updatedAt": ""} == ENTRY | {"variants": ["Maryon", "Marian"], "updatedAt": ""}
    assert siobhan["variants"] == ["see van"] and siobhan["source"] == "correction"
    assert set(siobhan) == set(app_words.FIELDS)
    assert all(len(siobhan[n]) == 20 and siobhan[n].endswith("Z") for n in ("createdAt", "updatedAt"))  # fmt: skip
    before = app_words.path().read_bytes()
    app_results.publish(corrected, run)
    assert app_words.path().read_bytes() == before, "a second time adds nothing"
    app_results.withdraw_newest(corrected, "speech")
    (left,) = json.loads(app_words.path().read_text())
    assert left["canonical"] == "Marion" and left["variants"] == ["Maryon"]


def test_a_list_that_the_app_would_not_load_is_left_as_it_is(later, corrected):
    app_words.path().write_text('[{"canonical": "Marion"}]')
    with pytest.raises(Failed, match="entry 1 has no variants"):
        deployed(speech_run(corrected))
    assert app_words.path().read_text() == '[{"canonical": "Marion"}]'


@pytest.mark.skipif(sys.platform != "linux", reason="starts a program of this machine under Fae's name")  # fmt: skip
def test_words_wait_until_fae_is_closed(later, corrected):
    program = later / "Contents/MacOS/FaeNativeApp"
    shutil.copy(os.path.realpath(shutil.which("sleep")), program)
    program.chmod(0o755)
    # Where several programs are one file, its name says which one it is.
    running = subprocess.Popen(["sleep", "60"], executable=program)
    run = speech_run(corrected)
    try:
        assert fae_versions.the_app().is_running()
        found = deployed(run)
        assert found.use == app_results.CLOSE_FAE and "Quit Fae" in found.says
        assert not app_words.path().exists() and str(app_words.proposal()) in found.says
        assert [entry["canonical"] for entry in json.loads(app_words.proposal().read_text())] == [
            "Marion",
            "Siobhan",
        ]
        assert "Marion, Siobhan wait" in app_use.in_use(corrected)["speech"]
        (warning,) = calls.answer("check_status", home=corrected.path)["warnings"]
        assert "quit Fae, then: uv run scripts/deploy.py --check" in warning
        app_results.withdraw(corrected, "speech", run, None)
        assert not app_words.proposal().exists(), "nothing had been added"
        app_results.publish(corrected, run)
    finally:
        running.kill()
        running.wait()
    assert app_results.settle(corrected, [run])["speech"].use == app_results.RESTART
    assert app_words.path().exists() and not app_words.proposal().exists()
    assert app_use.in_use(corrected) == {}


def test_a_word_list_that_the_person_merged_by_hand_is_taken_back_by_a_rollback(
    later, corrected, monkeypatch
):
    run = speech_run(corrected)
    monkeypatch.setattr(fae_versions.FaeApp, "is_running", lambda app: True)
    assert deployed(run).use == app_results.CLOSE_FAE
    app_words.proposal().replace(app_words.path())
    assert "has them already" in app_results.publish(corrected, run).says
    monkeypatch.setattr(fae_versions.FaeApp, "is_running", lambda app: False)
    app_results.publish(corrected, run)
    app_results.withdraw_newest(corrected, "speech")
    assert json.loads(app_words.path().read_text()) == []


def test_a_word_that_the_app_saves_meanwhile_is_not_lost(later, corrected, monkeypatch):
    """The list is looked at again immediately before it is replaced."""
    app_words.path().write_text(json.dumps([ENTRY]))
    learned_meanwhile = json.dumps([ENTRY, ENTRY | {"canonical": "Anouk", "variants": ["a nook"]}])
    write, run = state.sync_file, speech_run(corrected)

    def saves(path):
        write(path)
        app_words.path().write_text(learned_meanwhile)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(state, "sync_file", saves)
        found = app_results.publish(corrected, run)
    assert found.use == app_results.CLOSE_FAE and "Quit Fae" in found.says
    assert app_words.path().read_text() == learned_meanwhile
    proposed = json.loads(app_words.proposal().read_text())
    assert [entry["canonical"] for entry in proposed] == ["Anouk", "Marion", "Siobhan"]
    assert app_results.publish(corrected, run).use == app_results.RESTART
    names = [entry["canonical"] for entry in json.loads(app_words.path().read_text())]
    assert names == ["Anouk", "Marion", "Siobhan"] and not app_words.proposal().exists()
    assert not [*app_words.path().parent.glob(".personal_lexicon*")]


def test_an_app_that_starts_meanwhile_keeps_its_list(later, corrected, monkeypatch):
    app_words.path().write_text(json.dumps([ENTRY]))
    run, before = speech_run(corrected), app_words.path().read_bytes()
    answers = iter([False, True, True])
    monkeypatch.setattr(fae_versions, "is_running", lambda: next(answers))
    assert app_results.publish(corrected, run).use == app_results.CLOSE_FAE
    assert app_words.path().read_bytes() == before
    monkeypatch.setattr(fae_versions, "is_running", lambda: False)
    app_results.publish(corrected, run)
    published = app_words.path().read_bytes()
    answers = iter([False, True])
    monkeypatch.setattr(fae_versions, "is_running", lambda: next(answers))
    kept = app_results.withdraw(corrected, "speech", run, None)
    assert kept.use == app_results.CLOSE_FAE and app_words.path().read_bytes() == published
    monkeypatch.setattr(fae_versions, "is_running", lambda: False)
    app_results.withdraw(corrected, "speech", run, None)
    (left,) = json.loads(app_words.path().read_text())
    assert left["variants"] == ENTRY["variants"]


def test_a_word_that_the_app_spells_in_another_case_is_taken_out_again(later, corrected):
    app_words.path().write_text(json.dumps([ENTRY | {"canonical": "MARION"}]))
    run = speech_run(corrected)
    app_results.publish(corrected, run)
    saved = json.loads(app_words.path().read_text().replace("MARION", "marion"))
    app_words.path().write_text(json.dumps(saved))
    app_results.withdraw(corrected, "speech", run, None)
    (left,) = json.loads(app_words.path().read_text())
    assert (left["canonical"], left["variants"]) == ("marion", ["Maryon"])


def test_early_versions_of_fae_have_no_word_list(person, corrected):
    installed_fae.make(person, installed_fae.EARLY)
    assert "has no word list" in deployed(speech_run(corrected)).says
    assert not app_words.path().exists()


def test_the_scripts_give_the_remaining_step_in_words_and_as_a_call(later, person, run):
    home = run.home.path
    make_active(run)
    checked = calls.answer("deploy", "--check", home=home)
    folder = str(installed_fae.personal(person) / run.id)
    assert checked["app"]["language"]["step"]["params"]["value"] == folder
    assert "training.personal_adapter_path is set to that folder" in checked["app"]["language"]["says"]  # fmt: skip

    status = calls.answer("check_status", home=home)
    assert status["active"] == {"language": run.id} and "warnings" not in status
    installed_fae.set_key(person, "")
    (warning,) = calls.answer("check_status", home=home)["warnings"]
    assert f"it should use {folder}" in warning
    assert f"Warning: {warning}" in calls.script("check_status", home=home).out

    installed_fae.set_key(person, folder)
    back = calls.answer("rollback", home=home)
    assert (back["undone"], back["active"]) == (run.id, "the original model")
    assert back["adapter_path"] == back["app"]["step"]["params"]["value"] == f"{folder}-off"
    assert back["previous_adapter_path"] == folder


def test_a_rollback_that_fails_in_the_app_can_be_repeated(later, person, run):
    deployed(run)
    shutil.rmtree(installed_fae.personal(person))
    installed_fae.personal(person).write_text("in the way")
    failed = calls.script("rollback", "--json", home=run.home.path)
    assert failed.status == 4 and failed.json["error"]["code"] == "app_not_writable"
    assert deployment.current(run.home, "language").run == run.id
    installed_fae.personal(person).unlink()
    assert calls.answer("rollback", home=run.home.path)["active"] == "the original model"
