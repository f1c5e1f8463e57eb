# /// script
# requires-python = ">=3.11,<3.15"
# dependencies = [
#   "fae-training",
#   "librosa>=0.11",
#   "mlx[cpu]>=0.32.4; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "mlx>=0.32.4; sys_platform == 'darwin' and platform_machine == 'arm64'",
#   "scipy-openblas32>=0.3.30; sys_platform == 'linux' and platform_machine == 'x86_64'",
#   "numpy",
#   "scikit-learn>=1.7",
#   "scipy>=1.14",
#   "soundfile",
#   "soxr",
#   "threadpoolctl",
# ]
# [tool.uv.sources]
# fae-training = { path = "../lib" }
# ///
"""The ears on real recordings of people whom they never heard, beside a support vector machine, and their speed.

    uv run benchmarks/bench_classifiers.py --audio DIR            or FAE_BENCH_AUDIO=DIR
    uv run benchmarks/bench_classifiers.py --audio DIR --only keyword streams --preset standard
    uv run benchmarks/bench_classifiers.py --audio DIR --only ablation --steps 400
    uv run benchmarks/bench_classifiers.py                        without recordings: speed alone

DIR holds keyword/ and speech_verifier/, each with train.csv and valid.csv: file (relative to DIR), class, source, group
(speaker or recording), recording, word. Trains on train.csv (a part of it held out for early stopping, temperature and
thresholds), reports on valid.csv. Streams are composed of the recordings in valid.csv, four hours without any
trigger and an hour and a half with; the word `computer` plays wake and `snowboy` interrupt where the synthesiser says them.
Times are CPU time, which other programs on the machine disturb less than wall time, but for the features, which use every
core: these are told in both. Long, for the sections share their data
and how they train and tell.
"""

import argparse
import csv
import itertools
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from fae_training import linux_cpu, presets, runs
from fae_training.classifiers import (
    encoder,
    features,
    measures,
    phrases,
    recordings,
    request,
    streams,
    training,
)
from fae_training.classifiers.classes import CLASSIFIERS, LAYERS, MEMBERS, ONE_SECOND
from fae_training.classifiers.examples import Augmentation
from fae_training.classifiers.recordings import Recording
from fae_training.classifiers.runtime import Classifier
from fae_training.classifiers.scoring import cost_of_a_chunk
from fae_training.session import Session
from fae_training.state import Home

SECTIONS = ("speed", "keyword", "streams", "few", "verifier", "sources", "ablation")
SAID = {"wake": ["computer"], "interrupt": ["snowboy"]}
FEW_CLIPS, FEW_SPEAKERS = 20, 3
# Whose twenty clips they are matters as much as anything: each of these speakers begins three.
FIRST_OF_FEW = (0, 3, 6)
SEEDS = (0, 1)
# In one hour the second-worst moment decides: the same classifiers heard 0.85 in one and 0.66 in another.
QUIET_SECONDS, SPOKEN_SECONDS = 4 * 3_600, 5_400


class Silent(Session):
    def log(self, text: str) -> None:
        pass


def rows(audio: Path, name: str, split: str) -> list[tuple[Recording, str]]:
    """(recording, source) of each row of a table."""
    import soundfile

    made = []
    with (audio / name / f"{split}.csv").open(newline="") as table:
        for row in csv.DictReader(table):
            samples, _ = soundfile.read(audio / row["file"], dtype="float32")
            name = f"{row['recording']} {Path(row['file']).stem}"
            made.append(
                (Recording(row["class"], row["group"], name, "recorded", samples), row["source"])
            )
    return made


def lent(kind, other: list[Recording]) -> list[Recording]:
    """The other ear's recordings under the classes that they are here, as train_*.py borrows them."""
    return [
        Recording(kind.borrowed[r.class_name], r.speaker, r.name, r.origin, r.samples)
        for r in other
        if r.class_name in kind.borrowed
    ]


def trained(name: str, sounds: list[Recording], preset: dict, augmentation=None, seed: int = 0):
    """(classifier with temperature and thresholds, CPU seconds, steps taken): as the worker of train_*.py does it."""
    from fae_training.speech.synthesis import find_synthesiser

    kind = CLASSIFIERS[name]
    settings = request.defaults(kind, preset) | {"seed": seed}
    began = time.process_time()
    counts = {name: sum(r.class_name == name for r in sounds) for name in kind.classes}
    synthesiser = find_synthesiser()
    if synthesiser:
        each = settings["clips_per_trigger"]
        sounds = sounds + phrases.synthesised(synthesiser, kind, SAID, counts, each, seed)
    speech = [r.samples for r in sounds if r.class_name == "speech"]
    sounds = sounds + phrases.generated(kind, speech, counts, settings["generated_seconds"], seed)
    train, valid, _ = recordings.split(sounds, settings["held_out_share"], seed)
    with tempfile.TemporaryDirectory() as directory:
        run = runs.create(Home(Path(directory)), kind, {"settings": settings})
        arrays, spec, held, result, _ = training.train_classifier(
            train, valid, kind, settings, run, Silent(run), augmentation
        )
    if result.stopped == "cancelled":
        # fit() takes Ctrl-C and SIGTERM for "stop after this step", and hands out what there is.
        raise SystemExit("stopped: no figure is told of a training that was cut short")
    spec = training.calibrated(arrays, spec, held)
    if kind.triggers:
        made = training.held_out_streams(valid, kind, settings["stream_minutes"], seed)
        spec["triggers"] = streams.choose(
            Classifier(arrays, spec), made["choose_quiet"], made["choose_spoken"], 1.0
        )
    return Classifier(arrays, spec), time.process_time() - began, result.steps_done


def clips(sounds: list[Recording], kind, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """(log-mel [n, frames, 40], labels): the beginning of each recording, as it is."""
    length = features.samples_for(frames)
    cut = [np.pad(r.samples[:length], (0, max(0, length - len(r.samples)))) for r in sounds]
    return features.log_mel(np.stack(cut)), np.array(
        [kind.classes.index(r.class_name) for r in sounds]
    )


def support_vectors(x: np.ndarray, labels: np.ndarray):
    """The strongest baseline without a network: statistics of each band and a coarse picture, RBF kernel."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    return make_pipeline(StandardScaler(), SVC(C=10, class_weight="balanced")).fit(flat(x), labels)


def flat(x: np.ndarray) -> np.ndarray:
    frames = x.shape[1] // 8 * 8
    patches = x[:, :frames].reshape(len(x), 8, -1, 20, 2).mean(axis=(2, 4)).reshape(len(x), -1)
    change = np.abs(np.diff(x, axis=1)).mean(axis=1)
    return np.concatenate([x.mean(1), x.std(1), x.max(1), x.min(1), change, patches], axis=1)


def tell(name: str, labels: np.ndarray, predicted: np.ndarray, classes) -> None:
    table = measures.confusion(labels, predicted, len(classes))
    each = ", ".join(
        f"{c} {f:.3f}" for c, f in zip(classes, measures.f1_of_classes(table), strict=True)
    )
    print(
        f"| {name} | {measures.macro_f1(table):.3f} | {(labels == predicted).mean():.3f} | {each} |",
        flush=True,
    )


def tell_streams(name: str, classifier: Classifier, quiet, spoken) -> None:
    found = streams.measure(classifier, quiet, spoken, classifier.spec["triggers"])
    for trigger, m in found.items():
        print(
            f"| {name}, {trigger} | {m['false_alarms_an_hour']:.1f} | {m['recall']:.3f} of {m['spoken']} | "
            f"{1 - m['missed_at']['0.5']:.3f} | {1 - m['missed_at']['1.0']:.3f} | {m['latency_ms'] or 0:.0f} |",
            flush=True,
        )
    for trigger, people in recall_by_person(classifier, quiet, spoken).items():
        told = ", ".join(f"{who} {recall:.2f}" for who, recall in people.items())
        print(f"  {trigger} at 1 false alarm an hour, by who says it: {told}", flush=True)


def recall_by_person(classifier: Classifier, quiet, spoken) -> dict:
    """{trigger: {speaker: recall at one false alarm an hour}}: a mean hides that one voice is heard and another is not."""
    silent, said = classifier.over(quiet.log_mel), classifier.over(spoken.log_mel)
    found = {}
    for trigger, settings in classifier.spec["triggers"].items():
        column, chunks = classifier.classes.index(trigger), settings["smoothing_chunks"]
        highest = streams.peaks(streams.smoothed(silent[:, column], chunks))
        score = streams.smoothed(said[:, column], chunks)
        best, _ = streams.heard(score, spoken.events, trigger, classifier.window)
        events = zip(spoken.events, spoken.speakers, strict=True)
        speakers = np.array([speaker for event, speaker in events if event[0] == trigger])
        heard = best > highest[int(quiet.hours)]
        found[trigger] = {who: float(heard[speakers == who].mean()) for who in np.unique(speakers)}
    return found


def keyword_rows(audio: Path):
    """(train, valid, {split: the verifier's recordings})."""
    train, valid = ([r for r, _ in rows(audio, "keyword", s)] for s in ("train", "valid"))
    return (
        train,
        valid,
        {s: [r for r, _ in rows(audio, "speech_verifier", s)] for s in ("train", "valid")},
    )


def new_streams(valid: list[Recording], borrowed: list[Recording]):
    """(without triggers, with triggers) of people, music and noise that training never heard."""
    kind, sounds = CLASSIFIERS["keyword"], valid + borrowed
    quiet = streams.compose(sounds, kind, QUIET_SECONDS, 101, with_events=False)
    spoken = streams.compose(sounds, kind, SPOKEN_SECONDS, 102, with_events=True)
    print(
        f"\nstreams: {quiet.hours:.2f} h without triggers, {len(spoken.events)} triggers in {spoken.hours:.2f} h, "
        f"from {sum(len(r.samples) for r in sounds) / 960_000:.0f} min of recordings"
    )
    return quiet, spoken


def keyword(audio: Path, preset: dict, only) -> None:
    kind = CLASSIFIERS["keyword"]
    train, valid, borrowed = keyword_rows(audio)
    x, y = clips(valid, kind, kind.windows[0])
    quiet = spoken = None
    if "streams" in only or "few" in only:
        quiet, spoken = new_streams(valid, borrowed["valid"])
    if "keyword" in only or "streams" in only:
        print(
            "\n| keyword, clips of new speakers | macro-F1 | accuracy | F1 of the classes |\n|---|---|---|---|"
        )
        tx, ty = clips(train, kind, ONE_SECOND)
        tell(
            "RBF SVM on statistics and patches",
            y,
            support_vectors(tx, ty).predict(flat(clips(valid, kind, ONE_SECOND)[0])),
            kind.classes,
        )
        classifiers = []
        for seed in SEEDS:
            classifier, seconds, taken = trained(
                "keyword", train + lent(kind, borrowed["train"]), preset, seed=seed
            )
            classifiers.append(classifier)
            p = classifier.probabilities(x)
            what = f"1D-CNN, seed {seed}, {taken} steps, {seconds:.0f} CPU s"
            tell(what, y, p.argmax(1), kind.classes)
        one = [n for n, r in enumerate(valid) if r.speaker != "pv025"]
        what = "  without speaker pv025, whose clips are copies of a few"
        tell(what, y[one], p[one].argmax(1), kind.classes)
        print(
            f"\nexpected calibration error {measures.calibration_error(p, y):.3f}, {classifier.parameters} parameters, {cost_of_a_chunk(classifier):.2f} ms a chunk\n"
        )
        print(measures.confusion(y, p.argmax(1), len(kind.classes)))
        if quiet is not None:
            head_of_streams()
            for seed, classifier in zip(SEEDS, classifiers, strict=True):
                tell_streams(f"all clips, seed {seed}", classifier, quiet, spoken)
    if "few" in only:
        others = [r for r in train if r.class_name not in kind.triggers]
        for first in FIRST_OF_FEW:
            few = others + [r for name in kind.triggers for r in few_of(train, name, first)]
            classifier, _, _ = trained("keyword", few + lent(kind, borrowed["train"]), preset)
            what = f"{FEW_CLIPS} clips of speakers {first} to {first + FEW_SPEAKERS - 1}, synthesis"
            print("\n| keyword, few recordings | macro-F1 | accuracy | F1 of the classes |")
            print("|---|---|---|---|")
            tell(what, y, classifier.probabilities(x).argmax(1), kind.classes)
            head_of_streams()
            tell_streams(what, classifier, quiet, spoken)


def few_of(train: list[Recording], name: str, first: int) -> list[Recording]:
    """FEW_CLIPS of a class, of FEW_SPEAKERS speakers in turn, `first` being the first of them."""
    by_speaker: dict[str, list] = {}
    for recording in train:
        if recording.class_name == name:
            by_speaker.setdefault(recording.speaker, []).append(recording)
    chosen = [by_speaker[speaker] for speaker in sorted(by_speaker)[first:][:FEW_SPEAKERS]]
    in_turn = [r for together in itertools.zip_longest(*chosen) for r in together if r is not None]
    return in_turn[:FEW_CLIPS]


def head_of_streams() -> None:
    print(
        "\n| streams | false an hour | recall at its threshold | recall at 0.5 an hour | at 1 an hour | ms from onset |\n|---|---|---|---|---|---|"
    )


def verifier(audio: Path, preset: dict, by_source: bool) -> None:
    kind = CLASSIFIERS["speech_verifier"]
    train, valid = rows(audio, "speech_verifier", "train"), rows(audio, "speech_verifier", "valid")
    borrowed = lent(kind, [r for r, _ in rows(audio, "keyword", "train")])
    if by_source:
        # Sources of music are left out one after the other; their clips, all of them, are what is tested.
        for source in ("librosa_data", "sonicpi_samples", "mdn_webaudio", "fsdkaggle_instruments"):
            rest = [r for r, s in train if s != source or r.class_name != "music"]
            test = [r for r, s in train + valid if s == source and r.class_name == "music"]
            others = [r for r, _ in valid if r.class_name != "music"]
            classifier, _, _ = trained("speech_verifier", rest + borrowed, preset)
            for frames in kind.windows:
                x, y = clips(test + others, kind, frames)
                heard = classifier.probabilities(x).argmax(1)
                right = (heard == y)[: len(test)].mean()
                table = measures.confusion(y, heard, len(kind.classes))
                print(
                    f"| music of {source}, never trained on, {frames} frames, {len(test)} clips | {right:.3f} | "
                    f"with {len(others)} of new speech and noise: macro-F1 {measures.macro_f1(table):.3f} |",
                    flush=True,
                )
        return
    classifier, seconds, taken = trained(
        "speech_verifier", [r for r, _ in train] + borrowed, preset
    )
    print(
        "\n| speech, music, noise, new recordings | macro-F1 | accuracy | F1 of the classes |\n|---|---|---|---|"
    )
    for frames, what in zip(kind.windows, ("1 s", "2 s"), strict=True):
        x, y = clips([r for r, _ in valid], kind, frames)
        tx, ty = clips([r for r, _ in train], kind, frames)
        tell(f"{what}, RBF SVM", y, support_vectors(tx, ty).predict(flat(x)), kind.classes)
        p = classifier.probabilities(x)
        tell(f"{what}, 1D-CNN, {taken} steps, {seconds:.0f} CPU s", y, p.argmax(1), kind.classes)
        print(measures.confusion(y, p.argmax(1), 3).tolist())


def ablation(audio: Path, preset: dict) -> None:
    """All of the augmentation, none of it, each part left out, and no encoder: on clips and streams of new speakers."""
    kind = CLASSIFIERS["keyword"]
    train, valid, borrowed = keyword_rows(audio)
    x, y = clips(valid, kind, kind.windows[0])
    quiet, spoken = new_streams(valid, borrowed["valid"])
    print(
        f"\n| left out, mean of seeds {SEEDS} | macro-F1 | recall at 1 an hour: interrupt | wake |"
    )
    print("|---|---|---|---|")
    off = {name: 0 for name, amount in vars(Augmentation()).items() if amount}
    variants = {"nothing": {}} | {name: {name: 0} for name in off} | {"all of these": off}
    shipped = encoder.PATH
    for name, changes in (variants | {"the encoder": {}}).items():
        told = []
        for seed in SEEDS:
            with tempfile.TemporaryDirectory() as directory:
                encoder.PATH = shipped
                if name == "the encoder":
                    encoder.PATH = untrained(Path(directory, "encoder.safetensors"))
                sounds = train + lent(kind, borrowed["train"])
                classifier, _, _ = trained("keyword", sounds, preset, Augmentation(**changes), seed)
            table = measures.confusion(y, classifier.probabilities(x).argmax(1), len(kind.classes))
            found = streams.measure(classifier, quiet, spoken, classifier.spec["triggers"])
            recalls = [1 - found[trigger]["missed_at"]["1.0"] for trigger in kind.triggers]
            told.append([measures.macro_f1(table), *recalls])
        means = [f"{value:.3f}" for value in np.mean(told, axis=0)]
        print(f"| {name} | {' | '.join(means)} |", flush=True)
    encoder.PATH = shipped


def untrained(path: Path) -> Path:
    """The encoder's file with convolutions as they are before any training."""
    import mlx.core as mx

    from fae_training.classifiers import network

    arrays = mx.load(str(encoder.PATH))
    for member in range(MEMBERS):
        for number, layer in enumerate(network.convolutions(list(LAYERS), features.BANDS)):
            for name in ("weight", "scale", "offset"):
                arrays[f"members.{member}.convolutions.{number}.{name}"] = layer[name]
    mx.save_safetensors(str(path), arrays)
    return path


def speed() -> None:
    import librosa
    from threadpoolctl import threadpool_limits

    random = np.random.default_rng(0)
    sounds = (0.1 * random.standard_normal((256, 16_000))).astype(np.float32)

    def theirs():
        for samples in sounds[:64]:
            power = librosa.feature.melspectrogram(
                y=samples,
                sr=16_000,
                n_fft=512,
                win_length=400,
                hop_length=192,
                center=False,
                n_mels=40,
                fmin=60,
                fmax=7_600,
                htk=True,
                norm=None,
            )
            np.log(power + features.LOG_FLOOR)

    for clock, what in (
        (time.perf_counter, f"wall time, {os.cpu_count()} cores"),
        (time.process_time, "CPU time"),
    ):
        ratios = []
        # Waiting threads of the matrix library cost librosa's small products a hundred times what they take.
        with threadpool_limits(1):
            for _ in range(8):
                began = clock()
                theirs()
                middle = clock()
                features.log_mel(sounds)
                ratios.append((middle - began) / 64 / ((clock() - middle) / 256))
        print(
            f"features: {np.median(ratios[1:]):.1f} times as fast as librosa clip by clip ({what}; "
            f"median of 7, {min(ratios[1:]):.1f} to {max(ratios[1:]):.1f})"
        )


def light() -> None:
    """CPU seconds of the light preset on 4,000 clips of a second, sounds generated, nothing synthesised."""
    random = np.random.default_rng(0)
    kind = CLASSIFIERS["keyword"]
    sounds = []
    for number in range(4_000):
        name = kind.classes[number % 5]
        level = 1e-4 if name == "silence" else 0.1
        samples = random.standard_normal(16_000) * level * np.repeat(random.random(16), 1_000)
        sounds.append(
            Recording(name, f"s{number % 50}", f"{number}", "recorded", samples.astype(np.float32))
        )
    began, wall = time.process_time(), time.monotonic()
    trained("keyword", sounds, presets.KEYWORD["light"])
    print(
        f"light preset on 4,000 clips of a second: {time.process_time() - began:.0f} CPU s, {time.monotonic() - wall:.0f} s of wall time"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--audio", type=Path, default=os.environ.get("FAE_BENCH_AUDIO"))
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS[:-1])
    parser.add_argument("--preset", choices=presets.KEYWORD, default="light")
    parser.add_argument("--steps", type=int, help="instead of the preset's")
    arguments = parser.parse_args()
    linux_cpu.use_openblas()
    only, preset = arguments.only, presets.KEYWORD[arguments.preset]
    if arguments.steps:
        preset = preset | {"steps": arguments.steps}
    if "speed" in only:
        speed()
        light()
    if arguments.audio is None:
        print("no recordings were named (--audio DIR or FAE_BENCH_AUDIO): speed alone was measured")
        return
    audio = Path(arguments.audio)
    if {"keyword", "streams", "few"} & set(only):
        keyword(audio, preset, only)
    if "verifier" in only:
        verifier(audio, preset, by_source=False)
    if "sources" in only:
        verifier(audio, preset, by_source=True)
    if "ablation" in only:
        ablation(audio, preset)


if __name__ == "__main__":
    main()
