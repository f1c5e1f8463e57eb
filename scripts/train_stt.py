# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = [
#   "fae-training",
#   "mlx[cpu]>=0.32.4; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "mlx>=0.32.4; sys_platform == 'darwin' and platform_machine == 'arm64'",
#   "scipy-openblas32>=0.3.30; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "mlx-lm>=0.32.2; sys_platform == 'linux' and platform_machine == 'x86_64' or sys_platform == 'darwin' and platform_machine == 'arm64'",
#   "mlx-audio>=0.6.2; sys_platform == 'linux' and platform_machine == 'x86_64' or sys_platform == 'darwin' and platform_machine == 'arm64'",
#   "mlx-tune==0.6.0; sys_platform == 'linux' and platform_machine == 'x86_64' or sys_platform == 'darwin' and platform_machine == 'arm64'",
#   "jiwer>=4",
#   "numpy",
#   "soundfile",
#   "soxr",
# ]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Fine-tune the speech recogniser on words that it misheard, such as names and places.

    uv run scripts/add_correction.py --heard Marian --meant Marion
    uv run scripts/train_stt.py --preset light
    uv run scripts/train_stt.py --resume latest

Reads stt/corrections.jsonl and its recordings; words with too few are synthesised by `say` or espeak-ng. Writes
data/stt/, runs/<run>/: run.json, metrics.jsonl, train.log, adapters/, train_metrics.json.
Presets (steps, batch, accumulation, learning rate, rank, clips per word):
  smoke     10  1  1  1e-4   8   4
  light    100  4  1  1e-4  16  16
  standard 300  4  2  5e-5  16  32
Exit status: 0 done, 3 refused (no consent, too soon), 4 no corrections, no model or no sound, 5 another run, 6 it failed.
"""

from fae_training.calls import calling
from fae_training.calls.calling import Call, Result
from fae_training.judgement.benchmark import Benchmark
from fae_training.lifecycle import launch, provenance, results, runs
from fae_training.lifecycle.kinds import KINDS
from fae_training.lifecycle.launch import Training
from fae_training.lifecycle.preflight import Preflight
from fae_training.speech import preflight

KIND = KINDS["stt"]


def main(call: Call) -> Result:
    if call.arguments.fetch:
        from fae_training.language.preflight import fetch

        return fetch(call, KIND, preflight.choose)
    return launch.main(call, Training(KIND, prepare, train, score, verify))


def prepare(call: Call, settings, run) -> Preflight:
    """Check the requirements for starting or resuming a run."""
    own = run is not None and provenance.has_own_rows(run)
    data = preflight.check_own(run) if own else preflight.check(call.home)
    return Preflight(settings, data, preflight.find_model(call, settings["model"]))


def train(run, session) -> results.Trained:
    """The worker's task: make the clips, load, train, save, and report the settings really applied."""
    from fae_training.fitting.fit import fit
    from fae_training.fitting.fit_settings import FitSettings
    from fae_training.speech import (
        batches,
        material,
        mlx_tune_repairs,
        recogniser,
        training_clips,
    )
    from fae_training.speech.synthesis import find_synthesiser

    # Setup
    settings = run.settings
    with session.stage("synthesising clips"):
        if not provenance.has_own_rows(run):  # otherwise resume with the original clips
            training_clips.build(
                run.home,
                settings["clips_per_term"],
                settings["seed"],
                find_synthesiser(),
                session.log,
            )
            provenance.take_rows(run, ("stt",), run.home.file("data"))
        data = material.read_made(provenance.rows_of(run))
        session.check()
    with session.stage("loading"):
        wrapper = mlx_tune_repairs.load_model(
            run.record["model"]["directory"],
            settings["rank"],
            settings["lora_scale"],
            settings["seed"],
        )
        session.check()
    model = wrapper.model._model
    with session.stage("encoding"):
        rows = provenance.rows_of(run)
        examples = material.read_examples(rows, "train")
        training = batches.rows_of(model, run.home, examples, session.advance)
        choosing = material.held_out(run.home, rows).choose
        validated = batches.rows_of(model, run.home, choosing, session.advance)

    # Train
    stream = batches.SpeechBatches(training, settings["batch_size"], settings["seed"])
    every = max(1, settings["steps"] // 5)
    result = fit(
        model,
        FitSettings.of(
            settings,
            report_every=max(1, settings["steps"] // 50),
            validate_every=every,
            save_every=every,
            profile=run.record.get("profile", False),
        ),
        recogniser.loss,
        stream,
        (lambda step: {"val_loss": batches.mean_loss(model, validated, session.advance)})
        if validated
        else None,
        run,
        session,
    )
    mlx_tune_repairs.save(
        wrapper,
        run.file(runs.saves_to(result.stopped)),
        result.best_parameters,
        run.record["model"]["id"],
    )

    # The applied settings, read back from the objects
    applied = result.applied | {
        "batch_size": stream.batch_size,
        "lora": mlx_tune_repairs.receipt(wrapper),
        "prompt": model._tokenizer.decode(training[0].tokens[: training[0].supervised_from]),
        "rows": {"train": data.train, "valid": data.valid},
        "terms": list(data.terms),
    }
    return results.Trained(results.receipt(run, result, applied, list(data.notes)))


def score(run, session) -> Benchmark:
    """The worker's task: compare the transcripts of base, current and candidate on the judge part."""
    from fae_training.speech import scoring

    return scoring.score(run, session)


def verify(run, session) -> results.Verification:
    """The worker's task after deployment: check that the saved adapter loads and changes the output."""
    from fae_training.speech import scoring

    return scoring.verify(run, session)


def build_parser() -> calling.Parser:
    return launch.build_parser(__doc__, KIND)


if __name__ == "__main__":
    calling.run(main, build_parser())
