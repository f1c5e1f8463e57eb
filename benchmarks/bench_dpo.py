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
    uv run benchmarks/bench_dpo.py --write docs/preferences.md

Per round, each side makes one update from the same pairs:
  SFT, accepted answers           the same prompts, half of the rows
  SFT, both answers               accepted and rejected answers: the same tokens
  DPO                             our step, with its reference measured before
  DPO, reference in every step    the same, with the reference computed in every step instead of stored
  mlx-tune's DPO                  the stock DPOTrainer's loss and update on the same pairs (summed in its own way)
Seconds are CPU seconds of this process; the ratio counts, a median over rounds, because a shared machine is noisy.
"""

import argparse
import functools
import random
import statistics
import sys
import time
from pathlib import Path

import page
from fae_training.environment import mlx_on_linux
from fae_training.lifecycle import results

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
sys.path.insert(0, str(SAMPLES))
MODEL = SAMPLES / "language-model"
RANK, SCALE, BETA = 16, 2.0, 0.1
ACCEPTED, BOTH, STOCK = "SFT, accepted answers", "SFT, both answers", "mlx-tune's DPO"


def rows(count: int) -> list:
    """Corrections of the sample world, all under the system prompt that Fae uses."""
    import world
    from fae_training.rows.row_forms import PreferencePair

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
    """A function that makes one update of `model` and waits for it; loss(model, batch) is a scalar."""
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
    """{name: function that makes one update}, each run once already, so that nothing is prepared in a round."""
    import mlx.core as mx
    from mlx_lm import load

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
    from fae_training.rows import training_rows

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
        (ACCEPTED, supervised_step, collate(accepted)),
        (BOTH, supervised_step, collate(accepted + rejected)),
        ("DPO", preference_step, paired),
        ("DPO, reference in every step", with_reference, paired),
        (STOCK, stock_loss(), stock_batch(accepted, rejected)),
    ):
        model = adapted_model(directory)
        if name == STOCK:
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
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the result in this page")
    given = parser.parse_args()
    mlx_on_linux.set_up()
    updates = sides(given.model, given.pairs)
    seconds: dict[str, list[float]] = {name: [] for name in updates}
    for _ in range(given.rounds):
        for name, update in updates.items():
            began = time.process_time()
            update()
            seconds[name].append(time.process_time() - began)
    text = as_markdown(seconds, given.pairs, given.rounds)
    print(text)
    if given.write:
        page.write_section(given.write, "bench-dpo", "What a step costs", text)


def as_markdown(seconds: dict[str, list[float]], pairs: int, rounds: int) -> str:
    rows = []
    for name, took in seconds.items():
        ratios = [
            statistics.median(a / b for a, b in zip(took, seconds[other], strict=True))
            for other in (ACCEPTED, BOTH)
        ]
        rows.append([name, f"{statistics.median(took):.3f}", *(f"{ratio:.2f}" for ratio in ratios)])
    head = ["step", "CPU seconds", f"relative to {ACCEPTED}", f"relative to {BOTH}"]
    about = f"{pairs} pairs a step, medians of {rounds} interleaved rounds. {page.machine(results.versions())}."
    return "\n".join([about, "", *page.table(head, rows)])


if __name__ == "__main__":
    main()
