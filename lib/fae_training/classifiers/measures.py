"""Measures of a classifier on windows: F1, calibration, losses and ROC. thresholds.py has those on streams."""

import numpy as np

from fae_training.classifiers.runtime import softmax

BINS = 10


def confusion(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """[classes, classes] counts, true class by row."""
    table = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(table, (labels, predicted), 1)
    return table


def f1_of_classes(table: np.ndarray) -> np.ndarray:
    """[classes] F1 of each; NaN for one that neither occurs nor was predicted."""
    both = table.sum(axis=0) + table.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.where(both > 0, 2 * np.diag(table) / both, np.nan)


def macro_f1(labels: np.ndarray, predicted: np.ndarray, classes: int) -> float:
    """The mean F1 of the classes that occur."""
    present = np.unique(labels)
    f1 = f1_of_classes(confusion(labels, predicted, classes))
    return float(f1[present].mean()) if len(present) else 0.0


def calibration_error(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Expected calibration error over ten bins of the highest probability (Guo et al., ICML 2017, equation 3)."""
    if not len(labels):
        return 0.0
    sure = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    number = np.minimum((sure * BINS).astype(int), BINS - 1)
    gaps = [
        abs(right[number == b].mean() - sure[number == b].mean()) * (number == b).mean()
        for b in range(BINS)
        if (number == b).any()
    ]
    return float(sum(gaps))


def cross_entropy(logits: np.ndarray, labels: np.ndarray, temperature: float = 1.0) -> float:
    """Mean negative log-likelihood in nats, each class with the same weight."""
    chosen = softmax(logits / temperature)[np.arange(len(labels)), labels]
    return _mean_of_classes(-np.log(np.maximum(chosen, 1e-12)), labels)


def brier_score(logits: np.ndarray, labels: np.ndarray, temperature: float = 1.0) -> float:
    """Mean squared distance of the probabilities from the truth (Brier 1950), 0 to 2, each class with the same weight.

    A single wrongly labelled clip adds at most 2 to the sum; cross-entropy has no such bound.
    """
    truth = np.eye(logits.shape[1])[labels]
    distances = np.square(softmax(logits / temperature) - truth).sum(axis=1)
    return _mean_of_classes(distances, labels)


def _mean_of_classes(values: np.ndarray, labels: np.ndarray) -> float:
    return float(np.mean([values[labels == c].mean() for c in np.unique(labels)]))


def best_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature with the least cross-entropy on held-out windows (Guo et al. 2017, section
    4.2), from 0.3 to 5."""
    if not len(labels):
        return 1.0
    candidates = np.exp(np.linspace(np.log(0.3), np.log(5.0), 57))
    losses = [cross_entropy(logits, labels, t) for t in candidates]
    return float(candidates[int(np.argmin(losses))])


def area_under_roc(labels: np.ndarray, scores: np.ndarray) -> float:
    """How often a positive has a higher score than a negative, ties half (Mann and Whitney 1947);
    labels are 0 and 1. 0 where either has none."""
    apart = scores[labels == 1][:, None] - scores[labels == 0]
    return float((apart > 0).mean() + (apart == 0).mean() / 2) if apart.size else 0.0
