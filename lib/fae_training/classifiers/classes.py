"""The two kinds of ear: their classes, what Fae does on hearing one, and the phrases that stand for them. Standard library only."""

from dataclasses import dataclass

# 79 frames of features.py are 15,488 samples, just under a second; 163 are just under two. A word has 97, 1.18 s: in a second, one that
# is said slowly is whole for two or three chunks only. All end where a hidden frame of LAYERS ends, so that a chunk of a
# stream completes a window.
ONE_SECOND = 79
ONE_WORD = 97
TWO_SECONDS = 163

# One frame a chunk after the first layer, so a stream computes each layer once for every 36 ms.
LAYERS = (
    {"outputs": 48, "width": 7, "stride": 3, "dilation": 1},
    {"outputs": 48, "width": 5, "stride": 1, "dilation": 1},
    {"outputs": 48, "width": 5, "stride": 1, "dilation": 1},
)
# Networks whose logits are averaged: what one takes for a trigger by chance, the other does not.
MEMBERS = 2
# What the members of encoder.safetensors were taught: made-up words; to imitate a larger network that knows speech; to imitate one
# that knows all sounds, in all that it gives or in what it names alone.
WORDS, IMITATION, SOUNDS, KINDS_OF_SOUND = 0, 1, 2, 3

# How Fae is called, with the spellings that its recogniser takes for its name.
WAKE_PHRASES = ("hey fae", "hi fae", "hello fae", "okay fae", "hey faye", "hey fay", "yo fae")
INTERRUPT_PHRASES = (
    "stop",
    "wait",
    "hold on",
    "quiet",
    "fae stop",
    "stop fae",
    "shut up",
    "quiet fae",
    "that will do fae",
)
# They begin, end or rhyme like the phrases above and mean nothing to Fae.
NEAR_MISSES = (
    "hey",
    "hey there",
    "hey fred",
    "fey",
    "fate",
    "they say",
    "okay fine",
    "hi dave",
    "yellow bay",
    "stopwatch",
    "stock",
    "top",
    "shop",
    "weight",
    "late",
    "way",
    "waiter",
    "hold it",
    "old one",
    "cold",
    "quite",
    "quiz",
    "diet",
    "face",
    "fable",
    "shut the door",
    "that will be fine",
    "don't",
)
# What Fae itself says while it listens, and what people say around it: the speech of the streams.
TALK = (
    "I have set a timer for ten minutes.",
    "It is eighteen degrees and cloudy, with rain later tonight.",
    "You have two meetings tomorrow, the first one at nine.",
    "I could not find that file. Shall I look somewhere else?",
    "The train leaves in a quarter of an hour from platform four.",
    "She told me that the weather would stay like this for the whole week.",
    "We were on the way home when the phone rang for the third time.",
    "Could you pass me the salt, and then tell me what happened next?",
    "The committee has decided to put the question off until the spring.",
    "He waited at the bus stop, holding on to his hat in the wind.",
    "Nobody had expected the team to win, least of all their own manager.",
    "There is a quiet place by the river where we used to fish.",
    "In the news tonight, the price of bread has gone up again.",
    "My brother plays the violin, but his daughter would rather have drums.",
    "I think the second answer is right, though I would not bet on it.",
    "Yes, that sounds good. Let me know when you are ready.",
)


@dataclass(frozen=True)
class ClassifierKind:
    """One classifier.

    `classes` in the order of its outputs; `triggers` are those on which Fae acts at once, found as events that last
    under a second; the others are textures, of which any stretch is an example. `windows`: the lengths in frames that
    it is trained on; the last is what a stream uses. `phrases`: what stands for a trigger when there are too few
    recordings. `borrowed`: classes of the other ear's samples that serve here, and as what. `shares` of the classes in a
    batch stand in for class weights: ten clips of a class count as much as ten thousand. `beginnings`: which of the encoder's
    members each of the MEMBERS begins with.
    """

    kind: str
    classes: tuple[str, ...]
    triggers: tuple[str, ...]
    windows: tuple[int, ...]
    phrases: dict
    other: str
    borrowed: dict
    shares: dict
    beginnings: tuple[int, ...]

    @property
    def script(self) -> str:
        return f"train_{self.kind}.py"


CLASSIFIERS = {
    "keyword": ClassifierKind(
        "keyword",
        ("interrupt", "wake", "speech", "silence", "noise"),
        ("interrupt", "wake"),
        (ONE_WORD,),
        {"wake": WAKE_PHRASES, "interrupt": INTERRUPT_PHRASES},
        "speech_verifier",
        # Music is what a keyword must not be taken for, and has no class of its own here.
        {"speech": "speech", "music": "noise", "noise": "noise"},
        {"interrupt": 0.18, "wake": 0.18, "speech": 0.36, "silence": 0.1, "noise": 0.18},
        (WORDS, IMITATION),
    ),
    "speech_verifier": ClassifierKind(
        "speech_verifier",
        ("speech", "music", "noise"),
        (),
        (ONE_SECOND, TWO_SECONDS),
        {},
        "keyword",
        {"speech": "speech", "noise": "noise"},
        # Music of sources that nobody recorded is what is taken for noise, not the other way round.
        {"speech": 0.3, "music": 0.45, "noise": 0.25},
        (SOUNDS, KINDS_OF_SOUND),
    ),
}
