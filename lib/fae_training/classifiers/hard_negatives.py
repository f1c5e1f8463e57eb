"""Hard negatives: what a first network takes for a trigger in hours composed of the training recordings.

Clips end to end have words across their borders, talk over music, halves of words at every offset: what a stream is made
of and single clips are not. The first network listens to them, and its worst mistakes become examples (Sung and
Poggio 1998, "bootstrapping"; the same is done for wake words by openWakeWord with hours of recorded radio).
"""

import numpy as np

from fae_training.classifiers import streams
from fae_training.classifiers.classes import ClassifierKind
from fae_training.classifiers.recordings import Recording

# Frames on either side of a window, so that it is not always cut at the same place.
SLACK = 3
# At most one window in so many chunks (0.3 s): neighbours are the same mistake.
APART = 8
HEARD_AS = {"quiet": "silence", "noise": "noise", "music": "noise"}


def mistakes(
    classifier,
    recordings: list[Recording],
    ear: ClassifierKind,
    seconds: float,
    most: int,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """(log-mel [n, window + 6, 40], class numbers [n]) of the `most` likeliest windows of each trigger where there is none.

    They are labelled with what the scene holds; where somebody talks over something, that is speech.
    """
    stream = streams.compose(recordings, ear, seconds, seed, with_events=False)
    probability = classifier.over(stream.log_mel)
    scenes = [ear.classes.index(HEARD_AS.get(kind, "speech")) for kind in stream.scenes]
    windows, labels = [], []
    for name in ear.triggers:
        blocks = probability[: len(probability) // APART * APART, ear.classes.index(name)]
        blocks = blocks.reshape(-1, APART)
        for block in np.argsort(-blocks.max(axis=1), kind="stable")[:most]:
            chunk = int(block) * APART + int(blocks[block].argmax())
            first, end = 3 * chunk - SLACK, 3 * chunk + classifier.window + SLACK
            if first >= 0 and end <= len(stream.log_mel):
                windows.append(stream.log_mel[first:end])
                labels.append(scenes[3 * chunk // streams.SCENE_FRAMES])
    return np.stack(windows), np.array(labels, dtype=np.int32)
