"""The two kinds of audio classifier: their classes, windows and layers, and the phrases of a class.
Standard library only."""

from dataclasses import dataclass
from enum import IntEnum

# Window lengths in frames of features.py: 79 frames span 15,488 samples, just under a second; 163
# span just under two. A keyword's window has 97 frames, 1.18 s: a window of one second would
# contain the whole of a slowly spoken word for only two or three chunks. Each length ends where an
# output frame of LAYERS ends, so that every chunk of a stream completes a window.
ONE_SECOND = 79
ONE_WORD = 97
TWO_SECONDS = 163

# The stride of three leaves one frame per chunk after the first layer, so a stream computes each
# layer once every 36 ms.
LAYERS = (
    {"outputs": 48, "width": 7, "stride": 3, "dilation": 1},
    {"outputs": 48, "width": 5, "stride": 1, "dilation": 1},
    {"outputs": 48, "width": 5, "stride": 1, "dilation": 1},
)
# A classifier is an ensemble of this many networks, whose logits are averaged: false positives of
# one are rarely shared by the other.
ENSEMBLE_SIZE = 2

# The folder within a run's adapters/ with the classifier in the form that newer versions of Fae
# load (fae_network.py).
FAE_FORM = "fae"


class Pretrained(IntEnum):
    """The pretrained convolutions in encoder.safetensors, by number; samples/make_audio_encoder.py trains them.

    MADE_UP_WORDS were trained to distinguish made-up words. The others are distilled from larger
    networks: from Google's speech embedding, from YAMNet's embedding and logits together, and from
    YAMNet's logits alone.
    """

    MADE_UP_WORDS = 0
    SPEECH_EMBEDDING = 1
    YAMNET = 2
    YAMNET_LOGITS = 3


# Ways to address Fae, with the spellings of its name that the recogniser writes.
WAKE_PHRASES = ("hey fae", "hi fae", "hello fae", "okay fae", "hey faye", "hey fay", "yo fae")
INTERRUPT_PHRASES = (
    *("stop", "wait", "hold on", "quiet", "fae stop", "stop fae", "shut up", "quiet fae"),
    "that will do fae",
)


@dataclass(frozen=True)
class ClassifierKind:
    """One kind of classifier.

    `classes` are in the order of its outputs. `triggers` are the classes that Fae acts on at once,
    events of less than a second; all others are background classes, of which any excerpt is an
    example. `windows`: the lengths in frames that it is trained on, the last of which is used on
    streams. `phrases`: the phrases to synthesise for a trigger with too few recordings. `borrowed`:
    classes of the other kind whose samples are used here, and as which class. `shares`: the share
    of each class in a batch, in place of class weights, so that ten clips of a class count as much
    as ten thousand. `pretrained`: the pretrained convolutions that initialise each network of the
    ensemble.
    """

    name: str
    classes: tuple[str, ...]
    triggers: tuple[str, ...]
    windows: tuple[int, ...]
    phrases: dict[str, tuple[str, ...]]
    other: str
    borrowed: dict[str, str]
    shares: dict[str, float]
    pretrained: tuple[Pretrained, ...]

    @property
    def script(self) -> str:
        return f"train_{self.name}.py"

    @property
    def backgrounds(self) -> tuple[str, ...]:
        return tuple(name for name in self.classes if name not in self.triggers)


CLASSIFIERS = {
    "keyword": ClassifierKind(
        name="keyword",
        classes=("interrupt", "wake", "speech", "silence", "noise"),
        triggers=("interrupt", "wake"),
        windows=(ONE_WORD,),
        phrases={"wake": WAKE_PHRASES, "interrupt": INTERRUPT_PHRASES},
        other="speech_verifier",
        # Music must not be mistaken for a keyword, and has no class of its own here.
        borrowed={"speech": "speech", "music": "noise", "noise": "noise"},
        shares={"interrupt": 0.18, "wake": 0.18, "speech": 0.36, "silence": 0.1, "noise": 0.18},
        pretrained=(Pretrained.MADE_UP_WORDS, Pretrained.SPEECH_EMBEDDING),
    ),
    "speech_verifier": ClassifierKind(
        name="speech_verifier",
        classes=("speech", "music", "noise"),
        triggers=(),
        windows=(ONE_SECOND, TWO_SECONDS),
        phrases={},
        other="keyword",
        borrowed={"speech": "speech", "noise": "noise"},
        # Music from sources without recordings is mistaken for noise, but not the other way round.
        shares={"speech": 0.3, "music": 0.45, "noise": 0.25},
        pretrained=(Pretrained.YAMNET, Pretrained.YAMNET_LOGITS),
    ),
}
