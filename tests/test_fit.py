"""The training loop: its steps, what stops it, what it stores, and that a resumed run equals an uninterrupted one.

Long: it tests every property of the one loop that all kinds train with.
"""

import contextlib
import math

import pytest

from fae_training.calls.errors import BadRequest, Failed
from fae_training.fitting.fit import fit, learning_rate_at
from fae_training.fitting.fit_settings import FitSettings
from fae_training.lifecycle import runs
from fae_training.store import state
from quiet_session import QuietSession


class Recorder(QuietSession):
    """A session that records its calls and requests a stop after `stop_after` reports."""

    def __init__(self, stop_after: int | None = None):
        self.reports, self.times_left, self.stop_after = [], [], stop_after

    def should_stop(self) -> bool:
        steps = [report for report in self.reports if "loss" in report]
        return self.stop_after is not None and len(steps) >= self.stop_after

    @contextlib.contextmanager
    def stage(self, name: str, total: int | None = None, left=None):
        self.left = left
        yield

    def progressed(self, done: int, total: int | None = None) -> None:
        self.times_left.append(self.left())

    def report(self, values: dict) -> None:
        self.reports.append(values)

    def column(self, name: str) -> list:
        return [report[name] for report in self.reports if name in report]


class Points:
    """Rows of a line with noise, `size` at a time, of uneven weight; `poison` is a batch whose target is NaN."""

    def __init__(self, size: int = 2, rows: int = 24, poison: int | None = None):
        import mlx.core as mx

        self.size, self.poison = size, poison
        key = mx.random.key(5)
        self.x = mx.random.normal((rows, 3), key=key)
        self.y = self.x @ mx.array([1.0, -2.0, 0.5]) + 0.1 * mx.arange(rows) / rows
        self.weight = 1.0 + mx.arange(rows) % 3

    def batch_at(self, index: int) -> dict:
        import mlx.core as mx

        rows = mx.arange(index * self.size, (index + 1) * self.size) % len(self.y)
        y = self.y[rows] + (mx.array(float("nan")) if index == self.poison else 0.0)
        return {"x": self.x[rows], "y": y, "weight": self.weight[rows]}

    def tokens(self, index: int) -> tuple[int, int]:
        return 10 * self.size, 3 * self.size


def squared(model, batch):
    """Weighted sums, and the mean size of a prediction as a named value."""
    import mlx.core as mx

    predicted = model(batch["x"]).squeeze(-1)
    loss = (batch["weight"] * mx.square(predicted - batch["y"])).sum()
    return loss, batch["weight"].sum(), {"size": (batch["weight"] * mx.abs(predicted)).sum()}


def dropped(model, batch):
    """As `squared`, with a random part, so that the random state matters."""
    import mlx.core as mx

    kept = mx.random.bernoulli(0.7, batch["x"].shape)
    return squared(model, batch | {"x": batch["x"] * kept})


def make_model():
    import mlx.core as mx
    import mlx.nn as nn

    mx.random.seed(3)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))


@pytest.fixture
def run(home):
    return runs.create(state.Home(home), "sft", {"settings": {}})


def train(run, *, loss=squared, batches=None, validate=None, recorder=None, model=None, **changed):
    """(result, recorder, model) of a short training; settings as given."""
    settings = {
        "steps": 6,
        "learning_rate": 0.05,
        "report_every": 1,
        "validate_every": 2,
        "save_every": 2,
        "compiled": False,
    }
    recorder, model = recorder or Recorder(), model or make_model()
    result = fit(
        model, FitSettings(**settings | changed), loss, batches or Points(), validate, run, recorder
    )
    return result, recorder, model


def weights(model) -> dict[str, bytes]:
    from mlx.utils import tree_flatten

    return {name: bytes(memoryview(value)) for name, value in tree_flatten(model.parameters())}


def largest_difference(first, second) -> float:
    import mlx.core as mx
    from mlx.utils import tree_flatten

    pairs = zip(tree_flatten(first.parameters()), tree_flatten(second.parameters()), strict=True)
    return max(mx.abs(a - b).max().item() for (_, a), (_, b) in pairs)


def another(run) -> runs.Run:
    return runs.create(run.home, "sft", {"settings": {}})


def test_accumulated_micro_batches_equal_the_large_batch(run):
    """Rows weigh 1, 2 or 3: a mean of means over the micro-batches would be another gradient."""
    result, recorder, large = train(run, batches=Points(6), max_gradient_norm=100.0)
    small_result, small_recorder, small = train(
        another(run), batches=Points(2), gradient_accumulation=3, max_gradient_norm=100.0
    )
    assert largest_difference(large, make_model()) > 0.1, "it was trained"
    assert largest_difference(large, small) < 1e-6
    for name in ("loss", "gradient_norm", "size"):
        assert small_recorder.column(name) == pytest.approx(recorder.column(name), rel=1e-5)
    assert result.applied["updates"] == small_result.applied["updates"] == 6


def test_accumulation_equals_the_large_batch_on_a_language_model_too(run):
    import random

    import tiny_qwen
    from fae_training.language.batches import collate, count_tokens
    from fae_training.language.fast_settings import FastSettings
    from fae_training.language.rows import TokenRow
    from fae_training.language.supervised_loss import language_loss

    fast = FastSettings.off()
    chooser = random.Random(1)
    lengths = ((9, 2), (17, 9), (12, 3), (20, 11))
    rows = [TokenRow(tiny_qwen.tokens(chooser, total), first) for total, first in lengths]

    class Rows:
        def __init__(self, size):
            self.size = size

        def some(self, index):
            return [rows[(index * self.size + i) % len(rows)] for i in range(self.size)]

        def batch_at(self, index):
            return collate(self.some(index), False)

        def tokens(self, index):
            return count_tokens(self.some(index))

    trained = []
    for size, accumulation in ((4, 1), (1, 4)):
        model = tiny_qwen.with_adapter(tiny_qwen.make_model())
        train(
            another(run),
            model=model,
            loss=lambda model, batch: language_loss(model, batch, fast),
            batches=Rows(size),
            gradient_accumulation=accumulation,
            steps=2,
            learning_rate=1e-3,
        )
        trained.append(model)
    untrained = tiny_qwen.with_adapter(tiny_qwen.make_model())
    assert largest_difference(trained[0], untrained) > 1e-3
    # The sums go in another order, and the first updates of AdamW are as large for a small gradient as for a large one.
    assert largest_difference(*trained) < 3e-4


def test_the_learning_rate_warms_up_from_a_part_and_falls_along_a_cosine(run):
    _, recorder, _ = train(run, steps=8, warmup_steps=3, learning_rate=0.12)
    cosine = [0.06 * (1 + math.cos(math.pi * done / 5)) for done in range(5)]
    assert recorder.column("lr") == pytest.approx([0.04, 0.08, 0.12, *cosine])


def test_the_learning_rate_that_is_reported_is_what_moved_the_weights(run):
    """The first update of AdamW without decay is in proportion to the learning rate, whatever the gradient."""
    moved = []
    for warmup in (0, 4):
        model = make_model()
        _, recorder, _ = train(
            another(run), model=model, steps=1, warmup_steps=warmup, weight_decay=0.0
        )
        moved.append(largest_difference(model, make_model()))
        assert recorder.column("lr") == pytest.approx([0.05 / max(warmup, 1)])
    assert moved[1] / moved[0] == pytest.approx(1 / 4, rel=1e-3)


def test_a_constant_schedule_stays_and_an_unknown_one_is_refused():
    constant = FitSettings(steps=10, learning_rate=0.1, schedule="constant", warmup_steps=2)
    assert [learning_rate_at(step, constant) for step in (1, 2, 3, 10)] == [0.05, 0.1, 0.1, 0.1]
    with pytest.raises(BadRequest, match="no schedule 'linear'; expected one of cosine, constant"):
        FitSettings(steps=10, learning_rate=0.1, schedule="linear")


def test_weight_decay_is_applied(run):
    kept, _, with_decay = train(run, steps=1, weight_decay=0.5)
    _, _, without = train(another(run), steps=1, weight_decay=0.0)
    assert largest_difference(with_decay, without) > 1e-3
    assert kept.applied["weight_decay"] == 0.5


def test_gradients_are_clipped_to_the_norm_and_the_true_norm_is_reported(run):
    import mlx.core as mx
    import mlx.nn as nn
    from mlx.utils import tree_flatten

    model, batch = make_model(), Points().batch_at(0)
    value_and_gradient = nn.value_and_grad(model, lambda m, b: squared(m, b)[0])
    loss, gradient = value_and_gradient(model, batch)
    total = batch["weight"].sum()
    norm = mx.sqrt(sum(mx.square(g / total).sum() for _, g in tree_flatten(gradient))).item()
    # SGD would show the clipped size at once; AdamW shows it in its first moment, (1 - beta1) times the gradient.
    _, recorder, _ = train(run, steps=1, max_gradient_norm=norm / 4, save_every=1)
    assert recorder.column("gradient_norm") == pytest.approx([norm], rel=1e-5)
    arrays = mx.load(str(run.file("checkpoints", "latest.safetensors")))
    moments = [value for name, value in arrays.items() if name.endswith(".m")]
    applied = mx.sqrt(sum(mx.square(m / 0.1).sum() for m in moments)).item()
    assert applied == pytest.approx(norm / 4, rel=1e-4)
    assert recorder.column("loss") == pytest.approx([(loss / total).item()], rel=1e-5)


def test_a_loss_that_is_not_finite_stops_the_run_and_publishes_nothing(run):
    with pytest.raises(Failed, match="step 4: the loss is nan; no adapter was saved") as failed:
        train(run, batches=Points(poison=3), validate=lambda step: {"val_loss": 1.0}, save_every=1)
    assert failed.value.code == "not_finite" and failed.value.exit_status == 6
    import mlx.core as mx

    for path in run.file("checkpoints").iterdir():
        for name, value in mx.load(str(path)).items():
            assert mx.all(mx.isfinite(value)).item(), f"{name} in {path.name}"
    _, kept = mx.load(str(run.file("checkpoints", "latest.safetensors")), return_metadata=True)
    assert kept["step"] == "3"


def test_a_validation_that_is_not_finite_stops_the_run(run):
    values = iter([1.0, float("inf")])
    with pytest.raises(Failed, match=r"step 2: .*inf"):
        train(run, validate=lambda step: {"val_loss": next(values)})
    assert not run.file("checkpoints", "best.safetensors").exists()


def test_a_micro_batch_without_a_target_does_not_become_nan(run):
    class Empty(Points):
        def batch_at(self, index):
            batch = super().batch_at(index)
            return batch | {"weight": batch["weight"] * 0}

    result, _, model = train(run, batches=Empty(), steps=2, weight_decay=0.0)
    assert result.loss == 0.0 and largest_difference(model, make_model()) == 0.0


@pytest.mark.parametrize(
    "best, values, step", [("lowest", [5, 3, 2, 4], 4), ("highest", [5, 3, 9, 4], 4), ("lowest", [5, 1, 1, 1], 2)]
)  # fmt: skip
def test_the_best_checkpoint_is_returned(run, best, values, step):
    seen, source = [], iter(values)
    model = make_model()

    def validate(step):
        seen.append(weights(model))
        return {"accuracy": float(next(source))}

    result, recorder, _ = train(
        run, model=model, validate=validate, best=best, best_metric="accuracy"
    )
    assert (result.best_step, result.best_value, result.steps_done) == (step, values[step // 2], 6)
    assert {name: bytes(memoryview(a)) for name, a in result.best_parameters.items()} == seen[
        step // 2
    ]
    assert result.first_value == 5 and recorder.column("accuracy") == values


def test_without_a_validation_set_the_last_step_is_the_best(run):
    result, _, model = train(run)
    assert result.best_step == 6 and result.best_value is None
    assert {n: bytes(memoryview(a)) for n, a in result.best_parameters.items()} == weights(model)


def test_patience_ends_a_run_that_no_longer_improves(run):
    values = iter([9, 5, 6, 7, 1, 1])
    result, _, _ = train(
        run, steps=20, validate=lambda step: {"val_loss": float(next(values))}, patience=2
    )
    assert (result.stopped, result.steps_done, result.best_step) == ("early", 6, 2)


def test_a_validation_can_end_a_run(run):
    values = iter([9, 5, 3, 1])
    result, _, _ = train(
        run,
        validate=lambda step: {"val_loss": float(next(values))},
        stop_when=lambda v: v["val_loss"] < 4,
    )
    assert (result.stopped, result.steps_done, result.best_value) == ("early", 4, 3.0)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(run):
    found = [weights(train(another(run), loss=dropped, seed=seed)[2]) for seed in (1, 1, 2)]
    assert found[0] == found[1] != found[2]


@pytest.mark.usefixtures("compiling")
@pytest.mark.parametrize("compiled", [False, True])
def test_a_run_that_is_stopped_and_resumed_ends_in_the_same_bytes(run, compiled):
    """Twice five steps are ten: parameters, optimizer, schedule, data position, random state, best so far."""

    def going(run, model, recorder=None):
        values = {0: 9.0, 2: 3.0, 4: 4.0, 6: 5.0, 8: 2.0, 10: 7.0}
        used_recorder = recorder or Recorder()

        def validate(step):
            done = [r["step"] for r in used_recorder.reports if "loss" in r]
            return {"val_loss": values[done[-1] if done else 0]}

        return train(
            run, model=model, loss=dropped, steps=10, warmup_steps=2, gradient_accumulation=2,
            validate=validate, recorder=used_recorder, compiled=compiled, seed=4,
        )  # fmt: skip

    whole, recorder, whole_model = going(run, make_model())
    parted = another(run)
    first, _, _ = going(parted, make_model(), Recorder(stop_after=5))
    assert (first.stopped, first.steps_done) == ("cancelled", 5)
    second_recorder = Recorder()
    second, _, model = going(parted, make_model(), second_recorder)
    assert weights(model) == weights(whole_model)
    assert [r["step"] for r in second_recorder.reports if "loss" in r] == [6, 7, 8, 9, 10]
    assert second_recorder.column("loss") == recorder.column("loss")[5:]
    assert second_recorder.column("lr") == recorder.column("lr")[5:]
    for name in ("best_step", "best_value", "first_value", "steps_done", "loss", "stopped"):
        assert getattr(second, name) == getattr(whole, name), name
    same = [bytes(memoryview(r.best_parameters["layers.0.weight"])) for r in (whole, second)]
    assert same[0] == same[1]


def test_a_run_that_died_between_checkpoints_repeats_the_lost_steps(run):
    """A kill at step 5 of a run that saves every second step: step 5 is made again, from the checkpoint of step 4."""
    whole, _, whole_model = train(run, loss=dropped)
    parted = another(run)

    class Killed(Recorder):
        def report(self, values):
            super().report(values)
            if values["step"] == 5:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(parted, loss=dropped, recorder=Killed())
    second, recorder, model = train(parted, loss=dropped)
    assert [r["step"] for r in recorder.reports] == [5, 6]
    assert weights(model) == weights(whole_model) and second.loss == whole.loss


def test_a_run_that_died_after_its_last_step_resumes_to_its_result(run):
    first, _, model = train(run, validate=lambda step: {"val_loss": 1.0})
    again, recorder, same = train(run, validate=lambda step: {"val_loss": 1.0})
    assert recorder.reports == [] and weights(same) == weights(model)
    for name in ("best_step", "best_value", "steps_done", "loss", "applied"):
        assert getattr(again, name) == getattr(first, name), name


@pytest.mark.parametrize("end", [4, 6])
def test_a_run_that_was_ended_by_a_validation_and_died_while_it_was_scored_does_not_train_on(
    run, end
):
    """The monitor gets the validation that ended the run again; otherwise the run would continue or lose its notes."""
    validated = []

    def watching(values) -> bool:
        validated.append(values["val_loss"])
        return values["val_loss"] <= 10 - end

    def watched(**more):
        return train(
            run, validate=lambda step: {"val_loss": 10.0 - step}, stop_when=watching, **more
        )

    first, _, model = watched()
    assert (first.stopped, first.steps_done) == ("early", end)
    for _ in range(2):  # dies again
        validated.clear()
        again, _, same = watched()
        assert validated == [10 - end] and weights(same) == weights(model)
        for name in ("best_step", "best_value", "steps_done", "stopped", "loss", "applied"):
            assert getattr(again, name) == getattr(first, name), name


@pytest.mark.usefixtures("compiling")
def test_compiled_and_uncompiled_steps_agree(run):
    compiled, plain = train(run, compiled=True)[2], train(another(run))[2]
    assert largest_difference(compiled, plain) < 1e-6


def test_reports_are_means_over_the_steps_between_them(run):
    _, every, _ = train(run, steps=5)
    _, some, _ = train(another(run), steps=5, report_every=2)
    loss = every.column("loss")
    assert [r["step"] for r in some.reports] == [2, 4, 5]
    assert some.column("loss") == pytest.approx([sum(loss[:2]) / 2, sum(loss[2:4]) / 2, loss[4]])


def test_the_receipt_is_read_back_from_what_trained(run):
    result, _, _ = train(run, gradient_accumulation=3)
    assert result.applied["updates"] == 6 and result.applied["optimizer"] == "AdamW"
    assert result.applied["trainable_parameters"] == 3 * 8 + 8 + 8 + 1
    rate = learning_rate_at(6, FitSettings(steps=6, learning_rate=0.05))
    assert result.applied["last_learning_rate"] == pytest.approx(rate)
    assert result.supervised_tokens_per_s / result.tokens_per_s == pytest.approx(0.3, rel=0.01)


def test_a_frozen_part_is_neither_trained_nor_kept(run):
    model = make_model()
    model.layers[0].freeze()
    before = weights(model)
    result, _, _ = train(run, model=model)
    after = weights(model)
    assert {n for n in after if after[n] != before[n]} == {"layers.2.weight", "layers.2.bias"}
    assert set(result.best_parameters) == {"layers.2.weight", "layers.2.bias"}


def test_training_continues_in_train_mode_after_a_validation(run):
    model, modes = make_model(), []

    def watching(model, batch):
        modes.append(model.training)
        return squared(model, batch)

    validations = []

    def validate(step):
        validations.append(model.training)
        return {"val_loss": 1.0}

    train(run, model=model, loss=watching, validate=validate)
    assert set(modes) == {True} and set(validations) == {False}


def test_nothing_is_validated_before_validate_from_and_the_end_always_is(run):
    asked = []

    def validate(step):
        asked.append(len(asked))
        return {"val_loss": float(len(asked))}

    result, recorder, _ = train(run, validate=validate, steps=7, validate_from=3)
    judged = [values["step"] for values in recorder.reports if "val_loss" in values]
    assert judged[-3:] == [4, 6, 7] and 2 not in judged
    assert result.best_step == 4, "each later one is worse; step 2 would have been better"


def test_every_setting_that_a_run_has_for_the_loop_reaches_it():
    asked = {
        "steps": 40,
        "learning_rate": 3e-4,
        "gradient_accumulation": 3,
        "schedule": "constant",
        "weight_decay": 0.2,
        "seed": 9,
        "max_gradient_norm": 0.7,
    }
    of_run = asked | {"warmup_ratio": 0.1, "rank": 8}
    settings = FitSettings.of(of_run, patience=2)
    assert {name: getattr(settings, name) for name in asked} == asked
    assert (settings.warmup_steps, settings.patience) == (4, 2)
    with pytest.raises(KeyError, match="seed"):
        FitSettings.of({name: value for name, value in of_run.items() if name != "seed"})
