"""Fixes for the defects of mlx-tune's SFT, each with a name, so that an upstream fix can replace it.

Used from mlx-tune: FastLanguageModel loads the model and adds LoRA; SFTConfig holds the settings;
SFTTrainer checks them and starts the training. Our own: the loop (fit.fit), batches, loss,
validation, checkpoints and saving of the adapter.

Defects measured in mlx-tune 0.6.0; tests/test_mlx_tune_repairs.py shows each one on the stock trainer:

accumulation      gradient_accumulation_steps is stored and never used
warm_up           warmup_steps is stored and never used
seed              seed and random_state are ignored: two runs give two adapters
schedule          an unknown lr_scheduler_type silently becomes cosine
turns             only the last assistant turn of a conversation is trained
thinking          the prompt is rendered with thinking enabled, which Fae's runtime never uses
pad_target        the first padding token after the end token is trained ("!")
over_long         a prompt as long as max_seq_length gives 0/0: a NaN adapter and status "success"
unfreezing        loading an adapter to continue training makes the whole base model trainable
fallback          any error starts another trainer, as a subprocess, with different settings
validation        without eval_dataset it validates on the training set
best_checkpoint   the last step is kept, not the best
progress          no callback, no metrics; nothing is returned
clear_text        conversations are copied to the output directory, readable by all users
linear_attention  the default modules omit all linear-attention projections
small_data        fewer rows than one batch triggers the fallback
"""

from collections.abc import Callable
from pathlib import Path

import mlx.core as mx
from mlx_lm.tuner.lora import LoRALinear, LoRASwitchLinear
from mlx_tune.model import FastLanguageModel
from mlx_tune.sft_trainer import SFTConfig, SFTTrainer

from fae_training.calls.errors import Failed
from fae_training.environment.models import loadable
from fae_training.fitting import spikes
from fae_training.fitting.fit import fit
from fae_training.fitting.fit_settings import FitResult, FitSettings
from fae_training.language import adapters, loading
from fae_training.language.batches import Batches
from fae_training.language.rehearsed import MixedBatches
from fae_training.language.rows import TokenRow
from fae_training.language.validation_set import ValidationPlan
from fae_training.lifecycle import runs
from fae_training.lifecycle.runs import Run
from fae_training.lifecycle.session import Session

# A crashed run loses at most a fifth of its steps.
CHECKPOINTS = 5


def load_model(
    directory: Path,
    rank: int,
    scale: float,
    experts: bool,
    seed: int,
    advance: Callable[[int, int], None] = lambda read, total: None,
    adapter: Path | None = None,
):
    """(mlx-tune's model with LoRA applied, tokenizer), with only the adapter trainable.

    advance(megabytes read, total) is called while the weights are read and may raise to end the
    work.

    linear_attention: the modules are named one by one. seed: set here, right before the adapter is
    created. unfreezing: an earlier adapter's weights are loaded into the applied LoRA, the base
    stays frozen. Raises Failed with mlx-lm's message when it cannot load the model.
    """
    try:
        model, tokenizer = FastLanguageModel.from_pretrained(loadable(directory), lazy=True)
    except RuntimeError as problem:
        # mlx-tune wraps any error in its own advice, which does not apply here.
        cause = problem.__cause__ or problem
        raise Failed(
            "model_not_loaded",
            f"mlx-lm cannot load {directory}: {type(cause).__name__}: {str(cause)[:300]}",
            "fetch the model again, or choose another --model",
        ) from problem
    loading.read_weights(model.model, advance)
    keys = adapters.adapter_keys(model.model, experts)
    FastLanguageModel.get_peft_model(
        model, r=rank, lora_alpha=rank * scale, target_modules=keys, random_state=seed
    )
    mx.random.seed(seed)
    model._apply_lora()
    if adapter:
        adapters.load_weights(model.model, adapter)
    return model, tokenizer


def sft_config(settings: dict, run_directory: Path) -> SFTConfig:
    """The fields that mlx-tune's class reads when it is created; fit.fit takes its own from the settings."""
    return SFTConfig(
        output_dir=str(run_directory),
        per_device_train_batch_size=settings["batch_size"],
        gradient_accumulation_steps=settings["gradient_accumulation"],
        learning_rate=settings["learning_rate"],
        max_steps=settings["steps"],
        max_seq_length=settings["max_length"],
    )


class RepairedSFTTrainer(SFTTrainer):
    """mlx-tune's SFTTrainer with our loop; train() returns mlx-tune's answer, `result` what fit.fit returned.

    loss and validate are those of fit.fit, validate None when nothing is held out.
    """

    def __init__(
        self,
        model,
        tokenizer,
        settings: dict,
        batches: Batches[TokenRow] | MixedBatches,
        loss: Callable,
        validate: Callable | None,
        validation_plan: ValidationPlan,
        run: Run,
        session: Session,
    ):
        config = sft_config(settings, run.directory)
        super().__init__(model=model, tokenizer=tokenizer, train_dataset=batches.rows, args=config)
        self.batches, self.loss, self.validate = batches, loss, validate
        self.run, self.session = run, session
        self.result: FitResult  # of train()
        # accumulation, warm_up, seed, schedule, progress.
        self.fit_settings = FitSettings.of(
            settings,
            report_every=1,
            validate_every=validation_plan.validate_every,
            save_every=max(1, settings["steps"] // CHECKPOINTS),
            scoring=validation_plan.scoring_in_validations,
            profile=run.record.get("profile", False),
        )

    def _prepare_training_data(self) -> str:
        """clear_text, turns, thinking, over_long: rows are token ids already (rows.py); nothing is written."""
        raise Failed(
            "clear_text",
            "mlx-tune asked for its own copy of the conversations",
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
        """validation, best_checkpoint, pad_target, small_data: handled by fit, the batches and the loss."""
        spikes.keep(self.run, self.batches, self.fit_settings)
        self.result = fit(
            self.model.model,
            self.fit_settings,
            self.loss,
            self.batches,
            self.validate,
            self.run,
            self.session,
            self.session.machines,
        )
        return saved(self)


def saved(trainer) -> dict:
    """Save the best parameters of a trainer's result in mlx-tune's place for the adapter; returns
    mlx-tune's answer.

    swallowed_saving: raises when saving fails.
    """
    model, lora = trainer.model, trainer.model.lora_config
    directory = Path(trainer.adapter_path).with_name(runs.saves_to(trainer.result.stopped))
    adapters.save(
        directory,
        trainer.result.best_parameters,
        lora["r"],
        lora["lora_alpha"] / lora["r"],
        lora["lora_dropout"],
        model._resolved_lora_keys,
        len(model.model.layers),
        trainer.run.record["model"]["id"],
    )
    return {"status": "success", "adapter_path": str(directory)}


def trainer_receipt(trainer) -> dict:
    """{"trainer", "extends", "loop"}: the class that ran, its mlx-tune base class, and the function
    that trained."""
    own, library = type(trainer).__mro__[:2]
    named = {"trainer": own, "extends": library, "loop": fit}
    return {name: f"{what.__module__}.{what.__qualname__}" for name, what in named.items()}


def lora_receipt(model) -> dict:
    """The adapted modules and their settings, read back from an mlx-tune model."""
    found = [
        (name, module)
        for name, module in model.model.named_modules()
        if isinstance(module, LoRALinear | LoRASwitchLinear)
    ]
    return {
        "modules": len(found),
        "linear_attention_modules": sum(".linear_attn." in name for name, _ in found),
        "rank": sorted({module.lora_a.shape[-1] for _, module in found}),
        "scale": sorted({module.scale for _, module in found}),
    }
