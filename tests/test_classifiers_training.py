"""The two models of one training: the first finds hard negatives, the second is the result; a stop in either loses nothing."""

import numpy as np
import pytest

from fae_training import runs
from fae_training.classifiers import training
from fae_training.classifiers.classes import CLASSIFIERS, ENSEMBLE_SIZE
from fae_training.classifiers.examples import Examples
from fae_training.classifiers.network import pretrained
from fae_training.classifiers.validation import ValidationSet
from fae_training.errors import Cancelled
from fae_training.kinds import KINDS
from fae_training.state import Home
from quiet_session import QuietSession
from test_classifiers_examples import recordings

KIND = CLASSIFIERS["keyword"]
STEPS = 12
SETTINGS = (
    KINDS["keyword"].defaults | KINDS["keyword"].presets["smoke"]
    | {"steps": STEPS, "batch_size": 8, "stream_minutes": 1, "patience": None}
)  # fmt: skip


class Listener(QuietSession):
    """What the training reports; it asks for a stop when fit() has asked `stop_after` times."""

    def __init__(self, stop_after: int | None = None):
        self.left, self.reports = stop_after, []

    def should_stop(self) -> bool:
        if self.left is None:
            return False
        self.left -= 1
        return self.left < 0

    def status(self, word: str) -> None:
        self.reports.append(word)

    def report(self, values: dict) -> None:
        self.reports.append(f"step {values['step']}")

    def log(self, text: str) -> None:
        self.reports.append(text)


@pytest.fixture(scope="module")
def sounds():
    made = recordings(dict.fromkeys(KIND.classes, 6))
    return made, recordings(dict.fromkeys(KIND.classes, 2), seed=9)


def train(run, sounds, stop_after=None, **changed):
    session, settings = Listener(stop_after), SETTINGS | changed
    training_sounds, valid = sounds
    examples = Examples(training_sounds, KIND, settings["batch_size"], settings["seed"])
    held_out = ValidationSet(valid, KIND, settings["seed"])
    arrays, _, result = training.fit_with_hard_negatives(
        examples, training_sounds, held_out, settings, run, session
    )
    return arrays, result, examples, session


@pytest.fixture(scope="module")
def whole(sounds, tmp_path_factory):
    run = runs.create(Home(tmp_path_factory.mktemp("home")), "keyword", {})
    return run, *train(run, sounds)


def test_the_second_model_trains_on_the_hard_negatives_of_the_first(whole):
    run, _, result, examples, session = whole
    windows, labels = examples.hard_negatives
    assert len(windows) == len(labels) > 100
    assert result.steps_done == STEPS
    assert f"{len(labels)} hard negatives of the first model" in " ".join(session.reports)
    # A third of the steps, reported in the log; metrics.jsonl has only those of the second model.
    assert "first model: step=4" in " ".join(session.reports)
    assert next(s for s in session.reports if s.startswith("step")) == "step 0"
    assert (run.directory / "first" / "checkpoints").is_dir()


@pytest.mark.parametrize("stop_after", [2, 9])
def test_a_run_stopped_in_either_model_resumes_to_the_same_result(whole, sounds, home, stop_after):
    run = runs.create(Home(home), "keyword", {})
    if stop_after == 2:
        # The second model has not begun: there is nothing to keep of it.
        with pytest.raises(Cancelled):
            train(run, sounds, stop_after)
    else:
        _, result, _, _ = train(run, sounds, stop_after)
        assert result.stopped == "cancelled"
    assert (run.directory / "hard_negatives.npz").exists() == (stop_after == 9)
    arrays, result, _, session = train(run, sounds)
    # What the first model found is kept: it is not trained again.
    assert any("first model" in line for line in session.reports) == (stop_after == 2)
    assert (result.stopped, result.steps_done) == ("completed", STEPS)
    for name, array in whole[1].items():
        assert np.array_equal(array, arrays[name]), name


def test_training_starts_from_the_pretrained_convolutions(sounds, home):
    run = runs.create(Home(home), "keyword", {})
    arrays, *_ = train(run, sounds, learning_rate=0.0)
    begun = pretrained(CLASSIFIERS["keyword"].pretrained)
    assert sum(".convolutions." in name for name in begun) == 9 * ENSEMBLE_SIZE
    for name, array in begun.items():
        assert np.array_equal(array, arrays[name]), name
    heads = [arrays[f"members.{n}.output.weight"] for n in range(ENSEMBLE_SIZE)]
    assert not np.array_equal(*heads), "they are the same network twice"
