# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = [
#   "fae-training",
#   "mlx[cpu]>=0.32.4; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "mlx>=0.32.4; sys_platform == 'darwin' and platform_machine == 'arm64'",
#   "scipy-openblas32>=0.3.30; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "mlx-lm>=0.32.2; sys_platform == 'linux' and platform_machine == 'x86_64' or sys_platform == 'darwin' and platform_machine == 'arm64'",
#   "mlx-tune==0.6.0; sys_platform == 'linux' and platform_machine == 'x86_64' or sys_platform == 'darwin' and platform_machine == 'arm64'",
# ]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Fine-tune the language model on the exported conversations (SFT).

    uv run scripts/train.py --preset light
    uv run scripts/train.py --resume latest
    uv run scripts/train.py --show-rows 3            rows as tokens: what is trained, what was cut

Reads data/sft/, writes runs/<run>/: run.json, metrics.jsonl, train.log, adapters/, train_metrics.json. At a terminal
it shows progress; Ctrl-C stops it and keeps the best checkpoint. Called by Fae, or with --detach, it answers at once.
Presets (steps, batch, accumulation, learning rate, rank, length):
  smoke     10  1  1  1e-4   8   512
  light     50  2  2  5e-5  16  1024
  standard 200  4  4  2e-5  16  2048
  deep     500  4  4  1e-5  32  2048
Exit status: 0 done, 3 refused (no consent, too soon), 4 no data or no model, 5 another run, 6 it failed.
"""

from dataclasses import asdict

from fae_training.calls import calling
from fae_training.calls.calling import Call, Result
from fae_training.judgement import parts
from fae_training.judgement.benchmark import GOAL, Benchmark
from fae_training.language import preflight
from fae_training.lifecycle import launch, provenance, results
from fae_training.lifecycle.kinds import KINDS
from fae_training.lifecycle.launch import Training
from fae_training.lifecycle.preflight import Preflight, Preview

KIND = KINDS["sft"]
EXPORT = "uv run scripts/export_data.py"
VALIDATIONS = 5


def main(call: Call) -> Result:
    if call.arguments.fetch:
        return preflight.fetch(call, KIND)
    return launch.main(call, Training(KIND, prepare, train, score, verify, preview))


def prepare(call: Call, settings, run) -> Preflight:
    """Check the requirements for starting or resuming a run."""
    preflight.fast_settings(settings["fast"])
    data = provenance.check(call.home, KIND.name, EXPORT, not call.arguments.dry_run, run)
    if data.rows["train"] < settings["batch_size"]:
        answers = provenance.answers(provenance.rows_of(run) if run else call.home.file("data"))
        data = data.noting(*provenance.batch_note(answers, settings))
    model = preflight.find_model(call, settings["model"], KIND.script)
    return Preflight(settings, data, model, prompts=preflight.prompts_version(call.home, settings))


def train(run, session) -> results.Trained:
    """The worker's task: load, train, save, and report the settings really applied."""
    # Setup
    settings, cache = run.settings, run.home.directory("cache")
    with session.stage("loading"):
        from fae_training.language import (
            fast_path,
            gated_delta_patch,
            losses,
            memory,
            mlx_tune_repairs,
            rehearsed,
            rows,
            validation_set,
        )
        from fae_training.language.batches import Batches
        from fae_training.language.supervised_loss import language_loss

        model, tokenizer = mlx_tune_repairs.load_model(
            run.record["model"]["directory"],
            settings["rank"],
            settings["lora_scale"],
            settings["experts"],
            settings["seed"],
            session.advance,
        )
        fast, notes = fast_path.enable(
            model.model, preflight.fast_settings(settings["fast"]), cache
        )
    data = provenance.rows_of(run) / "sft"
    with session.stage("tokenising"):
        encoded, encoded_valid = (
            rows.encode_file(
                tokenizer, data / f"{side}.jsonl", settings["max_length"], cache, session.advance
            )
            for side in ("train", "valid")
        )
    notes += provenance.settle(run, encoded, encoded_valid, EXPORT)
    training = encoded.rows
    held_out = parts.divided(encoded_valid.rows, lambda row: row.part)
    # The adapter has no effect before the first step, so these are the base model's answers.
    with session.stage("rehearsing"):
        rehearsal = rehearsed.rehearse(run, model.model, tokenizer, session)
    cut = rows.cut_report(training, settings["max_length"])
    longest = max(len(row.tokens) for row in (*training, *rehearsal.rows))
    settings, fast, planned = memory.fit_to_machine(
        run.record["model"]["directory"], settings, longest, fast
    )
    notes += filter(None, [planned.get("note"), cut.sentence(), rehearsal.sentence()])
    session.machines.load(settings, fast)

    # Train
    batches = rehearsed.MixedBatches(
        Batches(
            training, settings["batch_size"], settings["seed"], fast.shared_prefix, fast.by_length
        ),
        rehearsal,
        settings["seed"],
    )
    fewest = validation_set.choose(held_out.choose, 0, validation_set.FEWEST_VALIDATED)
    validation_plan = validation_set.plan_validation(
        batches,
        settings["steps"],
        settings["gradient_accumulation"],
        VALIDATIONS,
        validation_set.tokens_of(fewest),
        longest * batches.batch_size,
    )
    validated = validation_set.choose(
        held_out.choose, validation_plan.validating_tokens, len(fewest)
    )

    def validate(step: int) -> dict:
        loss = losses.validation_loss(
            model.model, validated, fast, validation_plan.batch_tokens, session
        )
        return {"val_loss": loss}

    trainer = mlx_tune_repairs.RepairedSFTTrainer(
        model,
        tokenizer,
        settings,
        batches,
        lambda model, batch: language_loss(model, batch, fast),
        validate if validated else None,
        validation_plan,
        run,
        session,
    )
    trainer.train()

    # The applied settings, read back from the objects
    result = trainer.result
    applied = result.applied | mlx_tune_repairs.trainer_receipt(trainer)
    applied |= {
        "batch_size": batches.batch_size,
        "warmup_steps": trainer.fit_settings.warmup_steps,
        "schedule": trainer.fit_settings.schedule,
        "max_length": longest,
        "planned": planned,
        "lora": mlx_tune_repairs.lora_receipt(model),
        "fast": fast.as_dict() | {"gated_delta_calls": gated_delta_patch.calls()},
        "rows": {
            "train": len(training),
            "choose": len(held_out.choose),
            "judge": len(held_out.judge),
            "validated": len(validated),
        },
        "rehearsal": rehearsal.receipt(),
        "looks": asdict(validation_plan),
        "cut": asdict(cut),
    }
    return results.Trained(
        results.receipt(run, result, applied, notes),
        lambda: score(run, session, (model.model, tokenizer)),
    )


def score(run, session, loaded=None) -> Benchmark:
    """Score candidate, current and base model on the judge part; `loaded` is the trained model in memory."""
    from fae_training.language import (
        capability_probe,
        conversation_probe,
        memorisation_probe,
        repetition_probe,
        scoring,
    )

    return scoring.score(
        run,
        session,
        lambda tokenizer: [
            conversation_probe.Conversations(run, tokenizer, session.check, GOAL, share=0.6),
            memorisation_probe.Memorisation(run, tokenizer, session.check, share=0.2),
            repetition_probe.Repetition(run, tokenizer, share=0.2),
            capability_probe.Capabilities(run, tokenizer),
        ],
        loaded,
    )


def verify(run, session) -> results.Verification:
    from fae_training.language import scoring

    return scoring.verify(run, session)


def preview(home, place, found: Preflight, rows: int) -> Preview:
    """A plan's token counts, time and memory, and `rows` rows as tokens."""
    from fae_training.language import preview

    return preview.of(home, place, KIND.name, found, rows)


def build_parser() -> calling.Parser:
    return launch.build_parser(__doc__, KIND)


if __name__ == "__main__":
    calling.run(main, build_parser())
