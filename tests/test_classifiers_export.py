"""A run's files are sufficient for its self-test, and for a reader that only knows model.json."""

import json

import numpy as np
import pytest

from fae_training.calls.errors import Refused
from fae_training.classifiers import model_files, runtime
from fae_training.classifiers.classes import CLASSIFIERS
from fae_training.classifiers.features import samples_for
from test_classifiers_streaming import random_arrays


@pytest.fixture(scope="module", params=list(CLASSIFIERS))
def saved(request, tmp_path_factory):
    where = tmp_path_factory.mktemp("adapters")
    kind = CLASSIFIERS[request.param]
    spec = model_files.specification(kind) | {"temperature": 1.3}
    samples = 0.1 * np.random.default_rng(0).standard_normal((10, samples_for(kind.windows[-1])))
    model_files.save(where, random_arrays(len(kind.classes)), spec, samples.astype(np.float32))
    return where


def tensors(path):
    import mlx.core as mx

    return {name: np.array(array) for name, array in mx.load(str(path)).items()}


def test_the_files_pass_their_own_self_test_and_a_changed_weight_does_not(saved, tmp_path):
    import mlx.core as mx

    found = model_files.self_test(saved)
    assert found["largest_difference"] < 1e-5
    assert found["distinct"] > 0.001
    for name in ("model.json", "self_test.safetensors"):
        (tmp_path / name).write_bytes((saved / name).read_bytes())
    arrays = tensors(saved / "model.safetensors")
    arrays["members.1.output.bias"][0] += 0.1
    mx.save_safetensors(
        str(tmp_path / "model.safetensors"), {n: mx.array(a) for n, a in arrays.items()}
    )
    assert model_files.self_test(tmp_path)["largest_difference"] > 1e-4


def test_the_model_is_under_half_a_megabyte(saved):
    size = sum((saved / name).stat().st_size for name in ("model.safetensors", "model.json"))
    assert size < 500_000


def test_model_json_and_the_tensors_alone_give_the_same_probabilities(saved):
    """A second implementation, from the file and nothing else, as a Swift runtime would be."""
    spec, arrays = (
        json.loads((saved / "model.json").read_text()),
        tensors(saved / "model.safetensors"),
    )
    vectors = tensors(saved / "self_test.safetensors")
    samples = vectors["samples"][0].astype(np.float64) / 32768
    frames = []
    for start in range(0, len(samples) - spec["fft_size"] + 1, spec["hop_samples"]):
        spectrum = np.fft.rfft(samples[start : start + spec["fft_size"]] * arrays["window"])
        frames.append(np.log(np.abs(spectrum) ** 2 @ arrays["mel_filterbank"] + spec["log_floor"]))
    x = np.array(frames)
    assert np.abs(x - vectors["log_mel"][0]).max() < 1e-3
    x = (x - arrays["mean"]) / arrays["deviation"]
    change = np.abs(x[1:] - x[:-1]).mean(axis=0)
    of_frames = [x.mean(axis=0), np.sqrt(x.var(axis=0) + spec["epsilon"]), change]
    logits = np.zeros(len(spec["classes"]))
    for member in range(spec["members"]):
        y = x
        for number, layer in enumerate(spec["layers"]):
            name = f"members.{member}.convolutions.{number}"
            made = []
            reach = (layer["width"] - 1) * layer["dilation"] + 1
            for start in range(0, len(y) - reach + 1, layer["stride"]):
                z = y[start : start + reach : layer["dilation"]].ravel() @ arrays[f"{name}.weight"]
                z = (z - z.mean()) / np.sqrt(z.var() + spec["epsilon"])
                made.append(np.maximum(z * arrays[f"{name}.scale"] + arrays[f"{name}.offset"], 0))
            y = np.array(made)
        pooled = [y.mean(axis=0), np.sqrt(y.var(axis=0) + spec["epsilon"]), y.max(axis=0)]
        output = arrays[f"members.{member}.output.weight"]
        logits += output @ np.concatenate([*of_frames, *pooled])
        logits += arrays[f"members.{member}.output.bias"]
    logits /= spec["members"]
    powers = np.exp(logits / spec["temperature"])
    assert np.abs(powers / powers.sum() - vectors["probabilities"][0]).max() < 1e-4


def test_a_classifier_of_another_version_is_refused_with_the_next_command(saved, tmp_path):
    for path in saved.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    spec = json.loads((saved / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps(spec | {"version": 1}))
    with pytest.raises(Refused, match="version 1 of the classifier") as caught:
        runtime.load(tmp_path)
    assert f"train_{spec['kind']}.py" in caught.value.hint
