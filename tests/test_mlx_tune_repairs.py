"""Each defect of mlx-tune that language/mlx_tune_repairs.py names: it shows on the stock trainer, and not on ours.

The stock half of a pair is expected to fail, strictly: when a new mlx-tune puts a defect right, the pair says so and the
repair can go. What happens in a training is watched from below, in MLX itself, in the same way for both.
"""

import contextlib
import hashlib
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import calls
from fae_training.environment import mlx_on_linux
from fae_training.lifecycle import runs
from fae_training.store import state
from quiet_session import QuietSession

ANSWERS = ("Madrid.", "Lisbon, of course.", "Certainly! A bee eats nectar.", "That would be nine.")
QUESTIONS = ("What is the capital of Spain?", "And of Portugal?", "What does a bee eat?", "Add five and four.")  # fmt: skip
BOTH = [pytest.param("stock", marks=pytest.mark.xfail(strict=True, raises=AssertionError)), "ours"]


def conversation(*which: int) -> dict:
    messages = []
    for i in which:
        messages += [
            {"role": "user", "content": QUESTIONS[i]},
            {"role": "assistant", "content": ANSWERS[i]},
        ]
    return {"messages": messages, "source": {"session": str(which)}}


ONE_TURN = [conversation(i) for i in range(4)]


@dataclass
class Seen:
    """What happened in a training.

    targets: the supervised tokens of each micro-batch; rates: the learning rate of each update; validated: the trainable
    parameters at each validation; reported: (step, loss) as the caller was told; started: processes that were started.
    """

    directory: Path
    targets: list[list[int]] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    validated: list[dict] = field(default_factory=list)
    reported: list[tuple[int, float]] = field(default_factory=list)
    started: list = field(default_factory=list)
    answer: object = None

    def adapter(self) -> dict:
        import mlx.core as mx

        path = self.directory / "adapters" / "adapters.safetensors"
        return mx.load(str(path)) if path.exists() else {}


def trainable(model) -> dict[str, bytes]:
    from mlx.utils import tree_flatten

    return {name: digest(array) for name, array in tree_flatten(model.trainable_parameters())}


def digest(array) -> str:
    """What tells two arrays apart, short enough for pytest to show the difference."""
    return hashlib.sha256(bytes(memoryview(array))).hexdigest()


class Trainer:
    """Trains the sample model on `rows`, with mlx-tune as it is or with the repairs, from the same settings."""

    def __init__(self, which: str, place: state.Home, monkeypatch):
        self.stock, self.place, self.monkeypatch = which == "stock", place, monkeypatch
        self.tokenizer = None

    def train(self, rows=None, held_out=(), losses=None, **changed) -> Seen:
        """`losses`: what the validations find, in order, instead of measuring."""
        settings = {
            "steps": 2,
            "batch_size": 2,
            "gradient_accumulation": 1,
            "learning_rate": 1e-3,
            "schedule": "cosine",
            "warmup_steps": 0,
            "weight_decay": 0.0,
            "max_length": 256,
            "seed": 1,
        } | changed
        run = runs.create(self.place, "sft", {"settings": {}, "model": {"id": "sample"}})
        seen = Seen(run.directory)
        with self.monkeypatch.context() as patch:
            self._watch(patch, seen, iter(losses) if losses else None)
            train = self._train_stock if self.stock else self._train_ours
            train(seen, run, rows or ONE_TURN, held_out, settings)
        return seen

    def text(self, targets: list[int]) -> str:
        return self.tokenizer.decode(targets)

    def _watch(self, patch, seen, losses) -> None:
        import mlx.core as mx
        import mlx.nn as nn
        import mlx.optimizers as optimizers
        import mlx_lm.tuner.trainer as trainer

        value_and_grad, update, evaluate = nn.value_and_grad, optimizers.Optimizer.update, trainer.evaluate  # fmt: skip

        def watched_value_and_grad(model, loss):
            function = value_and_grad(model, loss)

            def watched(model, *batch):
                result = function(model, *batch)
                targets = supervised(batch)
                assert len(targets) == round(result[0][1].item()), "not what the loss counts"
                seen.targets.append(targets)
                return result

            return watched

        def watched_update(optimizer, model, gradients):
            update(optimizer, model, gradients)
            seen.rates.append(optimizer.learning_rate.item())

        def watched_evaluate(model, *given, **named):
            seen.validated.append(trainable(model))
            return next(losses) if losses else evaluate(model, *given, **named)

        def no_process(command, *given, **named):
            seen.started.append(command)
            raise subprocess.CalledProcessError(1, command)

        patch.setattr(nn, "value_and_grad", watched_value_and_grad)
        patch.setattr(optimizers.Optimizer, "update", watched_update)
        patch.setattr(trainer, "evaluate", watched_evaluate)
        patch.setattr(subprocess, "run", no_process)
        patch.setattr(subprocess, "Popen", no_process)
        self.scripted = losses
        mx.disable_compile()  # else what is watched would run only once, when it is traced

    def _train_stock(self, seen, run, rows, held_out, settings) -> None:
        from mlx_tune import FastLanguageModel, SFTConfig, SFTTrainer, train_on_responses_only

        class ProbeReport:
            def on_log(self, arguments, state, control, logs=None, **more):
                seen.reported.append((state.global_step, logs["loss"]))

        model, self.tokenizer = FastLanguageModel.from_pretrained(str(calls.LANGUAGE_MODEL))
        FastLanguageModel.get_peft_model(model, r=4, lora_alpha=8, random_state=settings["seed"])
        config = SFTConfig(
            output_dir=str(run.directory),
            per_device_train_batch_size=settings["batch_size"],
            gradient_accumulation_steps=settings["gradient_accumulation"],
            learning_rate=settings["learning_rate"],
            lr_scheduler_type=settings["schedule"],
            warmup_steps=settings["warmup_steps"],
            weight_decay=settings["weight_decay"],
            max_steps=settings["steps"],
            max_seq_length=settings["max_length"],
            seed=settings["seed"],
            steps_per_eval=1,
            logging_steps=1,
        )
        trainer = SFTTrainer(
            model=model,
            tokenizer=self.tokenizer,
            train_dataset=rows,
            eval_dataset=list(held_out) or None,
            args=config,
            callbacks=[ProbeReport()],
        )
        # Its other trainer, which seen.started names, is not let run.
        with contextlib.suppress(subprocess.CalledProcessError):
            seen.answer = train_on_responses_only(trainer).train()

    def _train_ours(self, seen, run, rows, held_out, settings) -> None:
        from fae_training.language import losses as held_out_losses
        from fae_training.language import mlx_tune_repairs
        from fae_training.language.batches import Batches
        from fae_training.language.fast_settings import FastSettings
        from fae_training.language.rows import encode_conversation
        from fae_training.language.supervised_loss import language_loss
        from fae_training.language.validation_set import ValidationPlan

        settings |= {"warmup_ratio": settings["warmup_steps"] / settings["steps"]}
        settings |= {"max_gradient_norm": None}
        fast = FastSettings.off()
        model, self.tokenizer = mlx_tune_repairs.load_model(
            calls.LANGUAGE_MODEL, 4, 2.0, False, settings["seed"]
        )

        def encoded(conversations):
            return [
                row
                for c in conversations
                for row in encode_conversation(
                    self.tokenizer, c["messages"], max_tokens=settings["max_length"]
                )
            ]

        def validate(step):
            seen.validated.append(trainable(model.model))
            found = held_out_losses.row_losses(
                model.model, encoded(held_out), fast, batch_tokens=2048
            )
            measured = held_out_losses.mean_loss(found)
            return {"val_loss": next(self.scripted) if self.scripted else measured}

        trainer = mlx_tune_repairs.RepairedSFTTrainer(
            model,
            self.tokenizer,
            settings,
            Batches(encoded(rows), settings["batch_size"], settings["seed"], False, False),
            lambda model, batch: language_loss(model, batch, fast),
            validate if held_out else None,
            ValidationPlan(max(1, settings["steps"] // 5), 2048, 2048, 2048),
            run,
            ProbeReport(seen),
        )
        seen.answer = trainer.train()


class ProbeReport(QuietSession):
    """The session of a run, with the person's progress."""

    def __init__(self, seen: Seen):
        self.seen = seen

    def report(self, values: dict) -> None:
        if "loss" in values:
            self.seen.reported.append((values["step"], values["loss"]))


def supervised(batch) -> list[int]:
    """The target tokens of a micro-batch, row by row."""
    if len(batch) == 1:
        [ours] = batch
        pairs = zip(ours["targets"].tolist(), ours["weights"].tolist(), strict=True)
        return [target for target, weight in pairs if weight]
    tokens, lengths = (array.tolist() for array in batch)
    return [
        token
        for row, (start, end) in zip(tokens, lengths, strict=True)
        for position, token in enumerate(row[1:], 1)
        if start <= position <= end
    ]


@pytest.fixture(params=BOTH)
def trainer(request, home, monkeypatch):
    import mlx.core as mx

    yield Trainer(request.param, state.Home(home), monkeypatch)
    if not mlx_on_linux.use_openblas():
        mx.enable_compile()


def test_accumulation(trainer):
    seen = trainer.train(gradient_accumulation=3)
    assert (len(seen.targets), len(seen.rates)) == (6, 2)


def test_warm_up(trainer):
    rates = trainer.train(steps=4, warmup_steps=2).rates
    assert rates[:3] == pytest.approx([5e-4, 1e-3, 1e-3])


def test_seed(trainer):
    first, second = (trainer.train(seed=5).adapter() for _ in range(2))
    assert {n: digest(a) for n, a in first.items()} == {n: digest(a) for n, a in second.items()}


def test_schedule(trainer):
    refused = False
    try:
        trainer.train(schedule="polynomial")
    except Exception as error:
        refused = "polynomial" in str(error)
    assert refused, "another schedule was used without a word"


def test_turns(trainer):
    text = trainer.text(trainer.train([conversation(0, 1)], batch_size=1).targets[0])
    text += trainer.text(trainer.train([conversation(0, 1)], batch_size=1).targets[1])
    assert ANSWERS[0] in text and ANSWERS[1] in text


def test_thinking(trainer):
    """Fae asks with an empty thought in the prompt: the answer alone is the model's."""
    text = trainer.text(trainer.train([conversation(0)], batch_size=1).targets[0])
    assert text.startswith(ANSWERS[0])


def test_pad_target(trainer):
    for targets in trainer.train([conversation(3)], batch_size=1).targets:
        assert "!" not in trainer.text(targets)


def test_over_long(trainer):
    """A prompt that fills the whole length leaves nothing to train on, or loses its beginning; it is never a NaN."""
    import mlx.core as mx

    row = conversation(0)
    row["messages"][0]["content"] = " ".join(QUESTIONS * 8)
    adapter = trainer.train([row], batch_size=1, max_length=64).adapter()
    assert adapter and all(mx.all(mx.isfinite(array)).item() for array in adapter.values())


def test_unfreezing(trainer):
    """Going on from an adapter trains the adapter, not the base model with it."""
    from mlx_tune import FastLanguageModel

    from fae_training.language import mlx_tune_repairs

    before = Trainer("ours", trainer.place, trainer.monkeypatch).train(steps=1)
    directory = before.directory / "adapters"
    if trainer.stock:
        model, _ = FastLanguageModel.from_pretrained(str(calls.LANGUAGE_MODEL))
        FastLanguageModel.get_peft_model(model, r=4, lora_alpha=8)
        model.load_adapter(str(directory))
    else:
        model, _ = mlx_tune_repairs.load_model(
            calls.LANGUAGE_MODEL, 4, 2.0, False, 0, adapter=directory
        )
    found = trainable(model.model)
    assert {name.rsplit(".", 1)[-1] for name in found} == {"lora_a", "lora_b"}
    assert found == {name: digest(array) for name, array in before.adapter().items()}


def test_fallback(trainer, monkeypatch):
    """An error is the caller's to see; it is no reason to train in another way."""
    import mlx.nn as nn

    def out_of_memory(*given, **named):
        raise RuntimeError("[malloc] Unable to allocate")

    surfaced = False
    monkeypatch.setattr(nn, "value_and_grad", out_of_memory)
    try:
        seen = trainer.train()
    except RuntimeError as error:
        surfaced = "Unable to allocate" in str(error)
    else:
        assert seen.started, "neither an error nor another trainer"
    assert surfaced


def test_validation(trainer):
    """Without anything held out nothing is validated; least of all on what is trained on."""
    assert trainer.train().validated == []


def test_best_checkpoint(trainer):
    seen = trainer.train(
        steps=4, batch_size=1, held_out=ONE_TURN[:1], losses=[5.0, 1.0, 4.0, 6.0, 7.0, 8.0]
    )
    assert len(seen.validated) >= 4
    assert {n: digest(a) for n, a in seen.adapter().items()} == seen.validated[1]


def test_progress(trainer):
    seen = trainer.train(steps=3)
    assert [step for step, _ in seen.reported] == [1, 2, 3]
    assert seen.reported[0][1] > 0


def test_clear_text(trainer):
    """The conversations are in the state directory once, as exported, and nowhere else."""
    seen = trainer.train()
    files = [path for path in seen.directory.rglob("*") if path.is_file()]
    assert files
    names = [path.name for path in files if b"capital of Spain" in path.read_bytes()]
    assert names == []


def test_linear_attention(trainer):
    adapter = trainer.train().adapter()
    assert adapter
    assert any(".linear_attn." in name for name in adapter)


def test_small_data(trainer):
    seen = trainer.train([conversation(0)], batch_size=2)
    assert seen.started == [] and seen.adapter()


def test_every_defect_that_is_named_has_its_pair():
    from fae_training.language import mlx_tune_repairs

    parts = mlx_tune_repairs.__doc__.split("\n\n")
    [listed] = [part for part in parts if part.startswith("accumulation ")]
    named = {line.split()[0] for line in listed.splitlines()}
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert named <= tested and len(named) == 16
