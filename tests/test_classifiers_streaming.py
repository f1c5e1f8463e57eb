"""One classifier three ways: MLX as it trains, numpy over windows and recordings, and chunk by chunk."""

import numpy as np
import pytest

from fae_training.classifiers import features, thresholds
from fae_training.classifiers.classes import CLASSIFIERS, ENSEMBLE_SIZE, LAYERS
from fae_training.classifiers.model_files import specification
from fae_training.classifiers.runtime import Classifier, Stream, Trigger


def random_arrays(classes: int, seed: int = 0) -> dict:
    random = np.random.default_rng(seed)
    arrays = {"mean": random.normal(-6, 1, 40), "deviation": random.uniform(1, 3, 40)}
    for member in range(ENSEMBLE_SIZE):
        of, inputs = f"members.{member}", 40
        for number, layer in enumerate(LAYERS):
            rows, outputs = layer["width"] * inputs, layer["outputs"]
            name = f"{of}.convolutions.{number}"
            arrays[f"{name}.weight"] = random.normal(0, (2 / rows) ** 0.5, (rows, outputs))
            arrays[f"{name}.scale"] = random.uniform(0.5, 1.5, outputs)
            arrays[f"{name}.offset"] = random.normal(0, 0.3, outputs)
            inputs = outputs
        arrays[f"{of}.output.weight"] = random.normal(0, 0.2, (classes, 3 * 40 + 3 * inputs))
        arrays[f"{of}.output.bias"] = random.normal(0, 0.2, classes)
    return {name: array.astype(np.float32) for name, array in arrays.items()}


@pytest.fixture(params=list(CLASSIFIERS))
def classifier(request):
    kind = CLASSIFIERS[request.param]
    return Classifier(random_arrays(len(kind.classes)), specification(kind) | {"temperature": 0.8})


@pytest.fixture(scope="module")
def samples():
    random = np.random.default_rng(1)
    loudness = np.repeat(10 ** random.uniform(-4, -0.5, 100), 1_000)
    return (random.standard_normal(100_000) * loudness).astype(np.float32)


def test_a_stream_of_chunks_gives_what_the_recording_gives_at_once(classifier, samples):
    stream = Stream(classifier)
    chunks = samples[: len(samples) // 576 * 576].reshape(-1, 576)
    heard = [p for chunk in chunks if (p := stream.push(chunk)) is not None]
    whole = classifier.over(features.log_mel(samples))
    assert len(heard) > 100
    assert np.abs(np.array(heard) - whole[: len(heard)]).max() < 1e-4


def test_row_n_of_a_recording_is_the_window_that_starts_at_frame_three_n(classifier, samples):
    frames = features.log_mel(samples)
    whole = classifier.over(frames)
    chosen = [0, 1, 17, len(whole) - 1]
    windows = np.stack([frames[3 * n : 3 * n + classifier.window] for n in chosen])
    assert np.abs(classifier.probabilities(windows) - whole[chosen]).max() < 1e-5


def test_an_hour_in_blocks_is_the_same_as_at_once(classifier):
    random = np.random.default_rng(2)
    frames = random.normal(-6, 3, (3 * 5_000, 40)).astype(np.float32)
    whole = classifier.over(frames)
    part = classifier.over(frames[3 * 4_000 :])
    assert np.abs(whole[4_000:] - part).max() < 1e-5


def test_mlx_and_numpy_compute_the_same():
    import mlx.core as mx
    from mlx.utils import tree_flatten

    from fae_training.classifiers.network import Ensemble

    mx.random.seed(3)
    kind = CLASSIFIERS["keyword"]
    ensemble = Ensemble(list(LAYERS), 5, np.full(40, -5.0), np.full(40, 2.0))
    ensemble.eval()
    arrays = {name: np.array(a) for name, a in tree_flatten(ensemble.trainable_parameters())}
    arrays |= {"mean": np.full(40, -5.0, np.float32), "deviation": np.full(40, 2.0, np.float32)}
    x = np.random.default_rng(4).normal(-5, 2, (7, 79, 40)).astype(np.float32)
    ours = Classifier(arrays, specification(kind))
    assert np.abs(ours.logits(x) - np.array(ensemble(mx.array(x)))).max() < 1e-4
    assert ours.parameters == 76_186  # of at most 100,000


def test_in_training_each_network_has_rows_of_its_own():
    import mlx.core as mx

    from fae_training.classifiers.network import Ensemble

    mx.random.seed(4)
    ensemble = Ensemble(list(LAYERS), 5, np.zeros(40), np.ones(40))
    ensemble.eval()
    x = mx.random.normal((6, 79, 40))
    together, rows = np.array(ensemble(x)), np.array(ensemble.in_turn(x))
    alone = []
    for network in list(ensemble.members):
        ensemble.members = [network]
        alone.append(np.array(ensemble(x)))
    assert np.abs(np.mean(alone, axis=0) - together).max() < 1e-5
    for number in range(6):
        assert np.abs(rows[number] - alone[number % ENSEMBLE_SIZE][number]).max() < 1e-5
    assert np.abs(alone[0] - alone[1]).max() > 0.1


def test_a_chunk_of_another_length_is_refused(classifier):
    with pytest.raises(ValueError, match=r"\(576,\)"):
        Stream(classifier).push(np.zeros(480, np.float32))


def test_there_is_no_output_before_the_first_whole_window(classifier):
    stream = Stream(classifier)
    silent = [stream.push(np.zeros(576, np.float32)) is None for _ in range(70)]
    first = silent.index(False)
    network = classifier.networks[0]
    needed = network.hidden_frames(classifier.window)
    assert network.hidden_frames(features.frame_count((first + 1) * 576)) == needed
    assert network.hidden_frames(features.frame_count(first * 576)) == needed - 1


def test_a_trigger_in_a_stream_fires_where_the_threshold_was_chosen():
    random = np.random.default_rng(5)
    probability = np.clip(random.normal(0.5, 0.3, 3_000), 0, 1)
    for smoothing in (1, 3):
        spec = {
            "threshold": 0.8,
            "smoothing_chunks": smoothing,
            "refractory_chunks": thresholds.REFRACTORY_CHUNKS,
        }
        trigger = Trigger(spec)
        fired = [n for n, p in enumerate(probability) if trigger.push(float(p))]
        assert fired == thresholds.alarms(thresholds.smoothed(probability, smoothing), 0.8)
        assert min(np.diff(fired)) > 28
