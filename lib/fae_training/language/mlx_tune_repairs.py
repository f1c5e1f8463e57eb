"""mlx-tune's SFT with its defects put right, each by name, so that a fix upstream can retire it.

What is wrong in mlx-tune 0.6.0, measured; tests/test_mlx_tune_repairs.py shows each one on the stock trainer:

accumulation      gradient_accumulation_steps is stored and never used
warm_up           warmup_steps is stored and never used
seed              seed and random_state are ignored: two runs, two adapters
schedule          an unknown lr_scheduler_type silently becomes cosine
turns             only the last assistant turn of a conversation is trained
thinking          the prompt is rendered with thinking on, which Fae's runtime never uses
pad_target        the first padding token after the end token is trained ("!")
over_long         a prompt as long as max_seq_length gives 0/0: a NaN adapter and status "success"
unfreezing        an adapter that is loaded to go on leaves the whole base model trainable
fallback          any error starts another trainer, as a subprocess, with other settings
validation        without eval_dataset the training set is validated on
best_checkpoint   the last step is kept, not the best
progress          no callback, no metrics; nothing is returned
clear_text        conversations are written again to the output directory, readable by all
linear_attention  the default modules leave out all linear-attention projections
small_data        fewer rows than a batch ends in the fallback
"""

from collections.abc import Callable
from pathlib import Path

from fae_training.errors import Failed
from fae_training.fit import fit
from fae_training.fit_progress import FitResult, FitSettings
from fae_training.language import adapters, loading
from fae_training.language.validation_set import Looks
from fae_training.models import loadable

# A run that dies loses at most a fifth of its steps.
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
    """(mlx-tune's model with LoRA applied, tokenizer), nothing but the adapter trainable.

    advance(megabytes read, of all) is called while the weights are read and may raise to end the work.

    linear_attention: the modules are named one by one. seed: set here, right before the adapter is made.
    unfreezing: an earlier adapter's weights go into the applied LoRA, the base stays frozen. Raises Failed with what
    mlx-lm says when it cannot load the model.
    """
    import mlx.core as mx
    from mlx_tune import FastLanguageModel

    try:
        model, tokenizer = FastLanguageModel.from_pretrained(loadable(directory), lazy=True)
    except RuntimeError as problem:
        # mlx-tune's words about any error, with advice that does not hold here.
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
        adapters.put(model.model, adapter)
    return model, tokenizer


def sft_config(settings: dict, run_directory: Path):
    """SFTConfig from our settings."""
    from mlx_tune import SFTConfig

    return SFTConfig(
        output_dir=str(run_directory),
        per_device_train_batch_size=settings["batch_size"],
        gradient_accumulation_steps=settings["gradient_accumulation"],
        learning_rate=settings["learning_rate"],
        lr_scheduler_type=settings["schedule"],
        warmup_steps=round(settings["warmup_ratio"] * settings["steps"]),
        weight_decay=settings["weight_decay"],
        max_steps=settings["steps"],
        max_seq_length=settings["max_length"],
        seed=settings["seed"],
    )


def sft_trainer(
    model,
    tokenizer,
    config,
    batches,
    loss,
    validate,
    looks: Looks,
    settings: dict,
    run,
    session,
):
    """An mlx-tune SFTTrainer whose loop is ours (fit.fit); .train() returns mlx-tune's answer, .result has the rest."""
    from mlx_tune import SFTTrainer

    class RepairedSFTTrainer(SFTTrainer):
        result: FitResult | None = None

        def _prepare_training_data(self) -> str:
            """clear_text, turns, thinking, over_long: rows are token ids already (rows.py); nothing is written."""
            raise Failed(
                "clear_text", "mlx-tune asked for its own copy of the conversations", "report this"
            )

        def _train_subprocess(self):
            """fallback: an error is an error."""
            raise Failed("no_fallback", "mlx-tune's own loop was asked for", "report this")

        def fit_settings(self) -> FitSettings:
            """accumulation, warm_up, seed, schedule, progress: from the config's own fields, which the stock loop never reads."""
            return FitSettings(
                steps=self.iters,
                learning_rate=self.learning_rate,
                gradient_accumulation=self.gradient_accumulation_steps,
                warmup_steps=self.warmup_steps,
                schedule=self.lr_scheduler_type,
                weight_decay=self.weight_decay,
                seed=self.args.seed,
                report_every=1,
                validate_every=looks.validate_every,
                save_every=max(1, self.iters // CHECKPOINTS),
                max_gradient_norm=settings["max_gradient_norm"],
                scoring=looks.scoring_in_validations,
            )

        def _train_native(self) -> dict:
            """validation, best_checkpoint, pad_target, small_data: what fit, the batches and the loss do."""
            self.result = fit(
                self.model.model, self.fit_settings(), loss, batches, validate, run, session
            )
            keys = self.model._resolved_lora_keys
            config = self.model.lora_config
            adapters.save(
                self.adapter_path,
                self.result.best_parameters,
                config["r"],
                config["lora_alpha"] / config["r"],
                config["lora_dropout"],
                keys,
                len(self.model.model.layers),
                run.record["model"]["id"],
            )
            return {"status": "success", "adapter_path": str(self.adapter_path)}

    return RepairedSFTTrainer(
        model=model, tokenizer=tokenizer, train_dataset=batches.rows, args=config
    )


def lora_receipt(model) -> dict:
    """What was adapted, read back from the modules of an mlx-tune model."""
    from mlx_lm.tuner.lora import LoRALinear, LoRASwitchLinear

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
