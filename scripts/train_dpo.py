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
"""Teach the language model which of two answers its user preferred (DPO), from the extracted corrections.

    uv run scripts/train_dpo.py --preset light
    uv run scripts/train_dpo.py --preset standard --from base --loss ipo
    uv run scripts/train_dpo.py --resume latest

Reads data/dpo/ and, to check that nothing is forgotten, data/sft/valid.jsonl; writes runs/<run>/: run.json,
metrics.jsonl, train.log, reference.json, adapters/, train_metrics.json. It starts from the deployed adapter (--from
current), so the new one contains both. At a terminal it shows progress; Ctrl-C stops it and keeps the best checkpoint.
Called by Fae, or with --detach, it answers at once.
Presets (steps, batch, accumulation, learning rate, rank, length):
  smoke     10  1  1  1e-5   8   512
  light     50  2  2  1e-5  16  1024
  standard 100  2  2  5e-6  16  2048
Exit status: 0 done, 3 refused (no consent, too soon), 4 no corrections or no model, 5 another run, 6 it failed.
"""

from dataclasses import asdict

from fae_training.calls import calling
from fae_training.calls.calling import Call, Result
from fae_training.judgement import parts
from fae_training.judgement.benchmark import GUARD, Benchmark
from fae_training.language import preference_preflight, preflight
from fae_training.language.objective import Objective
from fae_training.lifecycle import launch, provenance, results
from fae_training.lifecycle.kinds import KINDS
from fae_training.lifecycle.launch import Training
from fae_training.lifecycle.preflight import Preflight, Preview

KIND = KINDS["dpo"]


def main(call: Call) -> Result:
    if call.arguments.fetch:
        return preflight.fetch(call, KIND)
    return launch.main(call, Training(KIND, prepare, train, score, verify, preview))


def prepare(call: Call, settings, run) -> Preflight:
    """Check the requirements for starting or resuming a run."""
    preflight.fast_settings(settings["fast"])
    settings = preference_preflight.completed(settings)
    Objective.of(settings)
    data = preference_preflight.check(call.home, not call.arguments.dry_run, run)
    data = data.noting(*provenance.batch_note(data.rows["train"], settings))
    model = preflight.find_model(call, settings["model"], KIND.script)
    return preference_preflight.with_start(call.home, Preflight(settings, data, model))


def train(run, session) -> results.Trained:
    """The worker's task: load, train, save, and report the settings really applied."""
    # Setup
    settings, cache = run.settings, run.home.directory("cache")
    with session.stage("loading"):
        from fae_training.language import (
            dpo_repairs,
            fast_path,
            gated_delta_patch,
            memory,
            mlx_tune_repairs,
            rows,
        )
        from fae_training.language.preference_batches import encode_pairs

        model, tokenizer = mlx_tune_repairs.load_model(
            run.record["model"]["directory"],
            settings["rank"],
            settings["lora_scale"],
            settings["experts"],
            settings["seed"],
            session.advance,
            preference_preflight.start_adapter(run),
        )
        fast, notes = fast_path.enable(
            model.model, preflight.fast_settings(settings["fast"]), cache
        )
    with session.stage("tokenising"):
        *corrections, _ = preference_preflight.corrections(provenance.rows_of(run))
        encoded, encoded_valid = (
            encode_pairs(tokenizer, read, settings["max_length"], session.advance)
            for read in corrections
        )
    notes += provenance.settle(run, encoded, encoded_valid, preference_preflight.EXTRACT)
    training = encoded.pairs
    held_out = parts.divided(encoded_valid.pairs, lambda pair: pair.part)
    cut = rows.cut_report(training, settings["max_length"])
    longest = max(len(row.tokens) for pair in training for row in (pair.chosen, pair.rejected))
    settings, fast, planned = memory.fit_to_machine(
        run.record["model"]["directory"], settings, longest, fast, rows_each=2
    )
    notes += filter(None, [planned.get("note"), cut.sentence()])
    session.machines.load(settings, fast)

    # Train
    trainer = dpo_repairs.RepairedDPOTrainer(
        model,
        tokenizer,
        settings,
        training,
        held_out.choose,
        longest,
        fast,
        run,
        session,
    )
    trainer.train()

    # The applied settings, read back from the objects
    result, notes = trainer.result, notes + trainer.monitor.notes
    applied = result.applied | mlx_tune_repairs.trainer_receipt(trainer)
    applied |= {
        "objective": vars(trainer.objective),
        "started_from": run.record["start"],
        "ended_by": trainer.monitor.stopped_by,
        "batch_size": trainer.batches.batch_size,
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
        },
        "looks": asdict(trainer.validation_plan),
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
        preference_probe,
        repetition_probe,
        scoring,
    )

    # Conversations are a guard: preference training can damage the model's conversation.
    return scoring.score(
        run,
        session,
        lambda tokenizer: [
            preference_probe.Preferences(run, tokenizer, session.check, share=0.3),
            conversation_probe.Conversations(run, tokenizer, session.check, GUARD, share=0.3),
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
