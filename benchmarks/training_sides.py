"""The model, the rows and the training implementations that bench_train.py compares: stock mlx-lm,
stock mlx-tune, ours."""

import contextlib
import itertools
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

RANK, SCALE, RATE, SEED, PERSONAL_SEED = 8, 2.0, 1e-4, 0, 1
VOCABULARY = 60_000
CONFIG = {
    "model_type": "qwen3_5_text",
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "rms_norm_eps": 1e-6,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 4096,
    "linear_num_value_heads": 4,
    "linear_num_key_heads": 2,
    "linear_key_head_dim": 128,
    "linear_value_head_dim": 128,
    "linear_conv_kernel_dim": 4,
    "tie_word_embeddings": True,
    "attention_bias": False,
    "full_attention_interval": 4,
    "eos_token_id": 2,
    "rope_parameters": {
        "type": "default",
        "mrope_section": [4, 2, 2],
        "rope_theta": 10000000,
        "partial_rotary_factor": 0.25,
    },
}


def make_model(**changed):
    """The model with LoRA on attention, linear attention and MLP, everything else frozen, B not zero."""
    import mlx.core as mx
    from mlx_lm.models import qwen3_5

    from fae_training.fitting.arrays import flattened
    from fae_training.language import adapters

    mx.random.seed(SEED)
    text = CONFIG | changed
    model = qwen3_5.Model(
        qwen3_5.ModelArgs.from_dict({"model_type": "qwen3_5", "text_config": text})
    )
    for layer in model.layers:
        if layer.is_linear:
            # As in trained models: heads that remember for a few to hundreds of tokens.
            layer.linear_attn.A_log = mx.log(mx.linspace(0.01, 0.5, 4))
    adapters.add_lora(model, RANK, SCALE, 0.0, adapters.adapter_keys(model), SEED)
    start = [
        (name, 0.02 * mx.random.normal(value.shape))
        for name, value in flattened(model.trainable_parameters()).items()
        if name.endswith("lora_b")
    ]
    model.load_weights(start, strict=False)
    model.train()
    mx.eval(model.parameters())
    return model


def personal_rows(
    count: int, system: int, user=(20, 60), answer=(30, 150), vocabulary: int = VOCABULARY
):
    """A shared system prompt, then tokens of the user and of the answer, with lengths between two bounds.

    PERSONAL_SEED is the first with which mlx-lm pads the longest of rows 1 to 4, 5 to 8 and so on
    to the same width, because its first step of a new width takes minutes here.
    """
    from fae_training.language.rows import TokenRow

    chooser = random.Random(PERSONAL_SEED)
    tokens = lambda n: [chooser.randrange(10, vocabulary) for _ in range(n)]  # noqa: E731
    shared, rows = tokens(system), []
    for _ in range(count):
        prompt = shared + tokens(chooser.randint(*user))
        rows.append(TokenRow(prompt + tokens(chooser.randint(*answer)), len(prompt)))
    return rows


def plain_rows(count: int, length: int):
    """Rows without a shared prefix, with every token a target, as mlx-lm trains text."""
    from fae_training.language.rows import TokenRow

    chooser = random.Random(SEED)
    return [
        TokenRow([chooser.randrange(10, VOCABULARY) for _ in range(length + 1)], 1)
        for _ in range(count)
    ]


class Side:
    """One way to train: `step()` takes the next step and records its time, peak memory and tokens.

    A subclass implements it: `prepare()` returns the inputs of a step, its tokens and its targets;
    `run` takes the step and returns its loss.
    """

    prepare: Callable[[], tuple[Any, int, int]]
    run: Callable[[Any], float]

    def __init__(self, name: str, patched: bool):
        self.name, self.patched = name, patched
        self.first_seconds: float | None = None
        self.seconds, self.peak = [], 0
        self.tokens, self.supervised = [], []
        self.losses: list[float] = []
        self.seen: set = set()

    def step(self) -> None:
        """A step with new shapes is compiled first, and taken once more for its time."""
        import mlx.core as mx

        from fae_training.language import gated_delta_patch

        (gated_delta_patch.install if self.patched else gated_delta_patch.remove)()
        prepared, real, supervised = self.prepare()
        arrays = prepared.values() if isinstance(prepared, dict) else prepared
        shapes = tuple(array.shape for array in arrays)
        if shapes not in self.seen:
            self.seen.add(shapes)
            started = time.perf_counter()
            self.losses.append(self.run(prepared))
            if self.first_seconds is None:
                self.first_seconds = time.perf_counter() - started
                return
        mx.clear_cache()
        mx.reset_peak_memory()
        wall, busy = time.perf_counter(), time.process_time()
        self.losses.append(self.run(prepared))
        wall, busy = time.perf_counter() - wall, time.process_time() - busy
        self.peak = max(self.peak, mx.get_peak_memory())
        self.seconds.append(busy if mx.default_device() == mx.cpu else wall)
        self.tokens.append(real)
        self.supervised.append(supervised)

    def result(self) -> dict:

        def rate(counts):
            return statistics.median(n / s for n, s in zip(counts, self.seconds, strict=True))

        return {
            "name": self.name,
            "first_seconds": self.first_seconds,
            "step_seconds": statistics.median(self.seconds),
            "tokens_per_s": rate(self.tokens),
            "supervised_per_s": rate(self.supervised),
            "peak_mb": self.peak / 1e6,
        }


class Stock(Side):
    """mlx-lm's own loss, batches and compiled step (mlx_lm/tuner/trainer.py: default_loss, iterate_batches, step)."""

    def __init__(self, name: str, model, optimizer, data, batch_size: int, patched: bool = False):
        import mlx.core as mx
        import mlx.nn as nn
        from mlx_lm.tuner.trainer import default_loss, iterate_batches

        super().__init__(name, patched)
        self.batches = iterate_batches(data, batch_size, 4096, loop=True, seed=SEED)
        value_and_gradient = nn.value_and_grad(model, default_loss)
        state = [model.state, optimizer.state, mx.random.state]

        def step(*batch):
            (loss, count), gradient = value_and_gradient(model, *batch)
            optimizer.update(model, gradient)
            return loss, count

        compiled = mx.compile(step, inputs=state, outputs=state)

        def run(batch):
            loss, _ = compiled(*batch)
            mx.eval(loss, state)
            return loss.item()

        self.run = run

    def prepare(self):
        batch, lengths = next(self.batches)
        spans = lengths.tolist()
        real = sum(end for _, end in spans)
        return (batch, lengths), real, sum(end - max(start, 1) for start, end in spans)


def stock_mlx_lm(name: str, model, rows, batch_size: int, patched: bool = False) -> Stock:
    import mlx.optimizers as optim
    from mlx_lm.tuner.datasets import CacheDataset

    data = CacheDataset(_AsDataset([(row.tokens, row.supervised_from) for row in rows]))
    return Stock(name, model, optim.AdamW(learning_rate=RATE), data, batch_size, patched)


class _AsDataset:
    """Rows in the form of mlx-lm's CacheDataset: a list of records, and process() that makes
    (tokens, offset)."""

    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return {"row": self.rows[index]}

    def process(self, record):
        return record["row"]


class Ours(Side):
    """The product's batches and loss, and the micro-step of fit.fit."""

    def __init__(self, name: str, model, rows, batch_size: int, fast):
        import mlx.core as mx
        import mlx.nn as nn
        import mlx.optimizers as optim

        from fae_training.language.batches import Batches
        from fae_training.language.supervised_loss import language_loss

        super().__init__(name, fast.gated_delta)
        self.batches = Batches(rows, batch_size, SEED, fast.shared_prefix, fast.by_length)
        self.index = itertools.count()
        optimizer = optim.AdamW(learning_rate=RATE)
        optimizer.init(model.trainable_parameters())
        value_and_gradient = nn.value_and_grad(model, lambda m, b: language_loss(m, b, fast))
        state = [model.state, mx.random.state]
        compiled = mx.compile(
            lambda batch: value_and_gradient(model, batch), inputs=state, outputs=state
        )

        def run(batch):
            from mlx.utils import tree_map

            (loss, weight, _), gradient = compiled(batch)
            optimizer.update(model, tree_map(lambda g: g / weight, gradient))
            mx.eval(loss, weight, optimizer.state, model.trainable_parameters())
            return loss.item() / weight.item()

        self.run = run

    def prepare(self):
        import mlx.core as mx

        index = next(self.index)
        batch = self.batches.batch_at(index)
        mx.eval(batch)
        return batch, *self.batches.tokens(index)


def stock_mlx_tune(name: str, model, rows, batch_size: int) -> Stock:
    """mlx-tune's SFTTrainer as a person calls it, up to its call of mlx-lm's loop, whose steps are taken here.

    Its model, adapter, optimizer, tokens and settings are its own; the weights are the same arrays
    as those of `model`, so that they count once for every side's peak.
    """
    import mlx.core as mx
    import mlx_tune.sft_trainer as theirs
    from mlx.utils import tree_flatten
    from mlx_tune import FastLanguageModel, SFTConfig, SFTTrainer
    from mlx_tune.chat_templates import train_on_responses_only
    from transformers import PreTrainedTokenizerFast

    from fae_training.language import adapters, gated_delta_patch

    gated_delta_patch.remove()
    handed: dict = {}
    with tempfile.TemporaryDirectory() as name_of, contextlib.redirect_stdout(sys.stderr):
        directory = Path(name_of)
        _write_model(directory / "model")
        tuned, _ = FastLanguageModel.from_pretrained(str(directory / "model"))
        # Loaded by path it is treated as a Qwen tokenizer, whatever the files say. It finds no
        # token in a text of numbered words, and mlx-tune answers the IndexError by running another
        # training program.
        words = directory / "model" / "tokenizer.json"
        tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(words), eos_token="<eos>")
        tokenizer.chat_template = "{% for message in messages %}{{ message.content }} {% endfor %}"
        FastLanguageModel.get_peft_model(
            tuned,
            r=RANK,
            lora_alpha=RANK * SCALE,
            target_modules=adapters.adapter_keys(tuned.model),
            use_gradient_checkpointing=False,
        )
        config = SFTConfig(
            output_dir=str(directory / "out"),
            per_device_train_batch_size=batch_size,
            max_steps=100,
            learning_rate=RATE,
            max_seq_length=4096,
            val_batches=0,
        )
        trainer = SFTTrainer(
            model=tuned, tokenizer=tokenizer, train_dataset=_as_texts(rows), args=config
        )
        trainer = train_on_responses_only(trainer)
        loop, theirs.mlx_train = theirs.mlx_train, lambda **given: handed.update(given)
        fall_back = theirs.SFTTrainer._train_subprocess
        theirs.SFTTrainer._train_subprocess = _no_other_program
        try:
            trainer.train()
        finally:
            theirs.mlx_train, theirs.SFTTrainer._train_subprocess = loop, fall_back
        data = handed["train_dataset"]
        same = [(row.tokens, row.supervised_from) for row in rows]
        if [tuple(data[i]) for i in range(len(rows))] != same:
            raise RuntimeError("mlx-tune would train other tokens than the rows that it was given")
        handed["model"].load_weights(tree_flatten(model.parameters()))
        handed["model"].train()
        mx.clear_cache()
    return Stock(name, handed["model"], handed["optimizer"], data, batch_size)


def _no_other_program(trainer):
    raise RuntimeError("mlx-tune fell back to mlx-lm's command line; why is printed above")


def _as_texts(rows) -> list[dict]:
    """Rows in mlx-tune's form: prompt and completion, with a word for each token."""

    def text(tokens):
        return " ".join(f"w{token}" for token in tokens)

    return [
        {
            "prompt": text(row.tokens[: row.supervised_from]),
            "completion": text(row.tokens[row.supervised_from :]),
        }
        for row in rows
    ]


def _write_model(directory: Path) -> None:
    """The same model as a directory, with a tokenizer of one token per word, for code that loads
    models by path."""
    import mlx.core as mx
    from mlx_lm.models import qwen3_5
    from mlx_lm.utils import save_config, save_model
    from tokenizers import Tokenizer, models, pre_tokenizers

    directory.mkdir()
    mx.random.seed(SEED)
    config = {"model_type": "qwen3_5", "text_config": CONFIG, "eos_token_id": 2}
    save_model(directory, qwen3_5.Model(qwen3_5.ModelArgs.from_dict(config)))
    save_config(config, directory / "config.json")
    words = {"<unk>": 0, "<pad>": 1, "<eos>": 2} | {f"w{i}": i for i in range(3, VOCABULARY)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.save(str(directory / "tokenizer.json"))
    names = {"unk_token": "<unk>", "pad_token": "<pad>", "eos_token": "<eos>"}
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", **names}
    (directory / "tokenizer_config.json").write_text(json.dumps(settings))
