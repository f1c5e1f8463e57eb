"""train_stt.py as real processes on the sample model: names learned, judged, proposed, and everything that can be missing."""

import shutil
from pathlib import Path
from statistics import fmean

import pytest

import calls
import speech_world
from fae_training.speech import material
from fae_training.speech.synthesis import find_synthesiser
from fae_training.store.state import Home, read_json, read_jsonl

MODEL = Path(__file__).resolve().parent.parent / "samples" / "speech-model"
LEARNED = [("Owen", "Anwen"), ("Marian", "Marion")]
TRAINING = ("--steps", 90, "--batch-size", 8, "--learning-rate", "3e-4", "--clips-per-term", 24)
needs_a_voice = pytest.mark.skipif(find_synthesiser() is None, reason="no say and no espeak-ng")


def with_corrections(home: Path, pairs=LEARNED) -> Path:
    calls.answer("setup", "--consent", "corrections", home=home)
    for heard, meant in pairs:
        calls.answer("add_correction", "--heard", heard, "--meant", meant, home=home)
    return home


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Path, str]:
    """A home in which the sample model learned two names, and the run's id."""
    home = with_corrections(tmp_path_factory.mktemp("stt") / "home")
    started = calls.answer("train_stt", "--model", MODEL, *TRAINING, home=home)
    state = calls.wait_until_ended(started["run"], home, patience_s=900)
    log = home.joinpath("runs", started["run"], "train.log").read_text()
    assert state["status"] == "completed", log
    return home, started["run"]


def result(trained) -> dict:
    home, run = trained
    return read_json(home / "runs" / run / "train_metrics.json")


def measure(trained, name: str) -> dict:
    return next(m for m in result(trained)["benchmark"]["measures"] if m["name"] == name)


@needs_a_voice
def test_the_names_are_misheard_before_and_recognised_after(trained):
    recall = measure(trained, "term_recall")
    assert recall["base"] == recall["current"] and fmean(recall["base"]) < 0.2
    assert fmean(recall["candidate"]) >= 0.8
    # Two words: each of their clips counts.
    assert recall["unit"] == "clips of your words" and len(recall["items"]) == 24


@needs_a_voice
def test_everything_else_is_recognised_as_before(trained):
    words = measure(trained, "rehearsal_word_error_rate")
    assert words["role"] == "guard" and len(words["items"]) >= 110
    assert fmean(words["base"]) < 0.06
    assert fmean(words["candidate"]) <= fmean(words["current"]) + 0.02


@needs_a_voice
def test_the_checkpoint_is_chosen_by_clips_that_judge_nothing(trained):
    home = Home(trained[0])
    held_out = material.held_out(home, home.file("data"))
    judged = {item for name in ("term_recall", "rehearsal_word_error_rate") for item in measure(trained, name)["items"]}  # fmt: skip
    assert held_out.apart and result(trained)["benchmark"]["judged_apart"]
    assert not any(item.endswith(each.audio) for item in judged for each in held_out.choose)
    assert len(held_out.judge) == result(trained)["benchmark"]["outputs"]
    log = trained[0].joinpath("runs", trained[1], "progress.json").read_text()
    assert '"validating"' in log


@needs_a_voice
def test_what_was_applied_is_read_back(trained):
    applied = result(trained)["applied"]
    assert applied["updates"] == 90 and applied["batch_size"] == 8
    assert applied["lora"]["modules"] == 14 and applied["lora"]["rank"] == 16
    assert applied["prompt"].endswith("<|im_start|>assistant\nlanguage English<asr_text>")
    assert applied["terms"] == ["Anwen", "Marion"]
    assert applied["rows"]["train"]["correction synthesised"] == 48
    reports = read_jsonl(trained[0] / "runs" / trained[1] / "metrics.jsonl")
    assert {"loss", "lr", "tokens_per_s", "peak_memory_gb", "eta_s"} <= reports[
        -2
    ].keys() | reports[-1].keys()


@needs_a_voice
def test_the_benchmark_reports_whether_the_word_list_alone_would_be_enough(trained):
    benchmark = result(trained)["benchmark"]
    alone = benchmark["details"]["without_training"]
    assert set(alone) == {"hotwords", "replacement"}
    assert alone["replacement"]["term_recall"] >= 0.25  # every Marion is heard as Marian
    assert any("Without training" in note for note in benchmark["notes"])


@needs_a_voice
def test_it_passes_the_gate_and_is_proposed_word_by_word(trained, tmp_path):
    home = shutil.copytree(trained[0], tmp_path / "copy")
    evaluated = calls.answer("evaluate", "--kind", "stt", home=home)
    assert evaluated["verdict"] == "pass", evaluated["reasons"]
    assert any("only 2 words were judged (Anwen, Marion)" in note for note in evaluated["notes"])
    calls.answer("propose", "--run", trained[1], home=home)
    assert calls.approval_code(home, trained[1])
    proposal = (home / "runs" / trained[1] / "proposal.md").read_text()
    assert "(said: marion)" in proposal and "your corrections of Anwen, Marion" in proposal


@needs_a_voice
def test_a_fresh_process_loads_the_adapter_and_its_output_differs_from_the_base(trained):
    home, run = trained
    done = calls.script("train_stt", "--worker", run, "--task", "verify", "--json", home=home)
    assert done.status == 0, done.err
    answer = read_json(home / "runs" / run / "verify.json")
    assert answer["loads"] and answer["changes_output"] and answer["largest_change"] > 0.01


def refusal(home: Path, *arguments, **environment) -> tuple[int, dict]:
    answer = calls.script("train_stt", *arguments, "--json", home=home, **environment)
    return answer.status, answer.json["error"]


def test_without_corrections_it_says_how_to_add_one(home):
    calls.answer("setup", "--consent", "corrections", home=home)
    status, error = refusal(home, "--model", MODEL)
    assert (status, error["code"]) == (4, "no_corrections") and "add_correction.py" in error["hint"]


def test_without_consent_nothing_is_read(home):
    status, error = refusal(home, "--model", MODEL)
    assert (status, error["code"]) == (3, "no_consent")


def test_text_only_corrections_without_a_synthesiser_are_refused_at_once(home):
    with_corrections(home)
    status, error = refusal(home, "--model", MODEL, PATH="/nowhere")
    assert (status, error["code"]) == (4, "nothing_to_hear") and "espeak-ng" in error["hint"]


@needs_a_voice
@pytest.mark.parametrize(
    ("memory", "config", "model"),
    [
        ("8", None, "mlx-community/Qwen3-ASR-1.7B-4bit"),
        ("16", None, "mlx-community/Qwen3-ASR-1.7B-4bit"),
        (
            "64",
            '[stt]\nmodelId = "mlx-community/Qwen3-ASR-0.6B-8bit"\n',
            "mlx-community/Qwen3-ASR-0.6B-8bit",
        ),
    ],
)
def test_the_model_is_the_one_that_fae_runs(home, tmp_path, memory, config, model):
    with_corrections(home)
    if config:
        (tmp_path / "config.toml").write_text(config)
    environment = {
        "FAE_TRAINING_MEMORY_GB": memory,
        "FAE_APP_DIR": str(tmp_path),
        "HF_HOME": str(tmp_path),
    }
    environment["HF_HUB_CACHE"] = str(tmp_path)
    status, error = refusal(home, **environment)
    assert (status, error["code"]) == (4, "no_model")
    assert model in error["message"] and "--fetch" in error["hint"]


@needs_a_voice
def test_a_language_model_is_not_a_recogniser(home):
    with_corrections(home)
    status, error = refusal(home, "--model", calls.LANGUAGE_MODEL)
    assert (status, error["code"]) == (4, "other_architecture") and "qwen3_asr" in error["message"]


@needs_a_voice
def test_a_dry_run_shows_what_it_would_learn_and_starts_nothing(home):
    with_corrections(home)
    answer = calls.answer("train_stt", "--model", MODEL, "--dry-run", home=home)
    assert answer["status"] == "planned" and answer["rows"]["terms"] == 2
    assert answer["learned_from"] == "your corrections of Anwen, Marion, with 0 recordings"
    assert not (home / "runs").exists()


def test_the_held_back_names_are_in_no_sentence_that_the_sample_model_learned_from():
    from fae_training.speech import sentences

    taught = " ".join([*sentences.COMMON_NAMES, *sentences.WITH_A_NAME, *sentences.WITHOUT_A_NAME])
    assert len(speech_world.HELD_BACK_NAMES) == 8
    assert not [name for name in speech_world.HELD_BACK_NAMES if name in taught]
    assert sum(p.stat().st_size for p in MODEL.iterdir()) <= 8_000_000
