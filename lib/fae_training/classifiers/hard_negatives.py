"""Hard negatives: what a first model takes for a trigger in a long stream composed of the training recordings.

A stream has words across the borders of clips, speech over music, and pieces of words at every offset, which single clips do
not have. The first model listens to it, and the windows that it is most wrong about become training examples (Sung
and Poggio 1998, "bootstrapping"; openWakeWord does the same with hours of recorded radio).
"""

import numpy as np

from fae_training.classifiers import streams
from fae_training.classifiers.classes import ClassifierKind
from fae_training.classifiers.features import FRAMES_PER_CHUNK
from fae_training.classifiers.runtime import Classifier
from fae_training.classifiers.sound_files import Recording

# Extra frames on either side of a window, so that training can cut it at several offsets.
SLACK = 3
# At most one window from this many chunks (0.3 s), since neighbouring windows show the same thing.
APART = 8
CLASS_OF_SCENE = {"quiet": "silence", "noise": "noise", "music": "noise"}


def mine(
    classifier: Classifier,
    recordings: list[Recording],
    kind: ClassifierKind,
    seconds: float,
    most: int,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """(log-mel [n, window + 6, 40], class numbers [n]): for each trigger the `most` windows with its highest probability.

    The stream of `seconds` has no triggers in it. A window gets the class of its scene; speech over something else is speech.
    """
    stream = streams.compose(recordings, kind, seconds, seed, with_events=False)
    probability = classifier.over(stream.log_mel)
    scenes = [kind.classes.index(CLASS_OF_SCENE.get(scene, "speech")) for scene in stream.scenes]
    windows, labels = [], []
    for name in kind.triggers:
        blocks = probability[: len(probability) // APART * APART, kind.classes.index(name)]
        blocks = blocks.reshape(-1, APART)
        for block in np.argsort(-blocks.max(axis=1), kind="stable")[:most]:
            chunk = int(block) * APART + int(blocks[block].argmax())
            frame = FRAMES_PER_CHUNK * chunk
            first, end = frame - SLACK, frame + classifier.window + SLACK
            if first >= 0 and end <= len(stream.log_mel):
                windows.append(stream.log_mel[first:end])
                labels.append(scenes[frame // streams.SCENE_FRAMES])
    return np.stack(windows), np.array(labels, dtype=np.int32)
