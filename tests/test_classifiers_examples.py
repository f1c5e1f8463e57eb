"""Training examples: a function of the seed and the number alone, whole words labelled, pieces of them not."""

import numpy as np
import pytest

import classifier_sounds
from fae_training.classifiers import generators, windows
from fae_training.classifiers.augmentation import Augmentation, at_pitch
from fae_training.classifiers.classes import CLASSIFIERS, ONE_WORD
from fae_training.classifiers.examples import OWN_SHARE, Examples
from fae_training.classifiers.features import LOG_FLOOR, mel_power
from fae_training.classifiers.sound_files import Recording

KEYWORD = CLASSIFIERS["keyword"]
# No word is changed, so that its power can be counted.
UNCHANGED = Augmentation(pitches=0, tempo=0, rhythm=0, masks=0)


def recordings(counts, seed=0):
    random = np.random.default_rng(seed)
    return [
        Recording(
            name,
            f"s{n % 3}",
            f"{name} {n}",
            "recorded",
            classifier_sounds.clip(name, random).astype(np.float32),
        )
        for name, count in counts.items()
        for n in range(count)
    ]


@pytest.fixture(scope="module")
def few():
    return recordings(dict.fromkeys(KEYWORD.classes, 4))


def test_a_batch_depends_only_on_its_number(few):
    one, other = (Examples(few, KEYWORD, 16, seed=3) for _ in range(2))
    other.arrays_at(0)
    for ours, theirs in zip(one.arrays_at(7), other.arrays_at(7), strict=True):
        assert np.array_equal(ours, theirs)
    assert not np.array_equal(one.arrays_at(7)[0], one.arrays_at(8)[0])


def test_batches_are_the_same_in_sequence_and_individually(few):
    ahead, alone = (Examples(few, KEYWORD, 16, seed=3) for _ in range(2))
    for index in (0, 1, 2, 7, 8, 0, 3):
        batch, (x, y) = ahead.batch_at(index), alone.arrays_at(index)
        assert np.array_equal(np.array(batch["x"]), x) and np.array_equal(np.array(batch["y"]), y)


def test_ten_clips_of_a_class_get_its_share_beside_a_thousand_of_another():
    counts = {"interrupt": 10, "wake": 10, "speech": 40, "silence": 10, "noise": 1_000}
    clips = recordings({**counts, "noise": 20})
    clips += [
        Recording("noise", None, f"n{n}", "generated", clips[-1].samples[:3_200])
        for n in range(980)
    ]
    examples = Examples(clips, KEYWORD, 1_000, 0, Augmentation(pitches=0))
    labels = examples.arrays_at(0)[1]
    for number, name in enumerate(KEYWORD.classes):
        assert (labels == number).mean() == pytest.approx(KEYWORD.shares[name], abs=0.05)


def test_a_whole_word_is_all_inside_its_window_and_a_piece_of_it_never_is(few):
    examples = Examples(few, KEYWORD, 8, 0, UNCHANGED)
    power, first, end = examples.words["wake"][0]
    examples.words["wake"] = [(power, first, end)]
    examples.backgrounds.pop("speech"), examples.backgrounds.pop("noise")
    word = power[first:end].sum()
    random = np.random.default_rng(0)
    for _ in range(50):
        whole = examples._with_word(random, "wake", ONE_WORD, whole=True)
        piece = examples._with_word(random, "wake", ONE_WORD, whole=False)
        assert whole.sum() > 0.95 * word
        assert piece.sum() < 0.8 * word


def test_another_rhythm_moves_what_is_inside_a_word_and_keeps_its_length(few):
    rhythm = Augmentation(pitches=0, tempo=0, rhythm=0.4, masks=0)
    examples = Examples(few, KEYWORD, 8, 0, rhythm)
    power = np.full((60, 40), 1e-3, dtype=np.float32)
    power[10:50], power[30] = 1.0, 100.0  # a word from 10 to 50 with a click in its middle
    random = np.random.default_rng(0)
    clicks = []
    for _ in range(100):
        changed, first, end = examples._at_another_pace(random, power, 10, 50, ONE_WORD)
        assert first == 10 and abs(end - 50) <= 1 and len(changed) in (59, 60, 61)
        assert changed[first:end].mean() > 0.9 and changed[: first - 1].max() < 0.01
        clicks.append(int(changed[:, 0].argmax()))
    assert min(clicks) < 28 and max(clicks) > 32
    assert np.mean(clicks) == pytest.approx(30, abs=1.5)


def test_a_word_that_would_no_longer_fit_keeps_its_tempo(few):
    examples = Examples(few, KEYWORD, 8, 0, Augmentation(pitches=0, tempo=0.3))
    length = ONE_WORD - 1
    power = np.ones((length, 40), dtype=np.float32)
    ends = {
        examples._at_another_pace(np.random.default_rng(n), power, 0, length, ONE_WORD)[2]
        for n in range(50)
    }
    assert max(ends) == length and min(ends) < 0.83 * length


@pytest.mark.parametrize(("count", "variants"), [(4, 10), (40, 5), (150, 2)])
def test_few_recordings_of_a_trigger_are_augmented_with_more_pitches(count, variants):
    clips = recordings({"wake": count, "speech": 1, "silence": 1, "noise": 1})
    examples = Examples(clips, KEYWORD, 8, 0)
    assert len(examples.words["wake"]) == count * (1 + variants)
    assert len(Examples(clips, KEYWORD, 8, 0, UNCHANGED).words["wake"]) == count


def test_a_word_of_a_long_recording_keeps_no_more_around_it_than_a_window_shows():
    quiet = 1e-4 * np.random.default_rng(0).standard_normal(80_000)
    word = classifier_sounds.tones((300, 500, 800))
    long = np.concatenate([quiet, word, quiet, word, quiet]).astype(np.float32)
    clips = recordings({"speech": 1, "silence": 1, "noise": 1})
    clips.append(Recording("wake", None, "long", "recorded", long))
    examples = Examples(clips, KEYWORD, 8, 0, UNCHANGED)
    assert len(examples.words["wake"]) == 2
    for power, first, end in examples.words["wake"]:
        assert len(power) <= end - first + 2 * ONE_WORD
        assert power[first:end].sum() > 0.99 * power.sum()


def test_the_verifier_trains_on_one_and_two_seconds_in_turn():
    kind = CLASSIFIERS["speech_verifier"]
    examples = Examples(recordings(dict.fromkeys(kind.classes, 6)), kind, 4, 0)
    assert [examples.arrays_at(n)[0].shape[1] for n in range(3)] == [79, 163, 79]


def test_silence_is_never_amplified(few):
    examples = Examples(few, KEYWORD, 200, 0)
    x, y = examples.arrays_at(0)
    quiet = x[y == KEYWORD.classes.index("silence")]
    assert len(quiet) > 5
    assert quiet.mean() < np.log(LOG_FLOOR) + 1


def test_a_long_recording_is_cut_into_its_words():
    random = np.random.default_rng(0)
    pause = 1e-4 * random.standard_normal(12_000)
    word = classifier_sounds.tones((300, 500, 800))
    long = np.concatenate([pause, word, pause, word, pause, word, pause])
    found = windows.words(mel_power(long), 79)
    assert len(found) == 3
    starts = [12_000 + n * (12_000 + len(word)) for n in range(3)]
    for (first, end), start in zip(found, starts, strict=True):
        assert abs(first * 192 - start) < 1_500
        assert abs(end * 192 - start - len(word)) < 1_500


def test_a_word_longer_than_the_window_keeps_its_end():
    word = classifier_sounds.tones((300, 500, 800, 300, 500, 800, 300, 500, 800, 300, 500, 800))
    quiet = 1e-4 * np.random.default_rng(0).standard_normal(16_000)
    (found,) = windows.words(mel_power(np.concatenate([quiet, word, quiet])), 79)
    assert found[1] - found[0] <= 79
    assert abs(found[1] * 192 - 16_000 - len(word)) < 1_500


def loudest_hertz(samples):
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return spectrum.argmax() * 16_000 / len(samples)


@pytest.mark.parametrize(("pitch", "tempo"), [(1.5, 1.0), (0.8, 1.1), (1.2, 0.9)])
def test_another_pitch_moves_the_tone_and_keeps_the_length(pitch, tempo):
    tone = np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000).astype(np.float32)
    moved = at_pitch(tone, pitch, tempo)
    assert len(moved) == pytest.approx(16_000 / tempo, abs=400)
    assert loudest_hertz(moved[1_600:-1_600]) == pytest.approx(440 * pitch, rel=0.02)


def test_babble_contains_all_of_its_voices_and_resembles_none():
    tones = [
        np.sin(2 * np.pi * f * np.arange(8_000) / 16_000).astype(np.float32) for f in (300, 1_000)
    ]
    samples = generators.babble(np.random.default_rng(0), 1.0, tones)
    spectrum = np.abs(np.fft.rfft(samples)) ** 2
    assert len(samples) == 16_000
    assert spectrum[300] > 0.05 * spectrum.sum() and spectrum[1_000] > 0.05 * spectrum.sum()


def test_generated_sounds_have_their_level_and_are_reproduced_from_their_seed():
    for make in (generators.noise, generators.music):
        for seed in range(40):
            samples = make(np.random.default_rng(seed), 1.0)
            assert len(samples) == 16_000 and np.isfinite(samples).all()
            assert -46 < 20 * np.log10(samples.std() + 1e-9) < -11
            assert np.array_equal(samples, make(np.random.default_rng(seed), 1.0))


def test_every_second_word_is_recorded_however_many_are_synthesised():
    own = recordings({"wake": 3})
    random = np.random.default_rng(5)
    made = [
        Recording("wake", f"v{n}", f"m{n}", "synthesised", classifier_sounds.clip("wake", random))
        for n in range(30)
    ]
    examples = Examples(own + made, KEYWORD, 8, 0, UNCHANGED)
    times = [id(power) for power, *_ in examples.words["wake"]]
    counts = sorted((times.count(i) for i in set(times)), reverse=True)
    assert counts == [10] * 3 + [1] * 30


def noise_drawn(own_seconds: int) -> float:
    """The share of noise windows that are loud, where recorded noise is loud and twenty minutes of generated are not."""
    random = np.random.default_rng(6)

    def of(count, level, origin):
        made = (level * random.standard_normal((count, 16_000))).astype(np.float32)
        return [Recording("noise", None, f"{origin} {n}", origin, x) for n, x in enumerate(made)]

    sounds_of_noise = of(own_seconds, 0.1, "recorded") + of(1_200, 0.01, "generated")
    unchanged = Augmentation(gain=0, curve=0, masks=0, mixing=0, pitches=0)
    x, y = Examples(sounds_of_noise, KEYWORD, 1_000, 0, unchanged).arrays_at(0)
    loudness = x[y == KEYWORD.classes.index("noise")].mean(axis=(1, 2))
    return float((loudness > np.mean([loudness.min(), loudness.max()])).mean())


def test_what_people_recorded_is_most_of_a_class_however_much_is_generated():
    assert noise_drawn(own_seconds=200) == pytest.approx(OWN_SHARE, abs=0.1)


def test_seven_tenths_of_a_class_are_recorded_and_less_if_there_are_less_than_two_minutes():
    assert noise_drawn(own_seconds=130) == pytest.approx(0.7, abs=0.05)
    assert noise_drawn(own_seconds=60) == pytest.approx(0.35, abs=0.05)


def test_two_recorded_seconds_do_not_dominate_a_class():
    assert noise_drawn(own_seconds=2) < 0.05


def test_each_piece_of_music_and_each_noise_is_different():
    for make in (generators.noise, generators.music):
        spectra = [mel_power(make(np.random.default_rng(n), 2.0)).mean(axis=0) for n in range(30)]
        shapes = np.log(np.array(spectra) + 1e-9)
        shapes -= shapes.mean(axis=1, keepdims=True)
        apart = np.sqrt(np.square(shapes[:, None] - shapes[None]).mean(axis=-1))
        assert np.median(apart[np.triu_indices(30, 1)]) > 1, "4 dB in a band, and more"
