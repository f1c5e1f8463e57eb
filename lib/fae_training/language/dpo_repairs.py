"""Fixes for the defects of mlx-tune's DPO, each with a name, so that an upstream fix can replace it.

Used from mlx-tune: DPOConfig holds the settings; DPOTrainer checks them and starts the training; the
model and its LoRA are loaded as for SFT (mlx_tune_repairs.py). Our own: the loop (fit.fit), batches,
loss, reference, validation, checkpoints and saving of the adapter.

Defects measured in mlx-tune 0.6.0; tests/test_dpo_repairs.py shows each one on the stock trainer:

leaking_state     at batch 1 the rejected answer starts from the recurrent state that the chosen one left
bf16_sums         log-probabilities are summed in bf16, whose steps above 128 are a whole nat
chat_messages     prompts given as messages raise a TypeError; no template and no end token is ever added
missing_sides     a row with a missing side is dropped silently; with no rows left: ZeroDivisionError
over_long         a long prompt is truncated at its end, answer included: chosen and rejected become equal
accumulation      gradient_accumulation_steps is stored and never used
warm_up           warmup_steps is stored and never used
schedule          lr_scheduler_type is never read: always cosine
seed              seed is never read: two runs give two adapters
shuffling         pairs are always in the order of the file
loss_type         every loss_type is the sigmoid loss
odds_ratio        ORPO's odds are taken from sums and without 1 - P
reference_rows    the reference is measured for every row, even for a few steps, and not kept
reference_mode    the reference is measured in evaluation mode, the policy in training mode
validation        eval_dataset is ignored
progress          no margin or accuracy is reported; nothing is returned
swallowed_saving  failing to save the adapter still returns status "success"
unknown_settings  a misspelt setting is stored and ignored
not_finite        training continues with a NaN loss and saves the result
fallback          a missing import silently starts SFT on the chosen answers instead
"""

from pathlib import Path

from mlx_tune.rl_trainers import DPOConfig, DPOTrainer

from fae_training.calls.errors import Failed
from fae_training.fitting import spikes
from fae_training.fitting.fit import fit
from fae_training.fitting.fit_settings import FitResult, FitSettings
from fae_training.language import (
    losses,
    mlx_tune_repairs,
    preference_reference,
    preference_validation,
    validation_set,
)
from fae_training.language.drift_monitor import DriftMonitor
from fae_training.language.fast_settings import FastSettings
from fae_training.language.objective import Objective
from fae_training.language.preference_batches import Pair, PreferenceBatches, loss_function
from fae_training.language.validation_set import ValidationPlan
from fae_training.lifecycle.runs import Run
from fae_training.lifecycle.session import Session

# Checkpoints per run: preferences are learned, and overdone, within a few dozen steps.
VALIDATIONS = 10


def dpo_config(settings: dict, run_directory: Path) -> DPOConfig:
    """The fields that mlx-tune's class reads when it is created; fit.fit takes its own from the settings."""
    return DPOConfig(
        output_dir=str(run_directory),
        beta=settings["beta"],
        loss_type=settings["loss"],
        label_smoothing=settings["label_smoothing"],
        learning_rate=settings["learning_rate"],
        per_device_train_batch_size=settings["batch_size"],
        gradient_accumulation_steps=settings["gradient_accumulation"],
        max_steps=settings["steps"],
        max_seq_length=settings["max_length"],
    )


class RepairedDPOTrainer(DPOTrainer):
    """mlx-tune's DPOTrainer with our loop; train() returns mlx-tune's answer, `result` what fit.fit returned.

    model: mlx-tune's, with the adapter that the run starts from; in this state it is the reference.
    longest: tokens of the longest row, for which memory was planned. batches, validation_plan and monitor are
    set once it trains.
    """

    def __init__(
        self,
        model,
        tokenizer,
        settings: dict,
        pairs: list[Pair],
        held_out: list[Pair],
        longest: int,
        fast: FastSettings,
        run: Run,
        session: Session,
    ):
        # loss_type, odds_ratio: an unknown loss is an error.
        self.objective = Objective.of(settings)
        config = dpo_config(settings, run.directory)
        super().__init__(model=model, tokenizer=tokenizer, train_dataset=pairs, args=config)
        self.settings, self.held_out, self.longest = settings, held_out, longest
        self.fast, self.run, self.session = fast, run, session
        self.result: FitResult  # of train()

    def _tokenize_preference_pair(self, sample):
        """chat_messages, missing_sides, over_long: pairs are token ids already (preference_batches)."""
        raise Failed(
            "tokenized",
            "mlx-tune asked for pairs of plain text",
            "this is a bug in the skill; please report it",
        )

    def _train_subprocess(self):
        """fallback: an error is an error."""
        raise Failed(
            "no_fallback",
            "mlx-tune's own loop was asked for",
            "this is a bug in the skill; please report it",
        )

    def _train_native(self) -> dict:
        """leaking_state, bf16_sums, shuffling, validation, progress, not_finite: batches, loss and fit."""
        model = self.model.model
        self.batches = PreferenceBatches(
            self.train_dataset, self.settings["batch_size"], self.settings["seed"], self.fast
        )
        self.validation_plan = self._plan_validation()
        # Half of a validation's computing is for preferences, a quarter each for conversations and answers.
        half = self.validation_plan.validating_tokens // 4 * 2
        validated = preference_validation.choose(
            self.held_out, half, validation_set.FEWEST_VALIDATED
        )
        self.validation = preference_validation.in_batches(
            validated, self.validation_plan.batch_tokens
        )
        self.batches.reference = self._measure_reference()
        self.monitor = self._start_monitor(validated)
        self.fit_settings = self._fit_settings()
        spikes.keep(self.run, self.batches, self.fit_settings)
        self.result = fit(
            model,
            self.fit_settings,
            loss_function(self.objective, self.fast),
            self.batches,
            self._validate if validated else None,
            self.run,
            self.session,
            self.session.machines,
        )
        return mlx_tune_repairs.saved(self)

    def _plan_validation(self) -> ValidationPlan:
        fewest = preference_validation.choose(self.held_out, 0, validation_set.FEWEST_VALIDATED)
        return validation_set.plan_validation(
            self.batches,
            self.settings["steps"],
            self.settings["gradient_accumulation"],
            VALIDATIONS,
            2 * sum(pair.computed_tokens for pair in fewest),
            self.longest * 2 * self.batches.batch_size,
        )

    def _measure_reference(self) -> dict | None:
        """reference_rows, reference_mode: for the pairs that this run reads, kept in its directory."""
        if not self.objective.needs_reference:
            return None
        micro_batches = self.settings["steps"] * self.settings["gradient_accumulation"]
        with self.session.stage("measuring the reference"):
            return preference_reference.measure(
                self.model.model,
                self.batches.first(micro_batches) + self.validation,
                self.run.file("reference.json"),
                f"{self.run.record['model_fingerprint']} {self.run.record['start']['fingerprint']}",
                self.fast,
                self.session.advance,
            )

    def _start_monitor(self, validated: list[Pair]) -> DriftMonitor:
        """Drift is measured against the model before its first step."""
        with self.session.stage("validating"):
            monitor = DriftMonitor.of(
                self.model.model,
                self.tokenizer,
                validated,
                self.run,
                self.fast,
                self.validation_plan,
                self.session,
            )
            monitor.begin(losses.counting(self.session, monitor.conversations))
        return monitor

    def _fit_settings(self) -> FitSettings:
        """accumulation, warm_up, schedule, seed."""
        return FitSettings.of(
            self.settings,
            report_every=1,
            validate_every=self.validation_plan.validate_every,
            save_every=max(1, self.settings["steps"] // VALIDATIONS),
            best_metric="val_judged_loss",
            stop_when=self.monitor.ends,
            scoring=self.validation_plan.scoring_in_validations,
            profile=self.run.record.get("profile", False),
        )

    def _validate(self, step: int) -> dict:
        """Values of a validation after `step` steps: the preferences, and the monitor's
        measurements of drift."""
        pairs = sum(len(batch) for batch in self.validation)
        # Drift has already been measured before the first step.
        items = pairs + (self.monitor.conversations if step else 0)
        finished = losses.counting(self.session, items)
        values = preference_validation.validation_values(
            self.model.model,
            self.validation,
            self.batches.reference,
            self.objective,
            self.fast,
            finished,
        )
        number = step // self.validation_plan.validate_every
        values |= self.monitor.measure(number, finished) if step else self.monitor.start
        return values | {"val_judged_loss": self.monitor.judged_loss(values)}
