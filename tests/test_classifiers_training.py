"""The two networks of one training: the first finds hard examples, the second is the result; a stop in either costs nothing."""

import numpy as np
import pytest

from fae_training import runs
from fae_training.classifiers import encoder, training
from fae_training.classifiers.classes import CLASSIFIERS, MEMBERS
from fae_training.errors import Cancelled
from fae_training.kinds import KINDS
from fae_training.state import Home
from quiet_session import QuietSession
from test_classifiers_examples import recordings

EAR = CLASSIFIERS["keyword"]
STEPS = 12
SETTINGS = (
    KINDS["keyword"].defaults | KINDS["keyword"].presets["smoke"]
    | {"steps": STEPS, "batch_size": 8, "stream_minutes": 1, "patience": None}
)  # fmt: skip


class Listener(QuietSession):
    """What train_classifier tells; it asks for a stop when fit() has asked `stop_after` times."""

    def __init__(self, stop_after: int | None = None):
        self.left, self.said = stop_after, []

    def should_stop(self) -> bool:
        if self.left is None:
            return False
        self.left -= 1
        return self.left < 0

    def status(self, word: str) -> None:
        self.said.append(word)

    def report(self, values: dict) -> None:
        self.said.append(f"step {values['step']}")

    def log(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture(scope="module")
def sounds():
    made = recordings(dict.fromkeys(EAR.classes, 6))
    return made, recordings(dict.fromkeys(EAR.classes, 2), seed=9)


def train(run, sounds, stop_after=None, **changed):
    session = Listener(stop_after)
    arrays, _, _, result, examples = training.train_classifier(
        *sounds, EAR, SETTINGS | changed, run, session
    )
    return arrays, result, examples, session


@pytest.fixture(scope="module")
def whole(sounds, tmp_path_factory):
    run = runs.create(Home(tmp_path_factory.mktemp("home")), "keyword", {})
    return run, *train(run, sounds)


def test_the_second_network_trains_on_what_the_first_took_for_a_trigger(whole):
    run, _, result, examples, session = whole
    windows, labels = examples.mistakes
    assert len(windows) == len(labels) > 100
    assert result.steps_done == STEPS
    assert f"{len(labels)} windows that the first network took" in " ".join(session.said)
    # A third of the steps, told in the log; the run's own reports are those of the second alone.
    assert "first network: step=4" in " ".join(session.said)
    assert next(s for s in session.said if s.startswith("step")) == "step 0"
    assert (run.directory / "first" / "checkpoints").is_dir()


@pytest.mark.parametrize("stop_after", [2, 9])
def test_a_run_stopped_in_either_network_goes_on_to_the_same_result(
    whole, sounds, home, stop_after
):
    run = runs.create(Home(home), "keyword", {})
    if stop_after == 2:
        # The second network has not begun: there is nothing to keep of it.
        with pytest.raises(Cancelled):
            train(run, sounds, stop_after)
    else:
        _, result, _, _ = train(run, sounds, stop_after)
        assert result.stopped == "cancelled"
    assert (run.directory / "mistakes.npz").exists() == (stop_after == 9)
    arrays, result, _, session = train(run, sounds)
    # What the first network found is kept: it is not trained again.
    assert any("first network" in said for said in session.said) == (stop_after == 2)
    assert (result.stopped, result.steps_done) == ("completed", STEPS)
    for name, array in whole[1].items():
        assert np.array_equal(array, arrays[name]), name


def test_training_starts_from_the_encoder(sounds, home):
    run = runs.create(Home(home), "keyword", {})
    arrays, *_ = train(run, sounds, learning_rate=0.0)
    begun = encoder.load(CLASSIFIERS["keyword"].beginnings)
    assert sum(".convolutions." in name for name in begun) == 9 * MEMBERS
    for name, array in begun.items():
        assert np.array_equal(array, arrays[name]), name
    heads = [arrays[f"members.{n}.output.weight"] for n in range(MEMBERS)]
    assert not np.array_equal(*heads), "they are the same network twice"
