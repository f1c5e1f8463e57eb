"""The training clips of corrections: recordings first, synthesised clips if there are too few, and rehearsal clips."""

import subprocess
import sys
from itertools import combinations, pairwise

import numpy
import pytest
import soundfile

import prepared
from fae_training.calls.errors import Failed, Missing
from fae_training.judgement.parts import CHOOSE, JUDGE, TRAIN
from fae_training.speech import clips, material, misheard, sentences, training_clips
from fae_training.speech.sound import roughen
from fae_training.speech.synthesis import Synthesiser, Voice, find_synthesiser
from fae_training.store import consent
from fae_training.store.state import Home, read_jsonl, write_json, write_jsonl

needs_a_voice = pytest.mark.skipif(find_synthesiser() is None, reason="no say and no espeak-ng")


@pytest.fixture
def home(tmp_path, monkeypatch) -> Home:
    """A home with both consents; fewer rehearsal clips than in earnest, for each takes time to speak."""
    monkeypatch.setattr(training_clips, "REHEARSED", {TRAIN: 12, CHOOSE: 4, JUDGE: 6})
    monkeypatch.setattr(training_clips, "FEWEST_JUDGED", 8)
    home = Home(tmp_path / "home")
    consent.change(home, ["corrections", "audio"], [])
    return home


def record(home: Home, text: str, heard: str, pitch: int) -> None:
    """A correction with its own recording, a tone of that pitch."""
    path = home.directory("given") / f"{pitch}.wav"
    times = numpy.arange(16000) / 16000
    soundfile.write(path, 0.3 * numpy.sin(2 * numpy.pi * pitch * times), 16000)
    prepared.corrected(home, heard, text, path)


def build(home: Home, synthesiser=None) -> tuple[material.Made, list[dict], list[dict]]:
    meta = training_clips.build(home, 6, 0, synthesiser, lambda text: None)
    assert material.read_made(home.file("data")) == meta
    rows = [read_jsonl(home.file("data", "stt", f"{side}.jsonl")) for side in ("train", "valid")]
    return meta, *rows


def parts_of(rows: list[dict]) -> dict[str, str]:
    return {row["audio"]: row["part"] for row in rows}


def test_without_a_synthesiser_the_recordings_are_enough(home):
    for pitch in range(200, 1000, 100):
        record(home, "Call Marion.", "Call Marian.", pitch)
    meta, train, valid = build(home)
    assert meta.train == {"correction recorded": len(train)} and len(train) >= 4
    assert meta.valid == {"correction recorded": len(valid)} and len(train) + len(valid) == 8
    assert set(parts_of(valid).values()) == {CHOOSE, JUDGE}
    assert material.held_out(home, home.file("data")).apart
    assert {row["audio"] for row in train}.isdisjoint(row["audio"] for row in valid)
    assert train[0] == {
        "audio": train[0]["audio"],
        "text": "Call Marion.",
        "heard": "Call Marian.",
        "origin": "recorded",
        "source": {"kind": "correction", "terms": ["Marion"]},
    }
    assert any("brew install espeak-ng" in note for note in meta.notes)


def test_a_clip_that_was_held_out_once_is_held_out_for_ever_in_its_part(home):
    found = []
    for pitch in range(200, 3200, 100):
        record(home, "Call Marion.", "Call Marian.", pitch)
        if pitch in (400, 900, 1700, 3100):
            found.append(parts_of(build(home)[2]))
    for before, after in pairwise(found):
        assert before.items() <= after.items()
    # Of 30: by the hash about a tenth in each part, and the first in judge.
    assert sorted(found[-1].values()).count(JUDGE) >= 2 and len(found[-1]) <= 12


def line(audio: str | None, meant: str, heard: str = "") -> misheard.Correction:
    return misheard.Correction("", heard or meant, meant, "person", audio=audio)


MARION = [line(f"stt/clips/{n}.wav", "Call Marion.", "Call Marian.") for n in range(200)]


def test_recordings_are_divided_by_a_hash_and_every_term_has_one_that_judges():
    parts = list(material.parts_of_recordings(MARION).values())
    assert parts[:4].count(JUDGE) >= 1 and parts[1] == TRAIN and CHOOSE in parts[:4]
    assert 10 <= parts.count(JUDGE) <= 32 and 10 <= parts.count(CHOOSE) <= 32
    assert material.parts_of_recordings(MARION[:1]) == {"stt/clips/0.wav": JUDGE}
    other = [line("stt/clips/anwen.wav", "This is Anwen.", "This is Owen.")]
    ordinary = [line(f"stt/clips/o{n}.wav", "Open the window.") for n in range(4)]
    found = material.parts_of_recordings([*MARION[:8], *other, *ordinary])
    assert found["stt/clips/anwen.wav"] == found["stt/clips/o0.wav"] == JUDGE
    assert CHOOSE in [found[each.audio] for each in ordinary]


def test_what_is_added_corrected_again_or_left_out_moves_no_recording(home):
    before = material.parts_of_recordings(MARION[:20])
    later = [
        line(None, "Zoe", "Joey"),
        line("stt/clips/0.wav", "Call Marianne.", "Call Marian."),
        line("stt/clips/7.wav", "Call Anne and Marion.", "Call Marian."),
        *MARION[20:40],
    ]
    assert before.items() <= material.parts_of_recordings(MARION[:20] + later).items()
    for pitch in range(200, 1000, 100):
        record(home, "Call Marion.", "Call Marian.", pitch)
    record(home, "Ask Thaddeus.", "Ask Steve.", 2000)
    record(home, "Ask Thaddeus.", "Ask Steve.", 2100)
    kept = parts_of(build(home)[2])
    # Anna is before Marion in the alphabet, and what was the first recording is now of both.
    record(home, "Call Anna, Marion.", "Call Anne, Marian.", 200)
    write_json(home.file("exclusions.json"), {"topics": [], "ids": [], "people": ["Thaddeus"]})
    after = parts_of(build(home)[2])
    assert after.items() <= kept.items() and len(after) == len(kept) - 1


def test_two_recordings_are_too_few_for_three_parts_and_are_never_judged_apart(home):
    for pitch in (200, 300):
        record(home, "Call Marion.", "Call Marian.", pitch)
    build(home)
    found = material.held_out(home, home.file("data"))
    assert not found.apart and len(found.judge) == 1 and found.choose == found.judge


def test_what_an_earlier_version_held_out_chose_and_is_not_judged_apart(home):
    for pitch in range(200, 1000, 100):
        record(home, "Call Marion.", "Call Marian.", pitch)
    _, _, valid = build(home)
    for row in valid:
        del row["part"]
    write_jsonl(home.file("data", "stt", "valid.jsonl"), valid)
    assert (
        not material.held_out(home, home.file("data")).apart
        and material.held_out(home, home.file("data")).judge
    )


def test_a_text_only_set_without_a_synthesiser_cannot_be_trained_and_says_what_to_do(home):
    prepared.corrected(home, "Marian", "Marion")
    with pytest.raises(Missing, match="no clip of any") as caught:
        build(home)
    assert "espeak-ng" in caught.value.hint and "add_correction.py" in caught.value.hint


def test_no_corrections_at_all_name_the_command_that_adds_one(home):
    with pytest.raises(Missing, match="no corrections") as caught:
        material.collect(home)
    assert "add_correction.py" in caught.value.hint


@needs_a_voice
def test_a_text_only_set_is_spoken_in_many_voices(home):
    prepared.corrected(home, "Marian", "Marion")
    meta, train, _ = build(home, find_synthesiser())
    assert meta.terms == ("Marion",)
    assert meta.train["correction synthesised"] == 6
    found = material.held_out(home, home.file("data"))
    assert found.apart
    assert [len([e for e in part if e.terms]) for part in (found.choose, found.judge)] == [4, 8]
    assert all("Marion" in row["text"] for row in train if row["source"]["kind"] == "correction")
    timbres = [
        {each.voice.split("+")[-1] for each in part}
        for part in (material.read_examples(home.file("data"), "train"), found.choose, found.judge)
    ]
    assert len(timbres[0]) >= 5 and all(timbres)
    assert not any(one & other for one, other in combinations(timbres, 2))
    for row in train[:3]:
        assert clips.read(home.file(row["audio"])).problems == []


@needs_a_voice
def test_the_same_corrections_give_the_same_clips_and_nothing_is_spoken_twice(home):
    prepared.corrected(home, "Marian", "Marion")
    _, first, _ = build(home, find_synthesiser())
    path = home.file(first[0]["audio"])
    before = path.stat().st_mtime_ns
    _, second, _ = build(home, find_synthesiser())
    assert first == second and path.stat().st_mtime_ns == before


@needs_a_voice
def test_no_rehearsal_sentence_contains_a_term_or_a_homophone(home):
    prepared.corrected(home, "Marian", "Marion")
    prepared.corrected(home, "Steven", "Siobhan")
    _, train, valid = build(home, find_synthesiser())
    rehearsed = " ".join(
        row["text"] for row in train + valid if row["source"]["kind"] == "rehearsal"
    )
    assert not any(word in rehearsed for word in ("Marion", "Marian", "Siobhan"))
    assert "Steven" in rehearsed  # who must go on being heard when it is Steven


@needs_a_voice
def test_the_persons_own_sentences_are_used(home):
    prepared.corrected(home, "Marian", "Marion")
    consent.change(home, ["conversations"], [])
    turns = ["Please ring Peter at six tonight.", "Could you dim the hallway a bit?"]
    rows = [{"prompt": text, "completion": "Sure."} for text in turns]
    write_jsonl(home.file("data", "sft", "train.jsonl"), rows)
    assert sentences.own_carriers(turns, ["Marion"]) == ["Please ring {} at six tonight."]
    _, train, valid = build(home, find_synthesiser())
    texts = {row["text"] for row in train + valid}
    assert "Please ring Marion at six tonight." in texts
    assert "Could you dim the hallway a bit?" in texts


@needs_a_voice
def test_a_hundred_times_the_same_correction_is_one_term_with_as_many_clips_as_any(home):
    for _ in range(100):
        prepared.corrected(home, "Marian", "Marion")
    prepared.corrected(home, "steve", "Thaddeus")
    meta, train, _ = build(home, find_synthesiser())
    terms = [row["source"]["terms"] for row in train if row["source"]["kind"] == "correction"]
    assert terms.count(["Marion"]) == terms.count(["Thaddeus"]) == 6
    assert meta.terms == ("Marion", "Thaddeus")


@needs_a_voice
def test_how_a_word_sounds_is_spoken_and_its_spelling_is_learned(home):
    prepared.corrected(home, "steve", "Siobhan", say_as="shivawn")
    spoken = []

    class Listening(Synthesiser):
        def speak(self, text, voice):
            spoken.append(text)
            return super().speak(text, voice)

    found = find_synthesiser()
    _, train, _ = build(home, Listening(found.program, found.path))
    assert any("shivawn" in text for text in spoken) and not any("Siobhan" in t for t in spoken)
    assert any("Siobhan" in row["text"] for row in train)


def test_a_damaged_recording_is_named_and_the_others_are_used(home):
    for pitch in range(200, 1000, 100):
        record(home, "Call Marion.", "Call Marian.", pitch)
    paths = [home.file(each.audio) for each in misheard.all_corrections(home)]
    paths[1].unlink()
    paths[2].write_bytes(paths[2].read_bytes()[:20])
    meta, train, valid = build(home)
    assert meta.left_out == {"clip_missing": 1, "not_audio": 1}
    assert any(paths[1].name in note for note in meta.notes)
    # The fourth chooses, also when the second and third are lost.
    held_out = {home.file(row["audio"]): row["part"] for row in valid}
    assert (held_out[paths[0]], held_out[paths[3]]) == (JUDGE, CHOOSE)
    assert len(train) + len(valid) == 6


def test_recordings_are_not_used_after_the_consent_for_audio_was_withdrawn(home):
    for pitch in range(200, 600, 100):
        record(home, "Call Marion.", "Call Marian.", pitch)
    consent.change(home, [], ["audio"])
    found = material.collect(home)
    assert found.recorded == [] and found.left_out["no_audio_consent"] == 4


def test_an_excluded_person_is_not_learned(home):
    prepared.corrected(home, "Marian", "Marion")
    prepared.corrected(home, "steve", "Thaddeus")
    write_json(home.file("exclusions.json"), {"topics": [], "ids": [], "people": ["Thaddeus"]})
    found = material.collect(home)
    assert [entry.term for entry in found.terms] == ["Marion"]


def test_a_term_in_another_script_stays_out_of_the_training(home):
    prepared.corrected(home, "Maria", "Мария")
    with pytest.raises(Missing, match="in another script"):
        material.collect(home)


def test_what_was_made_is_read_as_it_was_and_a_row_that_is_none_is_named(home):
    for pitch in range(200, 1000, 100):
        record(home, "Call Marion.", "Call Marian.", pitch)
    _, train, valid = build(home)
    for side, rows in (("train", train), ("valid", valid)):
        examples = material.read_examples(home.file("data"), side)
        assert [each.as_row() for each in examples] == rows
        assert {each.part == TRAIN for each in examples} == {side == "train"}
    path = home.file("data", "stt", "valid.jsonl")
    rows = [valid[0], {name: value for name, value in valid[0].items() if name != "text"}]
    write_jsonl(path, rows)
    with pytest.raises(Failed, match=r"line 2 of .*valid\.jsonl: it has no key 'text'"):
        material.read_examples(home.file("data"), "valid")


def test_a_synthesiser_that_cannot_speak_is_an_error_with_its_name():
    with pytest.raises(OSError, match="false could not speak"):
        Synthesiser("false", "/bin/false").speak("Hello.", Voice("en", 150))


def test_another_room_keeps_the_sound_within_bounds_and_the_same_seed_gives_the_same():
    tone = numpy.sin(numpy.arange(16000) / 10).astype(numpy.float32)
    one, other = (roughen(tone, numpy.random.default_rng(5)) for _ in range(2))
    assert numpy.array_equal(one, other)
    assert numpy.abs(one).max() <= 1 and abs(len(one) - len(tone)) <= 0.06 * len(tone)
    assert not numpy.array_equal(one, roughen(tone, numpy.random.default_rng(6)))


def test_what_is_read_before_a_run_begins_is_the_standard_library_alone():
    """Also by extract_corrections.py, whose environment has neither numpy nor soundfile."""
    code = (
        "import sys\n"
        "from fae_training.speech import material, misheard, preflight, sentences\n"
        "from fae_training.speech import synthesis, vocabulary\n"
        "heavy = {'numpy', 'soundfile', 'soxr', 'jiwer', 'mlx', 'mlx_audio', 'mlx_tune'}\n"
        "print(sorted(heavy & sys.modules.keys()))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
