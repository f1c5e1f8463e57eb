"""Each defect of mlx-tune's DPO that dpo_repairs.py names: there on the stock trainer, gone on ours.

A test that fails on its stock half says that mlx-tune has repaired it: then the repair can be retired. Long, as
each defect needs its own proof on both.
"""

import json
import math
from dataclasses import replace
from types import SimpleNamespace

import mlx.core as mx
import mlx_tune.losses
import mlx_tune.rl_trainers
import numpy as np
import pytest
from mlx_tune.model import FastLanguageModel
from mlx_tune.rl_trainers import DPOConfig, DPOTrainer

import calls
from fae_training.calls.errors import BadRequest, Failed, SkillError
from fae_training.environment import mlx_on_linux
from fae_training.language import (
    dpo_repairs,
    fast_path,
    fast_settings,
    gated_delta_patch,
    mlx_tune_repairs,
    objective,
    preference_batches,
    preference_loss,
)
from fae_training.lifecycle import runs
from fae_training.lifecycle.session import Session
from fae_training.rows import row_forms, training_rows
from fae_training.store import state

LN2 = math.log(2)
QUESTIONS = (
    ("How are you?", "I am very well, thank you.", "Fine."),
    ("What is the capital of France?", "Paris.", "The capital of France is the city of Paris."),
    ("How do I boil an egg?", "Boil it for seven minutes.", "I cannot say."),
    ("I feel tired today.", "Then rest.", "Oh. That is sad to hear, and I am sorry."),
    ("What colour is snow?", "White.", "The colour of snow is white, as everybody knows."),
)
# So small that every loss is that of the start, and still a schedule to be seen.
NO_LEARNING = 1e-12
SETTINGS = {
    "beta": 0.1,
    "loss": "dpo",
    "label_smoothing": 0.0,
    "guard": "none",
    "guard_weight": 0.0,
    "learning_rate": NO_LEARNING,
    "batch_size": 1,
    "gradient_accumulation": 2,
    "steps": 2,
    "warmup_ratio": 1.0,
    "schedule": "constant",
    "weight_decay": 0.0,
    "max_gradient_norm": None,
    "max_length": 128,
    "seed": 5,
}


def message_rows(count=None):
    return [
        {
            "prompt": [{"role": "user", "content": question}],
            "chosen": [{"role": "assistant", "content": chosen}],
            "rejected": [{"role": "assistant", "content": rejected}],
        }
        for question, chosen, rejected in QUESTIONS[:count]
    ]


def encoded_pairs(tokenizer, rows, max_length):
    pairs = [row_forms.preference_pair(row) for row in rows]
    read = training_rows.RowsRead("train.jsonl", pairs, [], len(pairs))
    return preference_batches.encode_pairs(tokenizer, read, max_length).pairs


def text_rows(tokenizer, count=None):
    """The same pairs as stock mlx-tune can read them: template and end token put on by hand."""
    return [
        {
            "prompt": tokenizer.apply_chat_template(
                row["prompt"], add_generation_prompt=True, enable_thinking=False, tokenize=False
            ),
            "chosen": row["chosen"][0]["content"] + "<|im_end|>",
            "rejected": row["rejected"][0]["content"] + "<|im_end|>",
        }
        for row in message_rows(count)
    ]


@pytest.fixture(scope="module", autouse=True)
def without_compiling():
    """Compiling a shape takes a minute where it was never compiled; what is tested here does not depend on it."""
    mx.disable_compile()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLX_TUNE_DISABLE_COMPILE", "1")
        yield
    if not mlx_on_linux.use_openblas():
        mx.enable_compile()


@pytest.fixture(scope="module")
def bf16_model(tmp_path_factory):
    """The sample model in bf16, as real ones are, and smaller logits' worth of digits for its sums."""
    from mlx_lm import load
    from mlx_lm.utils import save_model

    directory = tmp_path_factory.mktemp("bf16")
    model, _ = load(str(calls.LANGUAGE_MODEL))
    model.set_dtype(mx.bfloat16)
    save_model(directory, model)
    for path in calls.LANGUAGE_MODEL.iterdir():
        if "safetensors" not in path.name:
            (directory / path.name).write_bytes(path.read_bytes())
    return directory


class Stock:
    """A run of the stock trainer on rows, with what its loss and its optimizer were given."""

    def __init__(self, rows, directory, out, **config):
        gated_delta_patch.remove()
        self.losses, self.ids, self.rates, self.reference_calls = [], [], [], 0
        self.model, self.tokenizer = FastLanguageModel.from_pretrained(str(directory))
        FastLanguageModel.get_peft_model(self.model, r=4, lora_alpha=8)
        rows = rows if rows is not None else text_rows(self.tokenizer)
        given = {"output_dir": str(out), "learning_rate": NO_LEARNING, "max_steps": 2}
        given |= {"per_device_train_batch_size": 1, "save_steps": 10**9, "max_seq_length": 128}
        self.trainer = DPOTrainer(
            model=self.model,
            tokenizer=self.tokenizer,
            train_dataset=rows,
            args=DPOConfig(**given | config),
        )

    def train(self, loss_value=None):
        library, stock = mlx_tune.rl_trainers, self

        def loss(**given):
            value, tokens = real_loss(**given)
            stock.losses.append(value)
            stock.ids.append(np.array(given["chosen_ids"][0]).tolist())
            return value * loss_value if loss_value else value, tokens

        class Optimizer(library.optim.AdamW):
            def update(self, *given):
                super().update(*given)
                stock.rates.append(self.learning_rate.item())

        def reference(*given):
            stock.reference_calls += 1
            return real_reference(*given)

        real_loss, real_reference = library.compute_dpo_loss, library.compute_log_probs_with_lengths
        real_optimizer = library.optim.AdamW
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(library, "compute_dpo_loss", loss)
            patch.setattr(library, "compute_log_probs_with_lengths", reference)
            patch.setattr(library.optim, "AdamW", Optimizer)
            self.answer = self.trainer.train()
        assert real_optimizer is library.optim.AdamW
        return self


def ours(directory, home, held_out=0, **changed):
    """A trainer of ours for the same pairs, and its run, not started yet."""
    settings = SETTINGS | changed
    model, tokenizer = mlx_tune_repairs.load_model(directory, 4, 2.0, False, settings["seed"])
    fast, _ = fast_path.enable(model.model, fast_settings.FastSettings(), home / "cache")
    pairs = encoded_pairs(tokenizer, message_rows(), settings["max_length"])
    record = {"settings": settings, "model": {"id": "sample"}, "model_fingerprint": "sample"}
    run = runs.create(state.Home(home), "dpo", record | {"start": {"fingerprint": None}})
    cut = len(pairs) - held_out
    trainer = dpo_repairs.RepairedDPOTrainer(
        model,
        tokenizer,
        settings,
        pairs[:cut],
        pairs[cut:],
        settings["max_length"],
        fast,
        run,
        Session(run),
    )
    return trainer, run


@pytest.fixture(scope="module")
def stock_run(tmp_path_factory):
    """Two steps at batch 1, with accumulation, warm-up, schedule, seed and a held-out set asked for."""
    return Stock(
        None,
        calls.LANGUAGE_MODEL,
        tmp_path_factory.mktemp("stock"),
        gradient_accumulation_steps=2,
        warmup_steps=2,
        lr_scheduler_type="constant",
        seed=5,
        logging_steps=1,
    ).train()


@pytest.fixture(scope="module")
def our_run(tmp_path_factory):
    """The same with our trainer, and one pair held out."""
    trainer, run = ours(calls.LANGUAGE_MODEL, tmp_path_factory.mktemp("ours"), held_out=1)
    answer = trainer.train()
    reports = list(state.read_jsonl(run.file("metrics.jsonl")))
    return SimpleNamespace(trainer=trainer, run=run, answer=answer, reports=reports)


def steps_of(run):
    return [report for report in run.reports if "lr" in report]


def test_leaking_state_at_batch_1_makes_the_first_loss_wrong(stock_run, our_run):
    assert max(abs(loss.item() - LN2) for loss in stock_run.losses) > 1e-2
    for report in steps_of(our_run):
        assert report["loss"] == pytest.approx(LN2, abs=1e-4)


@pytest.mark.parametrize("batch_size", [1, 2])
def test_bf16_sums_lose_the_margin(bf16_model, tmp_path, batch_size):
    model, tokenizer = FastLanguageModel.from_pretrained(str(bf16_model))
    pair = encoded_pairs(tokenizer, message_rows(2), 128)[1]
    tokens = pair.rejected.tokens
    stock = mlx_tune.losses.compute_log_probs_with_lengths(
        model.model, mx.array([tokens]), mx.array([len(tokens)])
    )
    assert stock.dtype == mx.bfloat16
    trainer, run = ours(bf16_model, tmp_path, batch_size=batch_size)
    trainer.train()
    kept = json.loads(run.file("reference.json").read_text())["pairs"]
    # In bf16 a sum has 8 significant bits; ours has digits that bf16 has no room for.
    assert any(mx.array(c).astype(mx.bfloat16).item() != c for c, _ in kept.values())
    for report in state.read_jsonl(run.file("metrics.jsonl")):
        assert report["loss"] == pytest.approx(LN2, abs=1e-4)


def test_chat_messages_cannot_be_read(tmp_path):
    stock = Stock(message_rows(), calls.LANGUAGE_MODEL, tmp_path)
    with pytest.raises((TypeError, ValueError)):
        stock.train()
    pair = encoded_pairs(stock.tokenizer, message_rows(1), 128)[0]
    text = stock.tokenizer.decode(pair.chosen.tokens)
    assert text.endswith(
        "<|im_start|>user\nHow are you?<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
        "I am very well, thank you.<|im_end|>"
    )
    answer = stock.tokenizer.decode(pair.chosen.tokens[pair.chosen.supervised_from :])
    assert answer == "I am very well, thank you.<|im_end|>"


def test_missing_sides_are_dropped_silently(tmp_path, capsys):
    stock = Stock([{"prompt": "a", "chosen": "b"}], calls.LANGUAGE_MODEL, tmp_path)
    with pytest.raises(ZeroDivisionError):
        stock.train()
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps({"prompt": "a", "chosen": "b"}))
    [problem] = training_rows.read(path, "dpo").left_out
    assert str(problem) == "line 1: has no rejected (it has: prompt, chosen)"


def test_over_long_prompts_lose_their_answers(tmp_path):
    model, tokenizer = FastLanguageModel.from_pretrained(str(calls.LANGUAGE_MODEL))
    row = message_rows(2)[1]
    row["prompt"][0]["content"] = "Well. " * 60 + row["prompt"][0]["content"]
    stock = Stock(
        [text_rows(tokenizer, 2)[1] | {"prompt": row["prompt"][0]["content"]}],
        calls.LANGUAGE_MODEL,
        tmp_path,
        max_seq_length=48,
    )
    [cut] = stock.trainer._prepare_dpo_batches()
    assert cut["chosen_ids"] == cut["rejected_ids"]
    [pair] = encoded_pairs(tokenizer, [row], 48)
    whole = tokenizer.decode(pair.chosen.tokens)
    assert whole.endswith("<|im_end|>") and "capital of France" in whole and pair.cut_tokens > 0
    assert max(len(pair.chosen.tokens), len(pair.rejected.tokens)) <= 48
    start = pair.chosen.supervised_from
    assert pair.chosen.tokens[:start] == pair.rejected.tokens[: pair.rejected.supervised_from]
    batch = preference_batches.collate_pairs(
        [pair], {pair.key: (-1.0, -1.0)}, fast_settings.FastSettings()
    )
    fast, _ = fast_path.enable(model.model.train(), fast_settings.FastSettings(), tmp_path)
    model.model.freeze()
    scores = preference_batches.pair_scores(model.model, batch, fast)
    assert all(math.isfinite(side.item()) for side in (scores.chosen, scores.rejected))


def test_accumulation_is_ignored(stock_run, our_run):
    assert len(stock_run.losses) == 2
    assert our_run.trainer.result.applied["updates"] == 2
    wanted = sum(sum(our_run.trainer.batches.tokens(i)) for i in range(4))
    seen = our_run.trainer.result.tokens_per_s + our_run.trainer.result.supervised_tokens_per_s
    assert seen > 0 and wanted > sum(sum(our_run.trainer.batches.tokens(i)) for i in range(2))
    assert our_run.trainer.result.applied["gradient_accumulation"] == 2


def test_warm_up_is_ignored(stock_run, our_run):
    assert stock_run.rates[0] == pytest.approx(NO_LEARNING)
    assert [r["lr"] for r in steps_of(our_run)] == pytest.approx([NO_LEARNING / 2, NO_LEARNING])


def test_schedule_is_always_cosine(stock_run, our_run, tmp_path):
    # "constant" was asked for; the second rate of a cosine over two steps is half.
    assert stock_run.rates[1] == pytest.approx(NO_LEARNING / 2, rel=1e-3)
    assert steps_of(our_run)[-1]["lr"] == pytest.approx(NO_LEARNING)
    with pytest.raises(BadRequest, match="cosine, constant"):
        ours(calls.LANGUAGE_MODEL, tmp_path, schedule="exponential")[0].train()


def test_seed_is_ignored(stock_run, our_run, tmp_path):
    again = Stock(None, calls.LANGUAGE_MODEL, tmp_path / "stock", seed=5).train()
    assert adapter_bytes(stock_run.trainer.adapter_path) != adapter_bytes(
        again.trainer.adapter_path
    )
    same, _ = ours(calls.LANGUAGE_MODEL, tmp_path / "same", held_out=1)
    same.train()
    other, _ = ours(calls.LANGUAGE_MODEL, tmp_path / "other", held_out=1, seed=6)
    other.train()
    first = adapter_bytes(our_run.trainer.adapter_path)
    assert adapter_bytes(same.adapter_path) == first != adapter_bytes(other.adapter_path)


def adapter_bytes(directory):
    return (directory / "adapters.safetensors").read_bytes()


def test_shuffling_never_happens(stock_run, our_run):
    in_order = [
        stock_run.trainer._tokenize_preference_pair(row)["chosen_ids"]
        for row in text_rows(stock_run.tokenizer)
    ]
    for ids, wanted in zip(stock_run.ids, in_order, strict=False):
        assert ids[: len(wanted)] == wanted
    orders = set()
    for seed in range(6):
        batches = preference_batches.PreferenceBatches(
            encoded_pairs(stock_run.tokenizer, message_rows(), 128),
            1,
            seed,
            fast_settings.FastSettings(),
        )
        orders.add(tuple(batches.pairs_at(index)[0].key for index in range(5)))
    assert len(orders) >= 5


def test_loss_type_is_ignored(tmp_path):
    stock = Stock(
        None,
        calls.LANGUAGE_MODEL,
        tmp_path / "stock",
        loss_type="ipo",
        per_device_train_batch_size=2,
    )
    assert stock.train().losses[0].item() == pytest.approx(LN2, abs=1e-3)
    trainer, run = ours(calls.LANGUAGE_MODEL, tmp_path / "ours", loss="ipo", steps=1)
    trainer.train()
    [report] = state.read_jsonl(run.file("metrics.jsonl"))
    assert report["loss"] == pytest.approx(25.0, abs=1e-2)  # (0 - 1 / (2 beta))^2
    with pytest.raises(BadRequest, match=r"no loss .hinge."):
        ours(calls.LANGUAGE_MODEL, tmp_path / "odd", loss="hinge")[0].train()


def test_odds_ratio_of_orpo_has_no_odds(monkeypatch):
    sums = {"chosen": mx.array([-2.0]), "rejected": mx.array([-30.0])}
    given = iter((sums["chosen"], sums["rejected"]))
    monkeypatch.setattr(mlx_tune.losses, "compute_log_probs_with_lengths", lambda *_: next(given))
    lengths = mx.array([10])
    stock, _ = mlx_tune.losses.orpo_loss(
        None, mx.zeros((1, 4)), mx.zeros((1, 4)), lengths, lengths, beta=1.0
    )
    p, q = math.exp(-0.2), math.exp(-3.0)
    odds_ratio = (p / (1 - p)) / (q / (1 - q))
    wanted = 0.2 + math.log(1 + 1 / odds_ratio)
    scores = preference_loss.PairScores(
        *sums.values(), None, None, mx.array([10.0]), mx.array([10.0])
    )
    right = preference_loss.pair_losses(objective.Objective("orpo", 1.0), scores)
    assert right.item() == pytest.approx(wanted, rel=1e-5)
    assert abs(stock.item() - wanted) > 1e-3


def test_reference_rows_are_measured_for_every_row(stock_run, tmp_path):
    # Two steps of batch 1 read two of the five pairs.
    assert stock_run.reference_calls == 10
    trainer, run = ours(calls.LANGUAGE_MODEL, tmp_path, gradient_accumulation=1)
    trainer.train()
    assert len(json.loads(run.file("reference.json").read_text())["pairs"]) == 2


def test_reference_mode_differs_from_that_of_training(tmp_path):
    seen = []
    stock = Stock(None, calls.LANGUAGE_MODEL, tmp_path / "stock")

    def spy(model, *given):
        seen.append(model.training)
        return mlx_tune.losses.compute_log_probs_with_lengths(model, *given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mlx_tune.rl_trainers, "compute_log_probs_with_lengths", spy)
        stock.trainer.train()
    assert seen and not any(seen)
    trainer, _ = ours(calls.LANGUAGE_MODEL, tmp_path / "ours", steps=1)
    modes = []
    real = preference_batches.answer_log_probabilities
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            dpo_repairs.preference_reference,
            "answer_log_probabilities",
            lambda model, *given: modes.append(model.training) or real(model, *given),
        )
        trainer.train()
    assert modes and all(modes)


def test_validation_is_ignored(our_run, tmp_path):
    rows = text_rows(Stock(None, calls.LANGUAGE_MODEL, tmp_path).tokenizer)
    stock = DPOTrainer(
        model=SimpleNamespace(),
        train_dataset=rows,
        eval_dataset=rows,
        args=DPOConfig(output_dir=str(tmp_path)),
    )
    assert not any(value is rows for name, value in vars(stock).items() if name != "train_dataset")
    validated = [report for report in our_run.reports if "val_loss" in report]
    assert [report["step"] for report in validated] == [0, 1, 2]
    assert validated[0]["val_loss"] == pytest.approx(LN2, abs=1e-4)
    assert {"val_margin", "val_accuracy", "val_chosen_change", "val_answer_tokens"} <= validated[
        0
    ].keys()


def test_progress_is_not_given(stock_run, our_run):
    assert set(stock_run.answer) == {"status", "adapter_path"}
    for report in steps_of(our_run):
        assert {"loss", "margin", "accuracy", "chosen_change", "eta_s"} <= report.keys()
    assert our_run.trainer.result.first_value == pytest.approx(LN2, abs=1e-4)


def test_swallowed_saving_is_reported_as_a_success(tmp_path):
    stock = Stock(None, calls.LANGUAGE_MODEL, tmp_path / "stock")
    (tmp_path / "stock" / "adapters").rmdir()
    (tmp_path / "stock" / "adapters").write_text("a file is in the way")
    assert stock.train().answer["status"] == "success"
    trainer, _ = ours(calls.LANGUAGE_MODEL, tmp_path / "ours", steps=1)
    trainer.adapter_path.rmdir()
    trainer.adapter_path.write_text("a file is in the way")
    with pytest.raises(SkillError, match="cannot be written"):
        trainer.train()


def test_unknown_settings_are_kept_and_ignored(tmp_path):
    assert DPOConfig(lerning_rate=1.0).lerning_rate == 1.0
    with pytest.raises(KeyError):
        dpo_repairs.dpo_config({"lerning_rate": 1.0}, tmp_path)


def test_not_finite_losses_do_not_stop_it(tmp_path):
    stock = Stock(None, calls.LANGUAGE_MODEL, tmp_path / "stock").train(loss_value=float("nan"))
    assert stock.answer["status"] == "success"
    saved = mx.load(str(stock.trainer.adapter_path / "adapters.safetensors"))
    assert any(mx.isnan(value).any().item() for value in saved.values())
    trainer, run = ours(calls.LANGUAGE_MODEL, tmp_path / "ours", steps=1)
    real = encoded_pairs(trainer.tokenizer, message_rows(1), SETTINGS["max_length"])
    assert real[0].weight == 1.0
    trainer, run = ours(calls.LANGUAGE_MODEL, tmp_path / "nan", steps=1)
    trainer.train_dataset[:] = [
        replace(pair, weight=float("nan")) for pair in trainer.train_dataset
    ]
    with pytest.raises(Failed, match="no adapter was saved"):
        trainer.train()
    assert not run.file("adapters", "adapters.safetensors").exists()


def test_fallback_trains_something_else(tmp_path):
    stock = Stock(None, calls.LANGUAGE_MODEL, tmp_path / "stock", max_steps=1)
    stock.trainer.use_native = False
    started = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            mlx_tune.rl_trainers.subprocess,
            "run",
            lambda command, **_: started.append(command) or SimpleNamespace(returncode=0),
        )
        patch.setattr(mlx_tune.rl_trainers, "warnings", SimpleNamespace(warn=lambda *_: None))
        stock.trainer.train()
    assert "lora" in " ".join(map(str, started[0]))
    trainer, _ = ours(calls.LANGUAGE_MODEL, tmp_path / "ours")
    trainer.use_native = False
    with pytest.raises(Failed):
        trainer.train()


def test_the_saved_adapter_gives_the_trained_models_logits(tmp_path):
    from mlx_lm import load

    trainer, _ = ours(calls.LANGUAGE_MODEL, tmp_path, learning_rate=1e-3)
    trainer.train()
    gated_delta_patch.remove()
    trained = trainer.model.model.eval()
    tokens = mx.array([trainer.train_dataset[0].chosen.tokens])
    loaded, _ = load(str(calls.LANGUAGE_MODEL), adapter_path=str(trainer.adapter_path))
    base, _ = load(str(calls.LANGUAGE_MODEL))
    assert mx.abs(trained(tokens) - loaded(tokens)).max().item() == 0.0
    assert mx.abs(base(tokens) - loaded(tokens)).max().item() > 1e-3
