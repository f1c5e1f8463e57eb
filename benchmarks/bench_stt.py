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
#   "numpy",
#   "soundfile",
#   "soxr",
# ]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Speed of STT training in clips per second, ours compared with mlx-tune's trainer, alternating in one run.

    uv run benchmarks/bench_stt.py
    uv run benchmarks/bench_stt.py --model DIR --passes 5 --rounds 5
    uv run benchmarks/bench_stt.py --write docs/speech.md

Both train LoRA of the same rank on the same clips with the same batches. mlx-tune's compile is switched off
(MLX_TUNE_DISABLE_COMPILE=1), because with it its trainer crashes at the first step. It uses only the
first clip of a batch and trains the other rows on placeholders: "rows" counts all that pass through
its decoder, "clips" those whose sound is learned from. Ours counts everything: the encoder once for
each clip, then `--passes` epochs. The ratio counts, a median over alternating rounds, because a shared
machine is noisy.
"""

import argparse
import contextlib
import io
import os
import statistics
import tempfile
import time
from pathlib import Path

import page
from fae_training.environment import mlx_on_linux
from fae_training.lifecycle import results

os.environ["MLX_TUNE_DISABLE_COMPILE"] = "1"
MODEL = Path(__file__).resolve().parent.parent / "samples" / "speech-model"
RANK, SCALE, RATE, CLIPS = 8, 2.0, 1e-4, 16


def clips() -> list[tuple]:
    """(samples, text) of CLIPS sounds of 1 to 2.4 s: the time of training does not depend on the words."""
    import numpy

    random = numpy.random.default_rng(0)
    texts = ("Call Marion now.", "Where is Siobhan?", "Set a timer for ten minutes.", "Good night.")
    lengths = random.uniform(1.0, 2.4, CLIPS)
    return [
        ((random.standard_normal(int(16000 * seconds)) * 0.1).astype(numpy.float32), texts[i % 4])
        for i, seconds in enumerate(lengths)
    ]


class Stock:
    """mlx-tune's trainer unchanged, except for the id of the audio placeholder, without which it
    cannot run here."""

    def __init__(self, directory: Path, work: Path):
        import dataclasses

        from mlx_tune import FastSTTModel, stt

        path = work / "qwen3-asr"  # it recognises the family by the path
        path.symlink_to(directory)
        self.stt, self.work = stt, work
        self.model, self.processor = FastSTTModel.from_pretrained(str(path))
        token = self.model.model.config.audio_token_id
        self.model.profile = dataclasses.replace(self.model.profile, audio_token_id=token)
        FastSTTModel.get_peft_model(
            self.model, r=RANK, lora_alpha=RANK * SCALE, finetune_encoder=False
        )

    def seconds(self, data: list[tuple], batch: int, passes: int) -> float:
        """Wall time of `passes` epochs over `data`, in its own loop."""
        samples = [{"audio": sound, "text": text} for sound, text in data]
        settings = self.stt.STTSFTConfig(
            output_dir=str(self.work / "out"),
            max_steps=passes * len(samples) // batch,
            per_device_train_batch_size=batch,
            gradient_accumulation_steps=1,
            learning_rate=RATE,
        )
        trainer = self.stt.STTSFTTrainer(
            model=self.model,
            processor=self.processor,
            train_dataset=samples,
            args=settings,
            data_collator=self.stt.STTDataCollator(self.model, self.processor),
        )
        began = time.perf_counter()
        trainer.train()
        return time.perf_counter() - began


class Ours:
    """Features once per clip, then compiled steps as in fit: loss, gradient, AdamW."""

    def __init__(self, directory: Path):
        import mlx.core as mx
        import mlx.nn as nn
        import mlx.optimizers as optim

        from fae_training.speech import mlx_tune_repairs, recogniser

        self.model = mlx_tune_repairs.load_model(directory, RANK, SCALE, 0).model._model
        self.optimizer = optim.AdamW(RATE)
        self.optimizer.init(self.model.trainable_parameters())
        gradient = nn.value_and_grad(self.model, lambda m, batch: _mean(recogniser.loss(m, batch)))
        self.state = [self.model.state, self.optimizer.state]

        def step(batch):
            loss, grads = gradient(self.model, batch)
            self.optimizer.update(self.model, grads)
            return loss

        self.step = mx.compile(step, inputs=self.state, outputs=self.state)

    def seconds(self, data: list[tuple], batch: int, passes: int) -> float:
        import mlx.core as mx

        from fae_training.speech import recogniser
        from fae_training.speech.batches import SpeechBatches

        began = time.perf_counter()
        rows = [
            recogniser.row(self.model, recogniser.encode(self.model, sound), text)
            for sound, text in data
        ]
        stream = SpeechBatches(rows, batch, 0)
        for index in range(passes * stream.batches_per_epoch):
            mx.eval(self.step(stream.batch_at(index)), self.state)
        return time.perf_counter() - began

    def shares(self, data: list[tuple], passes: int) -> dict[str, float]:
        """The time of each stage at batch 4: sound to spectrogram, encoder, decoder (forward,
        backward, update)."""
        import mlx.core as mx

        from fae_training.speech import recogniser

        began = time.perf_counter()
        features = [self.model._preprocess_audio(recogniser.padded(s))[:2] for s, _ in data]
        mx.eval(features)
        spectrograms = time.perf_counter() - began
        began = time.perf_counter()
        mx.eval([self.model.get_audio_features(*each) for each in features])
        encoder = time.perf_counter() - began
        whole = self.seconds(data, 4, passes)
        found = {"features": spectrograms, "encoder": encoder}
        found["decoder"] = max(whole - spectrograms - encoder, 0.0)
        return {name: value / sum(found.values()) for name, value in found.items()}


def _mean(sums):
    loss, weight, _ = sums
    return loss / weight


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, default=MODEL, help="a Qwen3-ASR model's directory")
    parser.add_argument("--passes", type=int, default=5, help="epochs over the clips, each time")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is timed, in turns")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the result in this page")
    arguments = parser.parse_args()
    mlx_on_linux.set_up()
    data, found = clips(), {}
    with tempfile.TemporaryDirectory() as work, contextlib.redirect_stdout(io.StringIO()):
        stock, ours = (
            Stock(arguments.model.resolve(), Path(work)),
            Ours(arguments.model.resolve()),
        )
        for batch in (1, 4, 8):
            ours.seconds(data, batch, 1)
            stock.seconds(data[:batch], batch, 1)
            times = [
                [t.seconds(data, batch, arguments.passes) for t in (stock, ours)]
                for _ in range(arguments.rounds)
            ]
            seen = len(data) * arguments.passes
            found[batch] = {
                "mlx-tune, rows/s": statistics.median(seen / a for a, _ in times),
                "mlx-tune, clips/s": statistics.median(seen / batch / a for a, _ in times),
                "ours, clips/s": statistics.median(seen / b for _, b in times),
                "ratio of rows": statistics.median(a / b for a, b in times),
                "ratio of clips": statistics.median(batch * a / b for a, b in times),
            }
        shares = ours.shares(data, arguments.passes)
    text = as_markdown(found, shares)
    print(text)
    if arguments.write:
        page.write_section(arguments.write, "bench-stt", "Speed", text)


def as_markdown(found: dict[int, dict[str, float]], shares: dict[str, float]) -> str:
    head = ["batch", *next(iter(found.values()))]
    rows = [
        [str(batch), *(f"{value:.1f}" for value in row.values())] for batch, row in found.items()
    ]
    stages = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
    about = f"{page.machine(results.versions())}. Time of ours at batch 4: {stages}."
    return "\n".join([about, "", *page.table(head, rows)])


if __name__ == "__main__":
    main()
