"""The training of an ensemble: from pretrained convolutions, and to the same result after a stop."""

import numpy as np
import pytest

from fae_training.classifiers import training
from fae_training.classifiers.classes import CLASSIFIERS, ENSEMBLE_SIZE
from fae_training.classifiers.examples import Examples
from fae_training.classifiers.network import pretrained
from fae_training.classifiers.validation import ValidationSet
from fae_training.lifecycle import runs
from fae_training.lifecycle.kinds import KINDS
from fae_training.store.state import Home
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
    return training.fit_ensemble(examples, held_out, settings, run, session)


def test_a_run_that_was_stopped_resumes_to_the_same_result(sounds, tmp_path):
    first, second = (runs.create(Home(tmp_path / name), "keyword", {}) for name in "ab")
    whole = train(first, sounds)
    assert (whole.result.stopped, whole.result.steps_done) == ("completed", STEPS)
    assert train(second, sounds, stop_after=9).result.stopped == "cancelled"
    resumed = train(second, sounds)
    assert (resumed.result.stopped, resumed.result.steps_done) == ("completed", STEPS)
    for name, array in whole.arrays.items():
        assert np.array_equal(array, resumed.arrays[name]), name


def test_training_starts_from_the_pretrained_convolutions(sounds, home):
    run = runs.create(Home(home), "keyword", {})
    arrays, _ = train(run, sounds, learning_rate=0.0)
    begun = pretrained(CLASSIFIERS["keyword"].pretrained)
    assert sum(".convolutions." in name for name in begun) == 9 * ENSEMBLE_SIZE
    for name, array in begun.items():
        assert np.array_equal(array, arrays[name]), name
    heads = [arrays[f"members.{n}.output.weight"] for n in range(ENSEMBLE_SIZE)]
    assert not np.array_equal(*heads), "they are the same network twice"
