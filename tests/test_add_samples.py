"""add_samples.py: recordings are added from files, folders and tables, and unusable ones are named."""

import numpy as np
import pytest
import soundfile

import calls
import classifier_sounds
from fae_training.classifiers import recordings as recordings_module
from fae_training.classifiers import sound_files
from fae_training.classifiers.classes import CLASSIFIERS
from fae_training.lifecycle import runs
from fae_training.store.state import Home


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
            samples = classifier_sounds.clip(name, random)
            soundfile.write(folder / name / f"take {number}.wav", samples, 16_000)
    return folder


def kept(home, kind="keyword"):
    return sorted(
        str(p.relative_to(home / kind / "samples"))
        for p in (home / kind / "samples").rglob("*.wav")
    )


def test_no_recording_is_added_without_consent(home, recordings):
    answer = calls.script("add_samples", "--files", recordings, "--json", home=home)
    assert answer.status == 3
    assert answer.json["error"]["hint"] == "uv run scripts/setup.py --consent audio"
    assert not (home / "keyword").exists()


def test_folders_named_after_classes_are_added_once(allowed, recordings):
    answer = calls.answer("add_samples", "--files", recordings, home=allowed)
    assert (answer["added"]["wake"], answer["added"]["noise"]) == (2, 2)
    again = calls.answer("add_samples", "--files", recordings, home=allowed)
    assert sum(again["added"].values()) == 0
    assert "was already added" in again["problems"][0]
    assert again["next"] == {"script": "train_keyword", "params": {"preset": "light"}}
    runs.create(Home(allowed), "keyword", {"settings": {}})
    again = calls.script("add_samples", "--files", recordings, home=allowed)
    assert "Nothing has changed: 4 recordings had been added before." in again.out
    assert again.out.rstrip().endswith("check_status.py --kind keyword"), "they were trained on"
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
    assert name.startswith("wake/Anna%20B.--hey%2D%2Dfae-")
    info = soundfile.info(allowed / "keyword" / "samples" / name)
    assert (info.samplerate, info.channels, info.frames) == (16_000, 1, 16_000)


def test_a_table_gives_class_speaker_and_recording(allowed, recordings):
    table = recordings / "clips.csv"
    table.write_text(
        "file,class,group,recording\nwake/take 0.wav,wake,anna,monday\nwake/take 1.wav,speech,,\n"
    )
    calls.answer("add_samples", "--table", table, home=allowed)
    names = kept(allowed)
    assert names[0].startswith("speech/take%201-")
    assert names[1].startswith("wake/anna--monday-")


def test_a_wrong_class_in_a_table_names_its_line(allowed, recordings):
    table = recordings / "clips.csv"
    table.write_text("file,class\nwake/take 0.wav,stop\n")
    answer = calls.script("add_samples", "--table", table, "--json", home=allowed)
    assert answer.status == 2
    assert "line 2" in answer.json["error"]["message"]
    assert "interrupt, wake, speech, silence, noise" in answer.json["error"]["message"]


def test_unusable_files_are_named_and_the_rest_is_added(allowed, recordings):
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


NAMES = ["Жанна", "李雷", "Søren", "Sören", "S-ren", "O'Brien", "O\u2019Brien", "Jean-Luc", "Jean--Luc", "-x-", "Ana \N{CHERRY BLOSSOM}",
         "محمّد", "राजू", "राज", "Mary Ann", "Mary-Ann", "a/b", "..", ".hidden", "50%25", "R2D2", "~", "x" * 300, "x" * 299 + "y",
         "Ж" * 200, "unnamed", "%D0", "Anna B."]  # fmt: skip


def test_no_two_speakers_share_a_name_and_each_is_read_as_it_was_written():
    stems = [recordings_module.file_stem(name, "take--1") for name in NAMES]
    assert len({stem.casefold() for stem in stems}) == len(NAMES)
    for name, stem in zip(NAMES, stems, strict=True):
        speaker, recording = recordings_module.who(f"{stem}-abcdef")
        assert recording == "take%2D%2D1-abcdef" and len(f"{stem}-abcdef.wav".encode()) <= 255
        assert "/" not in stem and not stem.startswith(".")
        assert speaker == name or (len(name) > 99 and speaker.startswith(name[:10]))


def test_a_name_typed_on_a_mac_and_one_typed_elsewhere_are_one_speaker():
    composed, decomposed = "Zo\u00eb", "Zoe\u0308"
    assert recordings_module.file_stem(composed, "x") == recordings_module.file_stem(
        decomposed, "x"
    )
    assert recordings_module.who(f"{decomposed}--x")[0] == composed


def test_files_that_were_named_the_old_way_are_read_and_not_added_twice(allowed, recordings):
    calls.answer(
        "add_samples",
        "--class",
        "wake",
        "--speaker",
        "Ana",
        "--files",
        recordings / "wake",
        home=allowed,
    )
    folder = allowed / "keyword" / "samples" / "wake"
    for path in folder.iterdir():
        path.rename(folder / path.name.replace("Ana", "S-ren").replace("%20", "-"))
    again = calls.answer(
        "add_samples",
        "--class",
        "wake",
        "--speaker",
        "Søren",
        "--files",
        recordings / "wake",
        home=allowed,
    )
    assert sum(again["added"].values()) == 0
    assert {recordings_module.who(path.stem)[0] for path in folder.iterdir()} == {"S-ren"}


def test_speakers_of_any_script_stay_apart_all_the_way_to_the_split(allowed, tmp_path):
    for number, name in enumerate(("Жанна", "李雷", "Søren", "Sören")):
        sound = 0.1 * np.random.default_rng(number).standard_normal(16_000)
        soundfile.write(tmp_path / "hey.wav", sound, 16_000)
        calls.answer(
            "add_samples",
            "--class",
            "wake",
            "--speaker",
            name,
            "--files",
            tmp_path / "hey.wav",
            home=allowed,
        )
    home = Home(allowed)
    found, _ = sound_files.load(
        home, CLASSIFIERS["keyword"], recordings_module.scan(home, CLASSIFIERS["keyword"])
    )
    assert {r.group for r in found} == {
        "speaker Жанна",
        "speaker 李雷",
        "speaker Søren",
        "speaker Sören",
    }


@pytest.mark.parametrize(
    "encoding, separator",
    [("utf-8-sig", ","), ("cp1252", ";"), ("utf-8", "\t"), ("utf-16", ";")],
)
def test_a_table_is_read_as_spreadsheets_write_it(allowed, recordings, encoding, separator):
    table = recordings / "clips.csv"
    rows = "File,class,Group\nwake/take 0.wav,wake,Søren\n\n".replace(",", separator)
    table.write_bytes(rows.encode(encoding))
    calls.answer("add_samples", "--table", table, home=allowed)
    assert kept(allowed)[0].startswith("wake/Søren--take%200-")


def test_a_table_of_a_first_line_alone_is_refused(allowed, recordings):
    table = recordings / "clips.csv"
    table.write_text("file,class\n")
    answer = calls.script("add_samples", "--table", table, "--json", home=allowed)
    assert (answer.status, answer.json["error"]["code"]) == (4, "no_sounds")
    assert f"{table} has no rows after its first line" in answer.json["error"]["message"]


def test_a_short_row_of_a_table_is_named(allowed, recordings):
    table = recordings / "clips.csv"
    table.write_text("file,class\nwake/take 0.wav,wake\nwake/take 1.wav\n")
    answer = calls.script("add_samples", "--table", table, "--json", home=allowed)
    assert answer.status == 2
    assert (
        f"line 3 of {table} has no class; expected a value for each of file, class"
        in answer.json["error"]["message"]
    )


def test_files_that_macos_keeps_beside_a_sound_are_ignored(allowed, recordings):
    (recordings / "wake" / "._take 0.wav").write_bytes(b"not a sound, but what macOS knows of one")
    answer = calls.answer(
        "add_samples", "--class", "wake", "--files", recordings / "wake", home=allowed
    )
    assert (answer["added"]["wake"], answer["left_out"]) == (2, 0)


def test_a_recording_that_is_there_with_another_label_is_not_added_again_and_this_is_said(
    allowed, recordings
):
    arguments = ("--class", "wake", "--files", recordings / "wake")
    calls.answer("add_samples", *arguments, "--speaker", "Ana", home=allowed)
    same = calls.script("add_samples", *arguments, "--speaker", "Ana", home=allowed)
    assert "Nothing has changed: 2 recordings" in same.out and "but as" not in same.out
    other = calls.script("add_samples", *arguments, "--speaker", "Bo", home=allowed)
    assert "was already added, but as wake by Ana: " in other.out
    assert "To change a class or a speaker, delete that file" in other.out
    speech = ("--class", "speech", "--files", recordings / "wake", "--speaker", "Ana")
    assert "but as wake by Ana" in calls.answer("add_samples", *speech, home=allowed)["problems"][0]
    assert len(kept(allowed)) == 2


def test_a_folder_of_voice_memos_is_converted_if_a_converter_is_installed_and_named_if_not(
    allowed, recordings, tmp_path
):
    (recordings / "wake" / "-memo.m4a").write_bytes(b"....ftypM4A what only a converter reads" * 9)
    arguments = ("--class", "wake", "--files", recordings / "wake")
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    answer = calls.answer("add_samples", *arguments, home=allowed, PATH=str(nothing))
    assert (answer["added"]["wake"], answer["left_out"]) == (2, 1)
    assert "-memo.m4a is a .m4a file, which needs afconvert" in answer["problems"][0]
    alone = ("--class", "wake", "--files", recordings / "wake")
    got = calls.script("add_samples", *alone, "--json", home=allowed, PATH=str(nothing)).json
    assert got["error"]["message"].startswith("1 of 3 files cannot be used:")
    assert got["error"]["message"].endswith("; 2 had been added before")
    assert got["error"]["hint"].startswith("install ffmpeg, or save the recording as WAV")

    # Stands for ffmpeg: it writes a sound to its last argument.
    word = classifier_sounds.clip("wake", np.random.default_rng(9))
    soundfile.write(tmp_path / "word.wav", np.stack([word, word], axis=1), 44_100)
    converter = nothing / "ffmpeg"
    converter.write_text(
        f'#!/bin/sh\nfor last; do :; done\n/bin/cp "{tmp_path}/word.wav" "$last"\n'
    )
    converter.chmod(0o755)
    answer = calls.answer("add_samples", *arguments, home=allowed, PATH=str(nothing))
    assert answer["added"]["wake"] == 1
    converter.write_text("#!/bin/sh\nexit 1\n")
    (recordings / "wake" / "other.mp4").write_bytes(b"broken" * 99)
    refused = calls.script("add_samples", *arguments, "--json", home=allowed, PATH=str(nothing))
    assert refused.status == 4
    assert "other.mp4 (594 bytes) cannot be converted by ffmpeg" in refused.out


@pytest.mark.parametrize(
    "fault", ["antiphase", "unscaled", "24 bits", "infinite", "one channel silent"]
)
def test_a_sound_in_an_unusual_sample_format_keeps_its_level(allowed, tmp_path, fault):
    word = classifier_sounds.clip("wake", np.random.default_rng(0)).astype(np.float32)
    odd = {
        "antiphase": np.stack([word, -word], axis=1),
        "unscaled": word * 32_768,
        "24 bits": word * 2**23,
        "infinite": np.where(np.arange(len(word)) % 4_000 == 7, np.inf, word),
        "one channel silent": np.stack([word, 0 * word], axis=1),
    }[fault]
    soundfile.write(tmp_path / "odd.wav", odd, 16_000, subtype="FLOAT")
    calls.answer("add_samples", "--class", "wake", "--files", tmp_path / "odd.wav", home=allowed)
    (name,) = kept(allowed)
    got, _ = soundfile.read(allowed / "keyword" / "samples" / name)
    expected = word / 2 if fault == "one channel silent" else word
    close = np.abs(got - expected) < 1e-4
    assert close.mean() > 0.998 and np.isfinite(got).all() and np.abs(got).max() < 0.6


def test_a_source_in_a_table_is_the_folder_of_its_sounds(allowed, recordings):
    table = recordings / "clips.csv"
    table.write_text("file,class,source\nwake/take 0.wav,wake,Common Voice/../x\n")
    calls.answer("add_samples", "--table", table, home=allowed)
    assert kept(allowed)[0].startswith("wake/Common%20Voice%2F..%2Fx/take%200-")
    home = Home(allowed)
    found, _ = sound_files.load(
        home, CLASSIFIERS["keyword"], recordings_module.scan(home, CLASSIFIERS["keyword"])
    )
    assert found[0].source == "Common%20Voice%2F..%2Fx"


def test_recordings_for_judging_have_their_own_folder_and_contain_no_trigger(allowed, tmp_path):
    random = np.random.default_rng(0)
    soundfile.write(tmp_path / "monday.wav", 0.1 * random.standard_normal(16_000), 16_000)
    asked = ("--to-judge", "--files", tmp_path / "monday.wav")
    calls.answer("add_samples", "--class", "noise", *asked, home=allowed)
    (path,) = (allowed / "keyword" / "samples" / "noise" / "to-judge").iterdir()
    assert path.name.startswith("monday-")
    refused = calls.script("add_samples", "--class", "wake", *asked, "--json", home=allowed)
    assert (refused.status, refused.json["error"]["code"]) == (2, "not_ordinary")
    assert "--class speech --to-judge --files RECORDINGS..." in refused.json["error"]["hint"]


def test_a_phrase_that_is_longer_than_the_window_is_reported():
    from fae_training.classifiers import training_data

    kind = CLASSIFIERS["keyword"]
    long = classifier_sounds.tones((300, 500, 800, 1300, 900, 400), 0.4).astype(np.float32)
    short = classifier_sounds.clip("wake", np.random.default_rng(0)).astype(np.float32)

    def of(*sounds):
        made = [
            sound_files.Recording("wake", "me", str(n), "recorded", s) for n, s in enumerate(sounds)
        ]
        return training_data.too_long(made, kind)

    assert of(short, short) == of() == []
    (note,) = of(short, long)
    assert note.startswith("1 of 2 sounds of wake are longer than the 1.18 s")
