"""Distillation from YAMNet: the teacher, its training sounds, and the shipped convolutions of the speech classifier."""

from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

import encoder_distillation
import make_audio_encoder
import quick_librosa
import sound_distillation
from classifier_sounds import convolutions_of, normalised
from fae_training.classifiers import generators
from fae_training.classifiers.classes import CLASSIFIERS, ONE_SECOND, Pretrained
from fae_training.classifiers.features import BANDS, log_mel, samples_for

SPOKEN = "The train leaves in a quarter of an hour from platform four."


@pytest.fixture(scope="module")
def teacher():
    return sound_distillation.Teacher()


@pytest.fixture(scope="module")
def speech(espeak):
    return [espeak(SPOKEN, voice) for voice in ("en-us+m2", "en-us+f4")]


@pytest.fixture(scope="module")
def mixer(speech):
    random = np.random.default_rng(0)
    # As many as it takes that no single one decides.
    tones = [generators.music(random, 5.0) for _ in range(12)]
    clicks = [generators.noise(random, 5.0) for _ in range(12)]
    return sound_distillation.Mixer(random, [tones, clicks], speech)


def test_the_teacher_is_given_what_librosa_makes_of_a_sound(teacher, speech):
    samples = speech[0][: sound_distillation.TEACHER_SAMPLES]
    amplitude = quick_librosa.melspectrogram(
        y=samples,
        sr=16_000,
        n_fft=512,
        win_length=400,
        hop_length=160,
        center=False,
        power=1.0,
        n_mels=64,
        fmin=125,
        fmax=7_500,
        htk=True,
        norm=None,
    )
    found = teacher.patch(samples)
    assert found.shape == (96, 64)
    np.testing.assert_allclose(found, np.log(amplitude.T + 1e-6), atol=1e-3)


def test_the_teacher_knows_speech_and_a_melody(teacher, speech):
    def kind(samples):
        _, logits = teacher(samples[8_000:][: sound_distillation.TEACHER_SAMPLES])
        return int(logits.argmax())

    speaking = kind(speech[0])
    assert sound_distillation.SPEECH.start <= speaking < sound_distillation.SPEECH.stop
    time = np.arange(3 * 16_000) / 16_000
    tune = np.repeat([262, 330, 392, 523, 392, 330], 8_000)
    phase = 2 * np.pi * np.cumsum(tune) / 16_000
    partials = sum(np.sin(n * phase) / n for n in range(1, 6))
    playing = kind((0.1 * partials * np.exp(-(time % 0.5) * 4)).astype(np.float32))
    assert sound_distillation.MUSIC.start <= playing < sound_distillation.MUSIC.stop


def test_windows_have_the_teacher_s_length_and_come_from_all_sounds(mixer, teacher):
    windows = [mixer.window() for _ in range(60)]
    assert all(
        w.shape == (sound_distillation.TEACHER_SAMPLES,) and w.dtype == np.float32 for w in windows
    )
    loudness = 20 * np.log10([w.std() for w in windows])
    assert loudness.min() > -31 and loudness.max() < -15
    heard = [int(teacher(w)[1].argmax()) for w in windows]
    assert any(h < sound_distillation.SPEECH.stop for h in heard)
    assert any(sound_distillation.MUSIC.start <= h < sound_distillation.MUSIC.stop for h in heard)
    assert any(h >= sound_distillation.MUSIC.stop for h in heard)


def test_a_row_is_a_sound_and_the_teachers_targets_of_it(mixer):
    batches = sound_distillation.SoundBatches(
        *sound_distillation.distillation_data(mixer, 300), seed=3
    )
    one, again, other = batches.batch_at(5), batches.batch_at(5), batches.batch_at(6)
    assert np.array_equal(one["x"], again["x"]) and not np.array_equal(one["x"], other["x"])
    assert one["x"].shape == (sound_distillation.ROWS, ONE_SECOND, BANDS)
    # Each row's targets belong to a window that sounds as the row does, and none of these is held out.
    held = 300 // sound_distillation.HELD_OUT
    assert sum(len(x) for x, _ in batches.held_out()) == held
    for x, y in zip(np.array(one["x"])[:40], np.array(one["y"])[:40], strict=True):
        (number,) = np.flatnonzero((batches.y == y).all(axis=1))
        assert number >= held
        heard = batches.x[number].astype(np.float32)
        assert np.corrcoef(x.ravel(), heard.ravel())[0, 1] > 0.8


def test_targets_keep_the_principal_components_and_what_is_music():
    random = np.random.default_rng(1)
    logits = random.standard_normal((400, 521)).astype(np.float32)
    embeddings = random.standard_normal((400, 1024)).astype(np.float32)
    embeddings[:, 7] *= 30
    logits[:200, sound_distillation.MUSIC] += 9
    made = sound_distillation.targets(embeddings, logits)
    assert made.shape == (
        400,
        sound_distillation.EMBEDDING_COMPONENTS + sound_distillation.LOGIT_COMPONENTS + 5,
    )
    assert abs(np.corrcoef(made[:, 0], embeddings[:, 7])[0, 1]) > 0.99
    assert made[:200, -1].min() > made[200:, -1].max()
    np.testing.assert_allclose(made[:, -5:].std(axis=0), sound_distillation.CLASS_WEIGHT, rtol=1e-3)


def statistics_of(number: int, x: np.ndarray) -> np.ndarray:
    hidden = convolutions_of(number).hidden(normalised(x))
    parts = [hidden.mean(axis=1), hidden.std(axis=1), hidden.max(axis=1), np.ones((len(x), 1))]
    return np.concatenate(parts, axis=1)


def test_the_distilled_convolutions_explain_more_of_the_teacher_than_those_trained_on_words(
    mixer, teacher
):
    windows = [mixer.window() for _ in range(500)]
    x = log_mel(np.stack([w[: samples_for(ONE_SECOND)] for w in windows]))
    y = sound_distillation.targets(
        *(np.stack(part) for part in zip(*map(teacher, windows), strict=True))
    )
    y = y[:, [*range(20), -3]]

    def share_explained(number: int) -> float:
        seen = statistics_of(number, x)
        known, unknown = seen[:350], seen[350:]
        # Ridge regression: as few windows as these would be learned by heart.
        weights = np.linalg.solve(known.T @ known + 50 * np.eye(known.shape[1]), known.T @ y[:350])
        missed = np.square(unknown @ weights - y[350:]).sum()
        return 1 - missed / np.square(y[350:] - y[:350].mean(axis=0)).sum()

    for number in CLASSIFIERS["speech_verifier"].pretrained:
        assert share_explained(number) > share_explained(Pretrained.MADE_UP_WORDS) + 0.05


def test_folders_without_recordings_are_an_error(tmp_path):
    (tmp_path / "notes.txt").write_text("no sound")
    arguments = SimpleNamespace(sounds=[tmp_path], speech=[], seed=0, windows=10)
    with pytest.raises(SystemExit, match="no recordings; expected folders of music and noise"):
        make_audio_encoder.distilled_from_yamnet(arguments, {})


@pytest.mark.parametrize(
    ("out", "windows", "says"),
    [
        ("e.safetensors", "100", "--windows 100: expected 1000 or more"),
        ("e.npz", "1000", "e.npz: expected a name that ends in .safetensors"),
    ],
)
def test_what_cannot_be_made_is_reported_before_work_begins(
    out, windows, says, tmp_path, monkeypatch, capsys
):
    given = ["--out", str(tmp_path / out), "--only", "yamnet", "--sounds", str(tmp_path)]
    monkeypatch.setattr("sys.argv", ["make_audio_encoder.py", *given, "--windows", windows])
    with pytest.raises(SystemExit):
        make_audio_encoder.main()
    assert says in capsys.readouterr().err


def test_a_folder_of_recordings_is_read_whatever_their_rate_and_what_else_lies_there(tmp_path):
    (tmp_path / "notes.txt").write_text("no sound")
    for rate in (8_000, 44_100):
        tone = 0.3 * np.sin(np.arange(3 * rate) * 2 * np.pi * 440 / rate)
        soundfile.write(tmp_path / f"{rate}.wav", tone, rate)
    pieces = encoder_distillation.recordings_under([tmp_path])
    assert [len(piece) for piece in pieces] == [48_000, 48_000]
