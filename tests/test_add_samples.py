"""add_samples.py: recordings come in from files, folders and tables, and what cannot be used is named."""

import calls
import ear_sounds
import numpy as np
import pytest
import soundfile


@pytest.fixture
def allowed(home):
    calls.answer("setup", "--consent", "audio", home=home)
    return home


@pytest.fixture
def recordings(tmp_path):
    folder = tmp_path / "recordings"
    random = np.random.default_rng(0)
    for name in ("wake", "noise"):
        (folder / name).mkdir(parents=True)
        for number in range(2):
            samples = ear_sounds.clip(name, random)
            soundfile.write(folder / name / f"take {number}.wav", samples, 16_000)
    return folder


def kept(home, kind="keyword"):
    return sorted(
        str(p.relative_to(home / kind / "samples"))
        for p in (home / kind / "samples").rglob("*.wav")
    )


def test_nothing_is_taken_without_consent(home, recordings):
    answer = calls.script("add_samples", "--files", recordings, "--json", home=home)
    assert answer.status == 3
    assert answer.json["error"]["hint"] == "uv run scripts/setup.py --consent audio"
    assert not (home / "keyword").exists()


def test_folders_named_after_classes_come_in_once(allowed, recordings):
    answer = calls.answer("add_samples", "--files", recordings, home=allowed)
    assert (answer["added"]["wake"], answer["added"]["noise"]) == (2, 2)
    again = calls.answer("add_samples", "--files", recordings, home=allowed)
    assert sum(again["added"].values()) == 0
    assert "is here already" in again["problems"][0]
    assert len(kept(allowed)) == 4
    first = allowed / "keyword" / "samples" / kept(allowed)[0]
    assert first.stat().st_mode & 0o777 == 0o600


def test_any_rate_and_channels_are_kept_as_sixteen_kilohertz_mono_under_the_speaker(
    allowed, tmp_path
):
    stereo = 0.1 * np.random.default_rng(0).standard_normal((44_100, 2))
    soundfile.write(tmp_path / "hey--fae.flac", stereo, 44_100)
    calls.answer(
        "add_samples",
        "--class",
        "wake",
        "--speaker",
        "Anna B.",
        "--files",
        tmp_path / "hey--fae.flac",
        home=allowed,
    )
    (name,) = kept(allowed)
    assert name.startswith("wake/Anna-B.--hey-fae-")
    info = soundfile.info(allowed / "keyword" / "samples" / name)
    assert (info.samplerate, info.channels, info.frames) == (16_000, 1, 16_000)


def test_a_table_gives_class_speaker_and_recording(allowed, recordings):
    table = recordings / "clips.csv"
    table.write_text(
        "file,class,group,recording\nwake/take 0.wav,wake,anna,monday\nwake/take 1.wav,speech,,\n"
    )
    calls.answer("add_samples", "--table", table, home=allowed)
    names = kept(allowed)
    assert names[0].startswith("speech/take-1-")
    assert names[1].startswith("wake/anna--monday-")


def test_a_wrong_class_in_a_table_names_its_line(allowed, recordings):
    table = recordings / "clips.csv"
    table.write_text("file,class\nwake/take 0.wav,stop\n")
    answer = calls.script("add_samples", "--table", table, "--json", home=allowed)
    assert answer.status == 2
    assert "line 2" in answer.json["error"]["message"]
    assert "interrupt, wake, speech, silence, noise" in answer.json["error"]["message"]


def test_what_cannot_be_used_is_named_and_the_rest_comes_in(allowed, recordings):
    (recordings / "wake" / "broken.wav").write_bytes(b"not a sound at all, whatever it is called")
    (recordings / "wake" / "empty.wav").touch()
    soundfile.write(recordings / "wake" / "silent.wav", np.zeros(16_000), 16_000)
    answer = calls.answer(
        "add_samples", "--class", "wake", "--files", recordings / "wake", home=allowed
    )
    assert answer["added"]["wake"] == 2
    problems = " ".join(answer["problems"])
    assert answer["left_out"] == 3
    assert "broken.wav" in problems and "empty.wav" in problems and "is silent" in problems


def test_a_dry_run_adds_nothing(allowed, recordings):
    answer = calls.answer("add_samples", "--files", recordings, "--dry-run", home=allowed)
    assert answer["status"] == "planned" and answer["added"]["wake"] == 2
    assert kept(allowed) == []


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        ((), 2, "give either --files or --table"),
        (("--files", "/nowhere/at/all"), 4, "no file or folder /nowhere/at/all"),
        (("--class", "bark", "--files", "/tmp"), 2, "'bark' is not a class of keyword"),
        (
            ("--kind", "speech_verifier", "--class", "wake", "--files", "/tmp"),
            2,
            "speech, music, noise",
        ),
    ],
)
def test_bad_requests_say_what_was_expected(allowed, arguments, status, says):
    answer = calls.script("add_samples", *arguments, "--json", home=allowed)
    assert answer.status == status
    assert says in answer.json["error"]["message"]
