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
"""The cost of a step of preference training compared with a step of SFT, measured alternately in one run.

    uv run benchmarks/bench_dpo.py
    uv run benchmarks/bench_dpo.py --model DIR --pairs 4 --rounds 20

Per round, each side makes one update from the same pairs, compiled as in training:
  sft, accepted      SFT on the accepted answers: the same prompts, half of the rows
  sft, both          SFT on accepted and rejected answers: the same tokens
  dpo                our DPO step, with its reference measured before
  dpo, reference     the same, with the reference computed in every step instead of stored
  mlx-tune           the stock DPOTrainer's loss and update on the same pairs (summed in its own way, batch above 1)
Seconds are CPU seconds of this process; the ratio counts, a median over rounds, because a shared machine is noisy.
"""

import argparse
import functools
import random
import statistics
import sys
import time
from pathlib import Path

from fae_training import linux_cpu

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
sys.path.insert(0, str(SAMPLES))
MODEL = SAMPLES / "language-model"
RANK, SCALE, BETA = 16, 2.0, 0.1


def rows(count: int) -> list:
    """Corrections of the sample world, all under the system prompt that Fae uses."""
    import world
    from fae_training.row_forms import PreferencePair

    soul = {"role": "system", "content": (SAMPLES / "soul.md").read_text(encoding="utf-8")}
    chooser, found = random.Random(0), []
    for i in range(count):
        pattern = ("shorter", "longer")[i % 2]
        asked, rejected, _, chosen = world.correction(chooser, pattern).messages
        found.append(PreferencePair([soul, asked], chosen, rejected))
    return found


def adapted_model(directory: Path):
    """The model with LoRA, as in training."""
    from mlx_lm import load

    from fae_training.language import adapters

    model, _ = load(str(directory))
    adapters.add_lora(model, RANK, SCALE, 0.0, adapters.adapter_keys(model), seed=0)
    return model.train()


def update_with(model, loss, batch: dict):
    """A function that makes one compiled update of `model` and waits for it; loss(model, batch) is a scalar."""
    import mlx.core as mx
    import mlx.nn as nn
    import mlx.optimizers as optim

    optimizer = optim.AdamW(learning_rate=1e-6)
    optimizer.init(model.trainable_parameters())
    state = [model.state, optimizer.state]

    @functools.partial(mx.compile, inputs=state, outputs=state)
    def step(batch):
        value, gradient = nn.value_and_grad(model, loss)(model, batch)
        optimizer.update(model, gradient)
        return value

    def update():
        mx.eval(step(batch), state)

    return update


def sides(directory: Path, count: int) -> dict:
    """{name: function that makes one update}, each run once already, so that nothing is compiled in a round."""
    import mlx.core as mx
    from mlx_lm import load

    from fae_training import training_rows
    from fae_training.language import fast_path, gated_delta_patch
    from fae_training.language.batches import collate
    from fae_training.language.fast_settings import FastSettings
    from fae_training.language.objective import Objective
    from fae_training.language.preference_batches import (
        answer_log_probabilities,
        collate_pairs,
        encode_pairs,
        loss_function,
    )
    from fae_training.language.supervised_loss import language_loss

    fast = FastSettings()
    preference = loss_function(Objective("dpo", BETA), fast)

    def supervised_step(model, batch):
        loss_sum, weight, _ = language_loss(model, batch, fast)
        return loss_sum / weight

    def preference_step(model, batch):
        loss_sum, weight, _ = preference(model, batch)
        return loss_sum / weight

    def with_reference(model, batch):
        chosen, rejected = map(mx.stop_gradient, answer_log_probabilities(model, batch, fast))
        measured = {"reference_chosen": chosen, "reference_rejected": rejected}
        return preference_step(model, batch | measured)

    _, tokenizer = load(str(directory))
    read = training_rows.RowsRead("sample world", rows(count), [], count)
    pairs = encode_pairs(tokenizer, read, 2048).pairs
    accepted, rejected = [pair.chosen for pair in pairs], [pair.rejected for pair in pairs]
    paired = collate_pairs(pairs, {pair.key: (-10.0, -20.0) for pair in pairs}, fast)
    made = {}
    for name, loss, batch in (
        ("sft, accepted", supervised_step, collate(accepted)),
        ("sft, both", supervised_step, collate(accepted + rejected)),
        ("dpo", preference_step, paired),
        ("dpo, reference", with_reference, paired),
        ("mlx-tune", stock_loss(), stock_batch(accepted, rejected)),
    ):
        model = adapted_model(directory)
        if name == "mlx-tune":
            gated_delta_patch.remove()
        else:
            fast_path.enable(model, fast)
        made[name] = update_with(model, loss, batch)
        made[name]()
    return made


def stock_batch(accepted: list, rejected: list) -> dict:
    """The same pairs as mlx-tune's trainer batches them: padded to multiples of 64, without positions."""
    import mlx.core as mx

    longest = max(len(row.tokens) for row in accepted + rejected)
    width = -(-longest // 64) * 64

    def padded(some):
        return mx.array([row.tokens + [0] * (width - len(row.tokens)) for row in some])

    def lengths(some):
        return mx.array([len(row.tokens) for row in some])

    reference = mx.full((len(accepted),), -10.0)
    return {
        "chosen_ids": padded(accepted),
        "rejected_ids": padded(rejected),
        "chosen_lengths": lengths(accepted),
        "rejected_lengths": lengths(rejected),
        "reference_chosen_logprobs": reference,
        "reference_rejected_logprobs": reference,
    }


def stock_loss():
    from mlx_tune.losses import dpo_loss

    return lambda model, batch: dpo_loss(model=model, beta=BETA, **batch)[0]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, default=MODEL, metavar="DIR")
    parser.add_argument("--pairs", type=int, default=4, metavar="N", help="pairs a step")
    parser.add_argument("--rounds", type=int, default=10, metavar="N")
    given = parser.parse_args()
    linux_cpu.use_openblas()
    updates = sides(given.model, given.pairs)
    seconds: dict[str, list[float]] = {name: [] for name in updates}
    for _ in range(given.rounds):
        for name, update in updates.items():
            began = time.process_time()
            update()
            seconds[name].append(time.process_time() - began)
    print(f"{given.pairs} pairs a step, {given.rounds} rounds, median CPU seconds and ratios\n")
    print(f"{'':16} {'seconds':>8} {'of sft, accepted':>17} {'of sft, both':>13}")
    for name, took in seconds.items():
        ratios = [
            statistics.median(a / b for a, b in zip(took, seconds[other], strict=True))
            for other in ("sft, accepted", "sft, both")
        ]
        print(f"{name:16} {statistics.median(took):8.3f} {ratios[0]:17.2f} {ratios[1]:13.2f}")


if __name__ == "__main__":
    main()
