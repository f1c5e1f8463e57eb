"""What a run leaves: the tensors, all that a runtime needs to compute the same, and ten examples to test itself with."""

from pathlib import Path

import numpy as np

from fae_training.arrays import save_arrays
from fae_training.classifiers import features
from fae_training.classifiers.classes import LAYERS, MEMBERS, ClassifierKind
from fae_training.classifiers.runtime import EPSILON, VERSION, Classifier, load
from fae_training.state import write_json

SELF_TESTS = 10


def specification(ear: ClassifierKind) -> dict:
    """model.json without what training finds out (temperature, triggers)."""
    return {
        "version": VERSION,
        "kind": ear.kind,
        "classes": list(ear.classes),
        "trigger_classes": list(ear.triggers),
        "sample_rate": features.SAMPLE_RATE,
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
        "window_frames": ear.windows[-1],
        "members": MEMBERS,
        "member": "a network of these layers; its tensors begin with members.<number>; the logits are averaged",
        "layers": [dict(layer) for layer in LAYERS],
        "layer": "x[frame * stride + i * dilation] for i in 0..<width, end to end, times weight; layer norm; ReLU",
        "pooling_of_frames": ["mean", "deviation", "mean absolute change"],
        "pooling_of_last_layer": ["mean", "deviation", "maximum"],
        "epsilon": EPSILON,
        "temperature": 1.0,
        "triggers": {},
    }


def save(directory: Path, arrays: dict, spec: dict, self_test_samples: np.ndarray) -> None:
    """model.safetensors, model.json and self_test.safetensors in `directory`.

    arrays: parameters, mean and deviation, numpy. self_test_samples [10, samples] float32: kept as 16-bit numbers with
    the log-mel frames and the probabilities that a runtime must get from them.
    """
    import mlx.core as mx

    tensors = arrays | {"window": features.window(), "mel_filterbank": features.mel_filterbank()}
    save_arrays(
        directory / "model.safetensors",
        {name: mx.array(np.ascontiguousarray(array)) for name, array in tensors.items()},
        {"format": "mlx"},
    )
    kept = np.round(np.clip(self_test_samples, -1, 1) * 32767).astype(np.int16)
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


def self_test(directory: Path) -> dict:
    """{"largest_difference", "distinct"}: what is on disk, loaded afresh, against its own vectors."""
    import mlx.core as mx

    classifier = load(directory)
    vectors = {n: np.array(a) for n, a in mx.load(str(directory / "self_test.safetensors")).items()}
    frames = features.log_mel(vectors["samples"].astype(np.float32) / 32768)
    found = classifier.probabilities(frames)
    return {
        "largest_difference": float(np.abs(found - vectors["probabilities"]).max()),
        "distinct": float(np.ptp(found, axis=0).max()),
    }
