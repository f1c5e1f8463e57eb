"""Hard negatives: the windows of a stream without triggers that are most like one, with the class of their scene."""

import numpy as np
import pytest

from fae_training.classifiers import streams, training
from fae_training.classifiers.augmentation import Augmentation
from fae_training.classifiers.classes import CLASSIFIERS
from fae_training.classifiers.examples import Examples
from fae_training.classifiers.model_files import specification
from fae_training.classifiers.runtime import Classifier
from test_classifiers_examples import recordings
from test_classifiers_streaming import random_arrays

KIND = CLASSIFIERS["keyword"]
SECONDS = 240


@pytest.fixture(scope="module")
def sounds():
    return recordings(dict.fromkeys(KIND.classes, 6))


@pytest.fixture(scope="module")
def classifier():
    return Classifier(random_arrays(5), specification(KIND))


def test_the_windows_are_those_with_the_highest_trigger_probability(sounds, classifier):
    windows, labels = training.mine(classifier, sounds, KIND, SECONDS, most=20, seed=4)
    stream = streams.compose(sounds, KIND, SECONDS, 4, with_events=False)
    everywhere = classifier.over(stream.log_mel)
    middle = windows[:, training.SLACK : -training.SLACK]
    assert middle.shape[1:] == (classifier.window, 40)
    found = classifier.probabilities(middle)
    for number, name in enumerate(("interrupt", "wake")):
        column = KIND.classes.index(name)
        half = found[len(found) // 2 * number :][: len(found) // 2, column]
        assert half.max() == pytest.approx(everywhere[:, column].max(), abs=1e-4)
        assert half.min() > np.quantile(everywhere[:, column], 0.9)
    assert not {KIND.classes.index(name) for name in KIND.triggers} & set(labels.tolist())


def test_a_window_is_labelled_with_the_class_of_its_scene(classifier):
    only = recordings({"noise": 6, "silence": 6, "wake": 2})
    _, labels = training.mine(classifier, only, KIND, SECONDS, most=200, seed=0)
    stream = streams.compose(only, KIND, SECONDS, 0, with_events=False)
    assert len(stream.log_mel) == len(stream.scenes) * streams.SCENE_FRAMES
    assert set(stream.scenes) >= {"noise", "quiet", "speech"}
    assert {KIND.classes[label] for label in labels} == {"noise", "silence", "speech"}


def test_hard_negatives_are_their_share_of_the_examples_and_none_without_it(sounds, classifier):
    windows, labels = training.mine(classifier, sounds, KIND, SECONDS, most=20, seed=4)
    # A mark that no sound has, to be known again in a batch.
    windows = np.full_like(windows, 9.0)
    for share in (0.0, 0.4):
        examples = Examples(sounds, KIND, 500, 0, Augmentation(hard_negatives=share, pitches=0))
        examples.hard_negatives = (windows, labels)
        x, y = examples.arrays_at(0)
        marked = (np.median(x.reshape(len(x), -1), axis=1) > 7.5).nonzero()[0]
        assert len(marked) / len(x) == pytest.approx(share, abs=0.07)
        assert set(y[marked]) <= set(labels)
