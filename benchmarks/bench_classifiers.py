# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = [
#   "fae-training",
#   "mlx[cpu]>=0.32.4; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "mlx>=0.32.4; sys_platform == 'darwin' and platform_machine == 'arm64'",
#   "scipy-openblas32>=0.3.30; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "numpy",
#   "scikit-learn>=1.7",
#   "scipy>=1.14",
#   "soundfile",
#   "soxr",
# ]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""Compares the audio classifiers with a support vector machine, on recordings of people not seen in training.

    uv run benchmarks/bench_classifiers.py --audio DIR            or FAE_BENCH_AUDIO=DIR
    uv run benchmarks/bench_classifiers.py --audio DIR --only keyword streams --preset standard
    uv run benchmarks/bench_classifiers.py --audio DIR --only ablation --steps 400

DIR holds keyword/ and speech_verifier/, each with train.csv and valid.csv: file (relative to DIR), class, source, group
(speaker or recording), recording, word. Trains on train.csv (a part of which is held out for early stopping, temperature and
thresholds) and reports on valid.csv. Streams are composed of the recordings in valid.csv, four hours without triggers and an
hour and a half with them. The word `computer` is used for wake and `snowboy` for interrupt, also by the synthesiser.
Times are CPU time, which other programs on the machine disturb less than wall time.
"""

import argparse
import csv
import itertools
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import mlx.core as mx
import numpy as np
import soundfile
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from classifier_training import trained
from fae_training.audio import SAMPLE_RATE
from fae_training.classifiers import (
    features,
    measures,
    network,
    streams,
    thresholds,
)
from fae_training.classifiers.augmentation import Augmentation
from fae_training.classifiers.classes import CLASSIFIERS, LAYERS, ONE_SECOND, ClassifierKind
from fae_training.classifiers.runtime import Classifier
from fae_training.classifiers.scoring import cost_of_a_chunk
from fae_training.classifiers.sound_files import Recording
from fae_training.environment import mlx_on_linux
from fae_training.fitting.arrays import load_arrays
from fae_training.lifecycle.kinds import KINDS

KEYWORD, VERIFIER = CLASSIFIERS["keyword"], CLASSIFIERS["speech_verifier"]
SECTIONS = ("keyword", "streams", "few", "verifier", "sources", "ablation")
# Twenty clips, from the speakers of each of these numbers and the two after it: results depend on
# the choice of clips.
FEW_CLIPS, FEW_SPEAKERS = 20, 3
FIRST_SPEAKERS = (0, 3, 6)
# Twenty of this child's clips are copies of one recording.
COPIED_SPEAKER = "pv025"
SEEDS = (0, 1)
# In one hour the second-worst moment decides: the same classifiers had a recall of 0.85 in one hour
# and 0.66 in another.
QUIET_SECONDS, SPOKEN_SECONDS = 4 * 3_600, 5_400
MUSIC_SOURCES = ("librosa_data", "sonicpi_samples", "mdn_webaudio", "fsdkaggle_instruments")


def rows(audio: Path, kind: ClassifierKind, split: str) -> list[tuple[Recording, str]]:
    """(recording, source) of each row of a table."""
    made = []
    with (audio / kind.name / f"{split}.csv").open(newline="") as table:
        for row in csv.DictReader(table):
            samples, _ = soundfile.read(audio / row["file"], dtype="float32")
            name = f"{row['recording']} {Path(row['file']).stem}"
            recording = Recording(row["class"], row["group"], name, "recorded", samples)
            made.append((recording, row["source"]))
    return made


def recordings(audio: Path, kind: ClassifierKind, split: str) -> list[Recording]:
    return [recording for recording, _ in rows(audio, kind, split)]


def borrowed(kind: ClassifierKind, other: list[Recording]) -> list[Recording]:
    """Recordings of the other kind that this kind borrows, with the classes that they have here."""
    return [
        Recording(kind.borrowed[r.class_name], r.speaker, r.name, r.origin, r.samples)
        for r in other
        if r.class_name in kind.borrowed
    ]


def clips(
    sounds: list[Recording], kind: ClassifierKind, frames: int
) -> tuple[np.ndarray, np.ndarray]:
    """(log-mel [n, frames, 40], class numbers [n]): the first window of each recording."""
    length = features.samples_for(frames)
    cut = [np.pad(r.samples[:length], (0, max(0, length - len(r.samples)))) for r in sounds]
    labels = np.array([kind.classes.index(r.class_name) for r in sounds])
    return features.log_mel(np.stack(cut)), labels


def svm_predictions(
    train: list[Recording], valid: list[Recording], kind: ClassifierKind, frames: int
) -> np.ndarray:
    """The strongest baseline without a network: an RBF SVM on statistics of each band and a coarse spectrogram."""

    def vectors(x: np.ndarray) -> np.ndarray:
        whole = x[:, : x.shape[1] // 8 * 8]
        patches = whole.reshape(len(x), 8, -1, 20, 2).mean(axis=(2, 4)).reshape(len(x), -1)
        change = np.abs(np.diff(x, axis=1)).mean(axis=1)
        return np.concatenate([x.mean(1), x.std(1), x.max(1), x.min(1), change, patches], axis=1)

    x, y = clips(train, kind, frames)
    machine = make_pipeline(StandardScaler(), SVC(C=10, class_weight="balanced"))
    return machine.fit(vectors(x), y).predict(vectors(clips(valid, kind, frames)[0]))


def print_head(*columns: str) -> None:
    print(f"\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}", flush=True)


def print_row(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


def print_accuracy(name: str, labels: np.ndarray, predicted: np.ndarray, classes) -> None:
    table = measures.confusion(labels, predicted, len(classes))
    f1 = zip(classes, measures.f1_of_classes(table), strict=True)
    accuracy = (labels == predicted).mean()
    f1_of_each = ", ".join(f"{c} {f:.3f}" for c, f in f1)
    macro_f1 = measures.macro_f1(labels, predicted, len(classes))
    print_row(name, f"{macro_f1:.3f}", f"{accuracy:.3f}", f1_of_each)


def print_stream_head() -> None:
    print_head(
        "streams",
        "false alarms per hour",
        "recall at its threshold",
        "recall at 0.5 per hour",
        "recall at 1 per hour",
        "ms from the beginning of the word",
    )


def print_streams(name: str, classifier: Classifier, quiet, spoken) -> None:
    held = {"quiet": quiet, "spoken": spoken}
    found = thresholds.measure(classifier, held, classifier.spec["triggers"])
    for trigger, m in found.items():
        print_row(
            f"{name}, {trigger}",
            f"{m.false_alarms.per_hour:.1f}",
            f"{m.recall or 0:.3f} of {len(m.heard)}",
            *(f"{1 - m.false_reject_rate_at[rate]:.3f}" for rate in ("0.5", "1.0")),
            f"{m.latency_ms or 0:.0f}",
        )
    for trigger, people in recall_by_speaker(classifier, quiet, spoken).items():
        each = ", ".join(f"{who} {recall:.2f}" for who, recall in people.items())
        print(f"  {trigger} at 1 false alarm per hour, by speaker: {each}", flush=True)


def recall_by_speaker(classifier: Classifier, quiet, spoken) -> dict[str, dict[str, float]]:
    """{trigger: {speaker: recall at one false alarm per hour}}: a mean hides that one voice is
    never detected."""
    without_triggers = classifier.over(quiet.log_mel)
    with_triggers = classifier.over(spoken.log_mel)
    found = {}
    for trigger, settings in classifier.spec["triggers"].items():
        column, chunks = classifier.classes.index(trigger), settings["smoothing_chunks"]
        highest = thresholds.peaks(thresholds.smoothed(without_triggers[:, column], chunks))
        score = thresholds.smoothed(with_triggers[:, column], chunks)
        best, _ = thresholds.scores_of_events(score, spoken.events, trigger, classifier.window)
        groups = [event.group for event in spoken.events if event.trigger == trigger]
        speakers = np.array([group.removeprefix("speaker ") for group in groups])
        detected = best > highest[int(quiet.hours)]
        found[trigger] = {s: float(detected[speakers == s].mean()) for s in np.unique(speakers)}
    return found


class KeywordData:
    """Recordings of triggers and other sounds for training and testing, and streams of the latter."""

    def __init__(self, audio: Path):
        self.train, self.valid = (recordings(audio, KEYWORD, s) for s in ("train", "valid"))
        others = {s: recordings(audio, VERIFIER, s) for s in ("train", "valid")}
        self.others = borrowed(KEYWORD, others["train"])
        self.x, self.y = clips(self.valid, KEYWORD, KEYWORD.windows[0])
        self.sounds = self.valid + others["valid"]

    def streams(self) -> tuple[streams.StreamOfSound, streams.StreamOfSound]:
        """(without triggers, with triggers), of people, music and noise that are not in the training data."""
        quiet = streams.compose(self.sounds, KEYWORD, QUIET_SECONDS, 101, with_events=False)
        spoken = streams.compose(self.sounds, KEYWORD, SPOKEN_SECONDS, 102, with_events=True)
        minutes = sum(len(r.samples) for r in self.sounds) / SAMPLE_RATE / 60
        print(
            f"\nstreams: {quiet.hours:.2f} h without triggers, {len(spoken.events)} triggers in "
            f"{spoken.hours:.2f} h, from {minutes:.0f} min of recordings"
        )
        return quiet, spoken


def keyword(data: KeywordData, preset: Mapping, quiet, spoken) -> None:
    print_head("keyword, clips of new speakers", "macro-F1", "accuracy", "F1 of the classes")
    predicted = svm_predictions(data.train, data.valid, KEYWORD, ONE_SECOND)
    print_accuracy("RBF SVM on statistics and patches", data.y, predicted, KEYWORD.classes)
    classifiers = []
    for seed in SEEDS:
        classifier, seconds, steps = trained(KEYWORD, data.train + data.others, preset, seed=seed)
        classifiers.append(classifier)
        p = classifier.probabilities(data.x)
        what = f"1D-CNN, seed {seed}, {steps} steps, {seconds:.0f} CPU s"
        print_accuracy(what, data.y, p.argmax(1), KEYWORD.classes)
    kept = [n for n, r in enumerate(data.valid) if r.speaker != COPIED_SPEAKER]
    what = f"  without speaker {COPIED_SPEAKER}, whose clips are copies of a few"
    print_accuracy(what, data.y[kept], p[kept].argmax(1), KEYWORD.classes)
    print(
        f"\nexpected calibration error {measures.calibration_error(p, data.y):.3f}, "
        f"{classifier.parameters} parameters, {cost_of_a_chunk(classifier):.2f} ms a chunk\n"
    )
    print(measures.confusion(data.y, p.argmax(1), len(KEYWORD.classes)))
    if quiet is not None:
        print_stream_head()
        for seed, classifier in zip(SEEDS, classifiers, strict=True):
            print_streams(f"all clips, seed {seed}", classifier, quiet, spoken)


def few_recordings(data: KeywordData, preset: Mapping, quiet, spoken) -> None:
    others = [r for r in data.train if r.class_name not in KEYWORD.triggers]
    for first in FIRST_SPEAKERS:
        few = [r for name in KEYWORD.triggers for r in few_of(data.train, name, first)]
        classifier, _, _ = trained(KEYWORD, others + few + data.others, preset)
        what = f"{FEW_CLIPS} clips of speakers {first} to {first + FEW_SPEAKERS - 1}, synthesis"
        print_head("keyword, few recordings", "macro-F1", "accuracy", "F1 of the classes")
        predicted = classifier.probabilities(data.x).argmax(1)
        print_accuracy(what, data.y, predicted, KEYWORD.classes)
        print_stream_head()
        print_streams(what, classifier, quiet, spoken)


def few_of(train: list[Recording], name: str, first: int) -> list[Recording]:
    """FEW_CLIPS of a class, from FEW_SPEAKERS speakers in turn, of whom `first` is the first."""
    by_speaker: dict[str, list[Recording]] = {}
    for recording in train:
        if recording.class_name == name:
            by_speaker.setdefault(recording.speaker or "", []).append(recording)
    chosen = [by_speaker[speaker] for speaker in sorted(by_speaker)[first:][:FEW_SPEAKERS]]
    in_turn = [r for together in itertools.zip_longest(*chosen) for r in together if r is not None]
    return in_turn[:FEW_CLIPS]


def verifier(audio: Path, preset: Mapping) -> None:
    train, valid = (recordings(audio, VERIFIER, split) for split in ("train", "valid"))
    sounds = train + borrowed(VERIFIER, recordings(audio, KEYWORD, "train"))
    classifier, seconds, steps = trained(VERIFIER, sounds, preset)
    title = "speech, music, noise, new recordings"
    print_head(title, "macro-F1", "accuracy", "F1 of the classes")
    for frames, what in zip(VERIFIER.windows, ("1 s", "2 s"), strict=True):
        x, y = clips(valid, VERIFIER, frames)
        predicted = svm_predictions(train, valid, VERIFIER, frames)
        print_accuracy(f"{what}, RBF SVM", y, predicted, VERIFIER.classes)
        predicted = classifier.probabilities(x).argmax(1)
        what = f"{what}, 1D-CNN, {steps} steps, {seconds:.0f} CPU s"
        print_accuracy(what, y, predicted, VERIFIER.classes)
        print(measures.confusion(y, predicted, len(VERIFIER.classes)).tolist())


def music_by_source(audio: Path, preset: Mapping) -> None:
    """Leave each source of music out of training in turn and test on all its clips."""
    train, valid = (rows(audio, VERIFIER, split) for split in ("train", "valid"))
    from_keyword = borrowed(VERIFIER, recordings(audio, KEYWORD, "train"))
    others = [r for r, _ in valid if r.class_name != "music"]
    for source in MUSIC_SOURCES:
        rest = [r for r, s in train if s != source or r.class_name != "music"]
        test = [r for r, s in train + valid if s == source and r.class_name == "music"]
        classifier, _, _ = trained(VERIFIER, rest + from_keyword, preset)
        for frames in VERIFIER.windows:
            x, y = clips(test + others, VERIFIER, frames)
            predicted = classifier.probabilities(x).argmax(1)
            macro_f1 = measures.macro_f1(y, predicted, len(VERIFIER.classes))
            print_row(
                f"music of {source}, never trained on, {frames} frames, {len(test)} clips",
                f"{(predicted == y)[: len(test)].mean():.3f}",
                f"with {len(others)} of new speech and noise: macro-F1 {macro_f1:.3f}",
            )


def ablation(data: KeywordData, preset: Mapping, quiet, spoken) -> None:
    """Leave out each part of the augmentation, all of it, and the pretrained convolutions: on clips
    and streams."""
    print_head(
        f"left out, mean of seeds {SEEDS}", "macro-F1", "recall at 1 per hour: interrupt", "wake"
    )
    off = {name: 0 for name, amount in vars(Augmentation()).items() if amount}
    variants = {"nothing": {}} | {name: {name: 0} for name in off} | {"all of these": off}
    shipped = network.PRETRAINED
    for name, changes in (variants | {"pretrained convolutions": {}}).items():
        figures = []
        for seed in SEEDS:
            with tempfile.TemporaryDirectory() as directory:
                if name == "pretrained convolutions":
                    network.PRETRAINED = random_convolutions(Path(directory, "random.safetensors"))
                classifier, _, _ = trained(
                    KEYWORD, data.train + data.others, preset, Augmentation(**changes), seed
                )
                network.PRETRAINED = shipped
            predicted = classifier.probabilities(data.x).argmax(1)
            macro_f1 = measures.macro_f1(data.y, predicted, len(KEYWORD.classes))
            held = {"quiet": quiet, "spoken": spoken}
            found = thresholds.measure(classifier, held, classifier.spec["triggers"])
            recalls = [1 - found[t].false_reject_rate_at["1.0"] for t in KEYWORD.triggers]
            figures.append([macro_f1, *recalls])
        print_row(name, *(f"{value:.3f}" for value in np.mean(figures, axis=0)))


def random_convolutions(path: Path) -> Path:
    """Replace the pretrained convolutions in the file by random ones."""
    arrays, _ = load_arrays(network.PRETRAINED)
    for number in KEYWORD.pretrained:
        for place, layer in enumerate(network.convolutions(list(LAYERS), features.BANDS)):
            for name in ("weight", "scale", "offset"):
                arrays[f"members.{number}.convolutions.{place}.{name}"] = layer[name]
    mx.save_safetensors(str(path), arrays)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--audio", type=Path, default=os.environ.get("FAE_BENCH_AUDIO"))
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS[:-1])
    parser.add_argument("--preset", choices=KINDS["keyword"].presets, default="light")
    parser.add_argument("--steps", type=int, help="instead of the preset's")
    arguments = parser.parse_args()
    if arguments.audio is None:
        parser.error("--audio DIR (or FAE_BENCH_AUDIO) is needed: a folder with recordings")
    mlx_on_linux.use_openblas()
    audio, only = Path(arguments.audio), set(arguments.only)
    preset = KINDS["keyword"].presets[arguments.preset]
    if arguments.steps:
        preset = {**preset, "steps": arguments.steps}
    if only & {"keyword", "streams", "few", "ablation"}:
        data, quiet, spoken = KeywordData(audio), None, None
        if only & {"streams", "few", "ablation"}:
            quiet, spoken = data.streams()
        if only & {"keyword", "streams"}:
            keyword(data, preset, quiet if "streams" in only else None, spoken)
        if "few" in only:
            few_recordings(data, preset, quiet, spoken)
        if "ablation" in only:
            ablation(data, preset, quiet, spoken)
    if "verifier" in only:
        verifier(audio, preset)
    if "sources" in only:
        music_by_source(audio, preset)


if __name__ == "__main__":
    main()
