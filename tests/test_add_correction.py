"""Corrections as Fae, a person and a file give them, and every error in one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
import soundfile

import prepared
from fae_training.calls.errors import BadRequest, Failed, Missing, Refused
from fae_training.speech import clips, material, misheard, training_clips, vocabulary
from fae_training.speech.vocabulary import Term
from fae_training.store import consent
from fae_training.store.state import Home, read_jsonl

SCRIPT = Path(__file__).parents[1] / "scripts" / "add_correction.py"


@pytest.fixture
def home(tmp_path) -> Home:
    home = Home(tmp_path / "home")
    consent.change(home, ["corrections", "audio"], [])
    return home


def call(
    home: Home, *arguments: str, given: dict | None = None, fae: bool = False
) -> tuple[int, dict]:
    environment = os.environ | {"FAE_TRAINING_HOME": str(home.path)}
    if fae:
        environment["FAE_SKILL_NAME"] = "training-orchestrator"
    request = json.dumps({"jsonrpc": "2.0", "method": "execute", "params": given or {}, "id": 1})
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        input=request if fae else None,
        capture_output=True,
        text=True,
        env=environment,
    )
    return done.returncode, json.loads(done.stdout)


def tone(
    path: Path, seconds: float = 1.0, rate: int = 16000, channels: int = 1, level: float = 0.3
) -> Path:
    times = numpy.arange(int(seconds * rate)) / rate
    wave = numpy.clip(level * numpy.sin(2 * numpy.pi * 300 * times), -1, 1)
    soundfile.write(path, numpy.repeat(wave[:, None], channels, axis=1), rate)
    return path


def test_fae_keeps_a_correction_at_the_moment_it_is_made(home):
    status, answer = call(home, given={"heard": "Marian", "meant": "Marion"}, fae=True)
    assert status == 0
    assert answer["status"] == "kept" and answer["words"] == ["Marion"]
    assert home.read("stt/vocabulary.json")["terms"] == [
        {"term": "Marion", "sounds_like": ["Marian"], "count": 1}
    ]


def test_a_sentence_that_corrects_is_read_as_the_word_that_it_corrects(home):
    said = {"heard": "Shivon", "meant": "It's Siobhan, not Shivon."}
    status, answer = call(home, given=said, fae=True)
    assert (status, answer["words"]) == (0, ["Siobhan"])
    status, answer = call(home, given={"meant": "It's Siobhan, not Shivon."}, fae=True)
    assert (status, answer["words"]) == (0, ["Siobhan"])
    status, answer = call(home, given={"heard": "a tea and tea", "meant": "AT&T"}, fae=True)
    assert answer["words"] == ["AT&T"]


def test_another_program_gives_json_as_the_first_argument(home):
    _, answer = call(home, json.dumps({"heard": "Call Marian.", "meant": "Call Marion."}))
    assert answer["words"] == ["Marion"]
    (correction,) = misheard.all_corrections(home)
    assert correction.origin == "program" and correction.heard == "Call Marian."


def test_a_file_of_corrections_keeps_the_good_lines_and_names_the_bad_ones(home, tmp_path):
    tone(tmp_path / "a.wav")
    (tmp_path / "noise.wav").write_bytes(b"this is no sound")
    lines = [
        {"heard": "Marian", "meant": "Marion", "clip": "a.wav"},
        {"heard": "x", "meant": "  "},
        {"heard": "same", "meant": "same"},
        {"heard": "a", "meant": "b", "clip": "noise.wav"},
        {"heard": "a", "meant": "b", "clip": "gone.wav"},
        ["no", "object"],
        {"heard": "shavon", "meant": "Siobhan", "say_as": "shivawn"},
    ]
    path = tmp_path / "many.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)) + "\nno json\n")
    status, answer = call(home, "--file", str(path), "--json")
    assert status == 0 and answer["kept"] == 2 and answer["recorded"] == 1
    assert [(p["row"], p["code"]) for p in answer["problems"]] == [
        (2, "empty_correction"),
        (3, "nothing_to_correct"),
        (4, "not_audio"),
        (5, "clip_missing"),
        (6, "bad_row"),
        (8, "bad_row"),
    ]
    assert misheard.all_corrections(home)[1].say_as == "shivawn"


def test_a_line_separator_inside_a_text_does_not_end_its_line(home, tmp_path):
    path = tmp_path / "one.jsonl"
    row = {"heard": "Marian\u2028called", "meant": "Marion called"}
    path.write_text(json.dumps(row, ensure_ascii=False), encoding="utf-8")
    status, answer = call(home, "--file", str(path), "--json")
    assert (status, answer["kept"], answer["problems"]) == (0, 1, [])


def test_a_clip_is_refused_without_the_consent_for_audio(home, tmp_path):
    consent.change(home, [], ["audio"])
    status, answer = call(
        home, "--heard", "a", "--meant", "b", "--clip", str(tone(tmp_path / "a.wav")), "--json"
    )
    assert status == 3 and answer["error"]["code"] == "no_consent"
    assert "setup.py --consent audio" in answer["error"]["hint"]
    assert not home.file("stt").exists()


def test_nothing_is_kept_without_the_consent_for_corrections(tmp_path):
    with pytest.raises(Refused, match="corrections"):
        prepared.corrected(Home(tmp_path / "other"), "a", "b")


def test_a_dry_run_changes_nothing(home):
    status, answer = call(home, "--heard", "Marian", "--meant", "Marion", "--dry-run", "--json")
    assert (status, answer["status"]) == (0, "planned")
    assert not home.file("stt").exists()


@pytest.mark.parametrize(("rate", "channels"), [(44100, 2), (8000, 1), (48000, 1)])
def test_a_clip_of_any_rate_and_channels_becomes_16_khz_mono(home, tmp_path, rate, channels):
    path = tone(tmp_path / "clip.flac", 1.0, rate, channels)
    correction = prepared.corrected(home, "a", "b", path)
    kept = soundfile.info(home.file(correction.audio))
    assert (kept.samplerate, kept.channels, kept.subtype) == (16000, 1, "PCM_16")
    assert abs(kept.frames - 16000) <= 2
    assert home.file(correction.audio).stat().st_mode & 0o777 == 0o600
    samples, _ = soundfile.read(home.file(correction.audio))
    spectrum = numpy.abs(numpy.fft.rfft(samples[:16000]))
    assert abs(int(spectrum.argmax()) - 300) <= 1  # one bin a hertz: the tone kept its pitch


@pytest.mark.parametrize(
    ("seconds", "level", "code"),
    [
        (0.2, 0.3, "clip_too_short"),
        (31.0, 0.3, "clip_too_long"),
        (1.0, 0.0, "clip_silent"),
        (0.0, 0.3, "clip_empty"),
    ],
)
def test_an_unusable_clip_is_refused_with_both_numbers(home, tmp_path, seconds, level, code):
    path = tone(tmp_path / "clip.wav", seconds, level=level)
    with pytest.raises(BadRequest) as caught:
        prepared.corrected(home, "a", "b", path)
    assert caught.value.code == code
    assert misheard.all_corrections(home) == [] and not home.file("stt", "clips").exists()


def test_a_clip_that_is_long_only_because_of_silent_ends_is_kept(home, tmp_path):
    speech, _ = soundfile.read(tone(tmp_path / "speech.wav", 2.0))
    soundfile.write(tmp_path / "long.wav", numpy.pad(speech, (20 * 16000, 20 * 16000)), 16000)
    correction = prepared.corrected(home, "a", "b", tmp_path / "long.wav")
    assert correction.seconds == pytest.approx(2.1, abs=0.05)


def test_a_distorted_clip_is_kept_with_a_remark(home, tmp_path):
    correction = prepared.corrected(home, "a", "b", tone(tmp_path / "loud.wav", level=3.0))
    assert correction.remarks == ("clipped",)


def test_a_missing_and_a_truncated_clip_have_different_errors(home, tmp_path):
    with pytest.raises(Missing, match=r"no file .*gone\.wav"):
        prepared.corrected(home, "a", "b", tmp_path / "gone.wav")
    whole = tone(tmp_path / "whole.flac").read_bytes()
    (tmp_path / "cut.flac").write_bytes(whole[:30])
    with pytest.raises(BadRequest, match="cannot be read as audio") as caught:
        prepared.corrected(home, "a", "b", tmp_path / "cut.flac")
    assert caught.value.code == "not_audio"


def test_the_same_recording_is_stored_once_and_the_same_correction_counted(home, tmp_path):
    path = tone(tmp_path / "a.wav")
    for _ in range(100):
        prepared.corrected(home, "Marian", "Marion", path)
    assert len(list(home.file("stt", "clips").iterdir())) == 1
    assert vocabulary.keep(home, []) == [Term("Marion", ("Marian",), 100)]


def test_a_correctly_recognised_recording_is_kept_although_nothing_is_corrected(home, tmp_path):
    prepared.corrected(home, "Good night.", "Good night.", tone(tmp_path / "a.wav"))
    assert vocabulary.keep(home, []) == []


def test_text_in_another_script_is_kept_for_the_vocabulary_with_a_remark(home):
    status, answer = call(home, "--heard", "Maria", "--meant", "Мария", "--json")
    assert status == 0 and answer["remarks"] == ["other_script"]
    assert home.read("stt/vocabulary.json")["terms"][0]["term"] == "Мария"


def test_far_too_much_text_is_refused(home):
    with pytest.raises(BadRequest, match="at most 300"):
        prepared.corrected(home, "a", "word " * 100)


@pytest.mark.parametrize(
    ("heard", "meant", "pairs"),
    [
        ("Marian", "Marion", [("Marian", "Marion")]),
        ("Call Marian now.", "Call Marion now", [("Marian", "Marion")]),
        (
            "tell Steve and Marian",
            "tell Siobhan and Marion",
            [("Steve", "Siobhan"), ("Marian", "Marion")],
        ),
        ("call", "call Niamh", [("", "Niamh")]),
        ("I met Van Go", "I met van Gogh", [("Go", "Gogh")]),
        ("call o'brian", "call O’Brien", [("o'brian", "O'Brien")]),
        ("one two three four five six", "a b c d e f", []),
    ],
)
def test_the_misheard_words_are_found_in_a_sentence(heard, meant, pairs):
    assert misheard.terms_of(heard, meant) == pairs


def test_replacing_touches_whole_words_only():
    entries = [Term("Marion", ("Marian", "mary ann"), 3)]
    heard = "Marian and MARY ANN met Marianne."
    assert vocabulary.replaced(heard, entries) == "Marion and Marion met Marianne."


def test_known_names_stay_in_the_vocabulary_when_corrections_come(home):
    vocabulary.keep(home, [], ["Niamh"])
    prepared.corrected(home, "Marian", "Marion")
    assert [entry.term for entry in vocabulary.keep(home, [])] == ["Marion", "Niamh"]


def test_what_is_wrong_with_samples_is_named():
    loud = numpy.ones(16000, numpy.float32) * 0.5
    assert clips.inspect(loud) == []
    assert clips.inspect(loud[:3000]) == ["too_short"]
    assert clips.inspect(loud * 0, clipped=0.5) == ["silent", "clipped"]
    assert clips.inspect(loud[:0]) == ["empty"]


@pytest.mark.parametrize(
    ("heard", "meant", "pairs"),
    [
        ("a tea and tea", "AT&T", [("a tea and tea", "AT&T")]),
        ("i love new york", "I ♥ NY", [("i love new york", "I ♥ NY")]),
        ("Call AT and T.", "Call AT & T.", [("AT and T", "AT & T")]),
        ("C", "C++", [("C", "C++")]),
        ("I write see sharp.", "I write C#.", [("see sharp", "C#")]),
        ("dot net", ".NET", [("dot net", ".NET")]),
        ("node js", "Node.js", [("node js", "Node.js")]),
        ("रम", "रमेश", [("रम", "रमेश")]),
        ("My name is Raju.", "My name is राजू.", [("Raju", "राजू")]),
        ("OBrien", "O’Brien", [("OBrien", "O'Brien")]),
        ("John Luke", "Jean-Luc", [("John Luke", "Jean-Luc")]),
        ("seven eleven", "7-Eleven", [("seven eleven", "7-Eleven")]),
        ("three m", "3M", [("three m", "3M")]),
        ("pink", "P!nk", [("pink", "P!nk")]),
        ("Kesha", "Ke$ha", [("Kesha", "Ke$ha")]),
        ("moe", "محمّد", [("moe", "محمّد")]),
        ("李蕾", "李雷", [("李蕾", "李雷")]),
        ("win", "Nguyễn", [("win", "Nguyễn")]),
        ("Zo\u00eb", "Zoe\u0308", []),
        ("in the u.s.a", "in the U.S.A.", [("u.s.a", "U.S.A.")]),
        ("iphone", "iPhone", [("iphone", "iPhone")]),
        ("call my iphone", "Call my iPhone.", [("iphone", "iPhone")]),
        ("marion called", "Marion called", []),
        ('she said "Marian"', 'She said "Marion"!', [("Marian", "Marion")]),
        ("salt and pepper", "Salt & Pepper", [("salt and pepper", "Salt & Pepper")]),
        ("Ana", "Ana \N{CHERRY BLOSSOM}", []),
    ],
)  # fmt: skip
def test_a_name_keeps_its_spelling(heard, meant, pairs):
    assert misheard.terms_of(heard, meant) == pairs


@pytest.mark.parametrize(
    "name", ["AT&T", "C++", "C#", "O'Brien", "Jean-Luc", "7-Eleven", "P!nk", "Siobhán", "Node.js"]
)
def test_a_name_is_found_where_it_occurs_and_nowhere_else(name):
    from fae_training.speech import measures, sentences

    assert measures.occurrences(name, f"I like {name}, and you?") == 1
    assert measures.occurrences(name, "I like C, and at, and you?") == 0
    (carrier,) = sentences.own_carriers([f"Write about {name} now."], [name])
    assert carrier == "Write about {} now."
    assert vocabulary.replaced(f"({name}) {name}y", [Term("X", (name,))]) == f"(X) {name}y"


def test_a_word_does_not_end_before_its_vowel_sign():
    assert misheard.words_of("रमेश की मेज") == ["रमेश", "की", "मेज"]
    entries = [Term("X", ("राज",))]
    assert vocabulary.replaced("राज राजू", entries) == "X राजू"


def test_the_newest_correction_of_a_recording_is_valid_and_the_answer_says_so(home, tmp_path):
    path = str(tone(tmp_path / "a.wav"))
    call(home, "--heard", "Call Marian.", "--meant", "Call Marrion.", "--clip", path, "--json")
    given = ("--heard", "Call Marian.", "--meant", "Call Marion.", "--clip", path, "--json")
    _, planned = call(home, *given, "--dry-run")
    _, answer = call(home, *given)
    assert planned["replaces"] == answer["replaces"] == "Call Marrion."
    assert [e["term"] for e in home.read("stt/vocabulary.json")["terms"]] == ["Marion"]
    found = material.collect(home)
    assert [example.text for example in found.recorded] == ["Call Marion."]
    assert [entry.term for entry in found.terms] == ["Marion"]
    _, again = call(home, *given)
    assert "replaces" not in again


def test_a_difference_in_capitals_counts_and_is_reported(home):
    _, answer = call(home, "--heard", "iphone", "--meant", "iPhone", "--json")
    assert answer["words"] == ["iPhone"] and answer["remarks"] == ["only_capitals"]
    _, answer = call(home, "--heard", "marion called", "--meant", "Marion called.", "--json")
    assert answer["words"] == [] and answer["remarks"] == ["no_word_differs"]


@pytest.mark.parametrize("name", ["AT&T", "C++", "Jean-Luc", "O'Brien", "7-Eleven", "Siobh\u00e1n"])
def test_a_name_reaches_the_training_rows_as_it_is_written(home, tmp_path, name):
    for number in range(3):
        clip = tone(tmp_path / f"{number}.wav", seconds=1 + number / 10)
        prepared.corrected(home, "Call Marian.", f"Call {name}.", clip)
    training_clips.build(home, 2, 0, None, lambda text: None)
    rows = read_jsonl(home.file("data/stt/train.jsonl")) + read_jsonl(
        home.file("data/stt/valid.jsonl")
    )
    assert {row["text"] for row in rows} == {f"Call {name}."}
    assert {tuple(row["source"]["terms"]) for row in rows} == {(name,)}
    assert home.read("data/stt/meta.json")["terms"] == [name]


def test_a_name_is_spoken_as_it_is_written(home):
    """What is given to the synthesiser, without one."""
    prepared.corrected(home, "a tea and tea", "AT&T")
    found = material.collect(home)
    lines = training_clips._lines(found, [], [], 4, 0)
    taught = [line for line in lines if line.example.terms == ("AT&T",)]
    assert taught and all(
        "AT&T" in line.spoken_text and "AT&T" in line.example.text for line in taught
    )


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (
            {"heard": "a", "meant": "b", "origin": "person"},
            "line 1 of .*corrections.jsonl: it has no key 'at'",
        ),
        (
            {"at": "", "heard": "a", "meant": "b", "origin": "person", "say": "c"},
            "it has the unknown key 'say'; did you mean 'say_as'",
        ),
        (["a", "b"], "line 1 of .*corrections.jsonl is a list, expected an object"),
    ],
)
def test_a_line_that_is_not_a_correction_is_named(home, line, problem):
    home.directory("stt")
    home.file(*misheard.FILE).write_text(json.dumps(line) + "\n")
    with pytest.raises(Failed, match=problem) as caught:
        misheard.all_corrections(home)
    assert caught.value.code in ("bad_record", "state_corrupt")


@pytest.mark.parametrize("heard", ["", "- -"])
def test_a_sentence_of_which_nothing_was_heard_names_no_single_word(heard):
    assert misheard.terms_of(heard, "Please call my friend Marion") == []
    assert misheard.terms_of(heard, "my friend Marion") == [("", "my friend Marion")]
