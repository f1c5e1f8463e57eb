"""The files of a trained classifier: tensors, all other data for a runtime, and self-test vectors."""

from pathlib import Path

import mlx.core as mx
import numpy as np

from fae_training.audio import SAMPLE_RATE
from fae_training.classifiers import features
from fae_training.classifiers.classes import ENSEMBLE_SIZE, LAYERS, ClassifierKind
from fae_training.classifiers.runtime import EPSILON, VERSION, Classifier, load
from fae_training.classifiers.sound_files import Recording
from fae_training.fitting.arrays import load_arrays, save_arrays
from fae_training.store.state import write_json

SELF_TESTS = 10


def specification(kind: ClassifierKind) -> dict:
    """model.json before training, which sets temperature and triggers."""
    return {
        "version": VERSION,
        "kind": kind.name,
        "classes": list(kind.classes),
        "trigger_classes": list(kind.triggers),
        "sample_rate": SAMPLE_RATE,
        "chunk_samples": features.CHUNK_SAMPLES,
        "fft_size": features.FFT_SIZE,
        "window_samples": features.WINDOW_SIZE,
        "hop_samples": features.HOP,
        "bands": features.BANDS,
        "lowest_hz": features.LOWEST_HZ,
        "highest_hz": features.HIGHEST_HZ,
        "mel_scale": "htk",
        "log": "natural logarithm of (power + log_floor)",
        "log_floor": features.LOG_FLOOR,
        "window_frames": kind.windows[-1],
        "members": ENSEMBLE_SIZE,
        "member": "a network of these layers; its tensors begin with members.<number>; the logits are averaged",
        "layers": [dict(layer) for layer in LAYERS],
        "layer": "x[frame * stride + i * dilation] for i in 0..<width, end to end, times weight; layer norm; ReLU",
        "pooling_of_frames": ["mean", "deviation", "mean absolute change"],
        "pooling_of_last_layer": ["mean", "deviation", "maximum"],
        "epsilon": EPSILON,
        "temperature": 1.0,
        "triggers": {},
    }


def save(directory: Path, arrays: dict[str, np.ndarray], spec: dict, samples: np.ndarray) -> None:
    """Write model.safetensors, model.json and self_test.safetensors.

    `samples` [n, samples] are stored in 16 bits with the log-mel frames and probabilities that a
    runtime must reproduce.
    """
    tensors = arrays | {"window": features.window(), "mel_filterbank": features.mel_filterbank()}
    save_arrays(
        directory / "model.safetensors",
        {name: mx.array(np.ascontiguousarray(array)) for name, array in tensors.items()},
        {"format": "mlx"},
    )
    kept = np.round(np.clip(samples, -1, 1) * 32767).astype(np.int16)
    log_mel = features.log_mel(kept.astype(np.float32) / 32768)
    probabilities = Classifier(arrays, spec).probabilities(log_mel)
    save_arrays(
        directory / "self_test.safetensors",
        {
            "samples": mx.array(kept),
            "log_mel": mx.array(log_mel),
            "probabilities": mx.array(probabilities),
        },
    )
    spec = spec | {
        "self_test": {
            "file": "self_test.safetensors",
            "vectors": len(kept),
            "samples": "16-bit, divide by 32768",
            "tolerance": 1e-4,
        }
    }
    write_json(directory / "model.json", spec)


def self_test_samples(recordings: list[Recording], spec: dict) -> np.ndarray:
    """[SELF_TESTS, samples of a window]: the first samples of recordings of each class in turn,
    padded with zeros."""
    length = features.samples_for(spec["window_frames"])
    by_class = [[r for r in recordings if r.class_name == name] for name in spec["classes"]]
    by_class = [sounds for sounds in by_class if sounds]
    chosen = []
    for number in range(SELF_TESTS):
        sounds = by_class[number % len(by_class)]
        samples = sounds[number // len(by_class) % len(sounds)].samples[:length]
        chosen.append(np.pad(samples, (0, length - len(samples))))
    return np.stack(chosen)


def self_test(directory: Path) -> dict:
    """Run the saved classifier on its own vectors: {"largest_difference" from the stored
    probabilities, "distinct": their spread}."""
    classifier = load(directory)
    arrays, _ = load_arrays(directory / "self_test.safetensors")
    vectors = {n: np.array(a) for n, a in arrays.items()}
    frames = features.log_mel(vectors["samples"].astype(np.float32) / 32768)
    found = classifier.probabilities(frames)
    return {
        "largest_difference": float(np.abs(found - vectors["probabilities"]).max()),
        "distinct": float(np.ptp(found, axis=0).max()),
    }
