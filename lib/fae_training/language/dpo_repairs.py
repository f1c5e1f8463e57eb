"""mlx-tune's DPO with its defects put right, each by name, so that a fix upstream can retire it.

What is wrong in mlx-tune 0.6.0, measured; tests/test_dpo_repairs.py shows each one on the stock trainer:

leaking_state     at batch 1 the rejected answer goes on from the recurrent state that the chosen one left
bf16_sums         log-probabilities are summed in bf16, in steps of a whole nat above 128
chat_messages     prompts of messages are a TypeError; no template and no end token is ever added
missing_sides     a row without a side is dropped without a word; without any row: ZeroDivisionError
over_long         a long prompt is cut at its end, and the answer with it: chosen and rejected become equal
accumulation      gradient_accumulation_steps is stored and never used
warm_up           warmup_steps is stored and never used
schedule          lr_scheduler_type is never read: always cosine
seed              seed is never read: two runs, two adapters
shuffling         pairs come in the order of the file, always
loss_type         every loss_type is the sigmoid loss
odds_ratio        ORPO's odds are taken from sums and without 1 - P
reference_rows    the reference is measured for every row, however few steps there are, and not kept
reference_mode    the reference is measured in evaluation mode, the policy in training mode
validation        eval_dataset is swallowed
progress          no margin, no accuracy; nothing is returned
swallowed_saving  an adapter that could not be saved is a status "success"
unknown_settings  a misspelt setting is stored and ignored
not_finite        a NaN loss goes on to the end and is saved
fallback          a missing import starts SFT on the chosen answers instead
"""

from __future__ import annotations

from fae_training.errors import Failed
from fae_training.fit import fit
from fae_training.fit_progress import FitResult, FitSettings
from fae_training.language import adapters, preference_reference, preference_scoring, validation_set
from fae_training.language.drift import Drift
from fae_training.language.fast_path import FastSettings
from fae_training.language.preference_batches import Pair, PreferenceBatches, loss_function
from fae_training.language.preference_loss import Objective
from fae_training.language.preference_watch import Watch

# Ten looks at a run: preferences are learned, and overdone, within a few dozen steps.
VALIDATIONS = 10


def dpo_config(settings: dict, run_directory):
    """DPOConfig from our settings."""
    from mlx_tune import DPOConfig

    return DPOConfig(
        output_dir=str(run_directory),
        beta=settings["beta"],
        loss_type=settings["loss"],
        label_smoothing=settings["label_smoothing"],
        learning_rate=settings["learning_rate"],
        per_device_train_batch_size=settings["batch_size"],
        gradient_accumulation_steps=settings["gradient_accumulation"],
        max_steps=settings["steps"],
        warmup_steps=round(settings["warmup_ratio"] * settings["steps"]),
        max_seq_length=settings["max_length"],
        # DPOConfig keeps what it does not know; the repaired trainer reads these.
        lr_scheduler_type=settings["schedule"],
        weight_decay=settings["weight_decay"],
        seed=settings["seed"],
        guard=settings["guard"],
        guard_weight=settings["guard_weight"],
        max_gradient_norm=settings["max_gradient_norm"],
    )


def dpo_trainer(
    model,
    tokenizer,
    config,
    pairs: list[Pair],
    held_out: list[Pair],
    longest: int,
    fast: FastSettings,
    run,
    session,
):
    """An mlx-tune DPOTrainer whose loop is ours (fit.fit); .train() returns mlx-tune's answer, .result has the rest.

    `model` is mlx-tune's, with the adapter applied that the run starts from: as it is now, it is the reference.
    longest: tokens of the longest row, for which memory was planned.
    """
    from mlx_tune import DPOTrainer

    class RepairedDPOTrainer(DPOTrainer):
        result: FitResult | None = None
        watch: Watch | None = None
        looks: validation_set.Looks | None = None

        def _tokenize_preference_pair(self, sample):
            """chat_messages, missing_sides, over_long: pairs are token ids already (preference_batches)."""
            raise Failed("tokenized", "mlx-tune asked for pairs of plain text", "report this")

        def _train_subprocess(self):
            """fallback: an error is an error."""
            raise Failed("no_fallback", "mlx-tune's own loop was asked for", "report this")

        def objective(self) -> Objective:
            """loss_type, odds_ratio: one that is not known is an error."""
            return Objective(
                self.loss_type,
                self.beta,
                self.label_smoothing,
                self.config.guard,
                self.config.guard_weight,
            )

        def fit_settings(self) -> FitSettings:
            """accumulation, warm_up, schedule, seed: from the config's fields, which the stock loop never reads."""
            return FitSettings(
                steps=self.iters,
                learning_rate=self.learning_rate,
                gradient_accumulation=self.gradient_accumulation_steps,
                warmup_steps=self.warmup_steps,
                schedule=self.config.lr_scheduler_type,
                weight_decay=self.config.weight_decay,
                seed=self.config.seed,
                report_every=1,
                validate_every=self.looks.validate_every,
                save_every=max(1, self.iters // VALIDATIONS),
                max_gradient_norm=self.config.max_gradient_norm,
                best_metric="val_judged_loss",
                stop_when=lambda values: self.watch.look(values),
                scoring=self.looks.scoring_in_validations,
            )

        def _train_native(self) -> dict:
            """leaking_state, bf16_sums, shuffling, validation, progress, not_finite: batches, loss and fit."""
            inner, objective = self.model.model, self.objective()
            self.batches = PreferenceBatches(pairs, self.batch_size, self.config.seed, fast)
            micro_batches = self.iters * self.gradient_accumulation_steps
            fewest = preference_scoring.choose(held_out, 0, validation_set.FEWEST_VALIDATED)
            self.looks = validation_set.plan_looks(
                self.batches,
                self.iters,
                self.gradient_accumulation_steps,
                VALIDATIONS,
                2 * sum(pair.computed_tokens for pair in fewest),
                longest * 2 * self.batches.batch_size,
            )
            # Half of what a look may compute is for preferences, a quarter each for conversations and answers.
            part = self.looks.validating_tokens // 4
            validated = preference_scoring.choose(held_out, 2 * part, len(fewest))
            validation = preference_scoring.in_batches(validated, self.looks.batch_tokens)
            with session.stage("measuring the reference"):
                reference = self._reference(inner, objective, micro_batches, validation)
            self.batches.reference = reference
            with session.stage("validating"):
                drift = Drift(inner, self.tokenizer, validated, run, fast, self.looks, session)
                drift.begin(len(drift.probed))
                start = drift.measure(0)
            self.watch = Watch(
                start.get("val_answer_tokens"),
                preference_scoring.mean_chosen_tokens(validated) if validated else None,
                start.get("val_conversation_loss"),
            )

            def validate(step: int) -> dict:
                # Before the first step the conversations are measured already.
                drift.begin(len(validated) + (len(drift.probed) if step else 0))
                values = preference_scoring.validation_values(
                    inner, validation, reference, objective, fast, drift.finished
                )
                values |= drift.measure(step // self.looks.validate_every) if step else start
                return values | {"val_judged_loss": self.watch.judged_loss(values)}

            self.result = fit(
                inner,
                self.fit_settings(),
                loss_function(objective, fast),
                self.batches,
                validate if validated else None,
                run,
                session,
            )
            self._save_adapters(self.result.best_step)
            return {"status": "success", "adapter_path": str(self.adapter_path)}

        def _reference(self, inner, objective, micro_batches, validation) -> dict | None:
            """reference_rows, reference_mode: what this run reads, kept in its directory."""
            if not objective.needs_reference:
                return None
            return preference_reference.measure(
                inner,
                self.batches.first(micro_batches) + validation,
                run.file("reference.json"),
                f"{run.record['model_fingerprint']} {run.record['start']['fingerprint']}",
                fast,
                session.advance,
            )

        def _save_adapters(self, step: int) -> None:
            """swallowed_saving: what cannot be saved raises."""
            lora = self.model.lora_config
            adapters.save(
                self.adapter_path,
                self.result.best_parameters,
                lora["r"],
                lora["lora_alpha"] / lora["r"],
                lora["lora_dropout"],
                self.model._resolved_lora_keys,
                len(self.model.model.layers),
                run.record["model"]["id"],
            )

    return RepairedDPOTrainer(model=model, tokenizer=tokenizer, train_dataset=pairs, args=config)
