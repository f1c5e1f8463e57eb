"""Corrections and reactions that later versions of Fae recorded themselves."""

import hashlib
import json
import sqlite3

import pytest

import calls
import installed_fae
from fae_days import Days
from fae_executor import LONGEST_ANSWER
from fae_training.app import fae_app
from fae_training.conversations import background, feedback
from fae_training.corrections import noted, spoken
from fae_training.store import consent
from fae_training.store.state import Home, read_jsonl


@pytest.fixture
def days(tmp_path, monkeypatch) -> Days:
    directory = tmp_path / "fae"
    directory.mkdir()
    monkeypatch.setenv("FAE_APP_DIR", str(directory))
    return Days(directory)


@pytest.fixture
def place(home) -> Home:
    made = Home(home)
    consent.change(made, ["conversations", "corrections", "audio"], [])
    return made


def note(days: Days, text: str, kind: str, memory: str = "profile", **more) -> None:
    tags = json.dumps(["correction", kind, "has_corrected_value"])
    days.writer.record(memory, text, days.at, tags=tags, **more)


def misheard(place: Home) -> set[tuple[str, str]]:
    return {(row["heard"], row["meant"]) for row in read_jsonl(place.file("stt/corrections.jsonl"))}


def extracted(days: Days, place: Home, *given) -> calls.Answer:
    got = calls.script("extract_corrections", *given, "--json", home=place.path)
    days.connection.commit()
    return got


QUESTION, LONG, SHORT = "What is a heron?", "A heron is a tall bird. " * 6, "A tall wading bird."


def test_names_that_fae_noted_are_kept_and_other_notes_are_ignored(days, place):
    days.talk((QUESTION, "A bird that wades."))
    note(days, "User corrected a name: their name is Siobhan, not Chevron.", "nameError")
    note(days, "User corrected a name: their name is Aoife.", "nameError")
    note(days, "User indicated a name was incorrect.", "nameError")
    note(days, 'User corrected a mishearing: they actually said "Tomorrow".', "mishearing", "episode")  # fmt: skip
    note(days, "User corrected a name: their name is Leonard, not Leo.", "nameError", speaker="leo")
    days.connection.commit()
    extracted(days, place)
    assert misheard(place) == {("Chevron", "Siobhan")}
    known = [entry["term"] for entry in place.read("stt/vocabulary.json")["terms"]]
    assert "Aoife" in known and "Leonard" not in known
    exported = calls.answer("export_data", home=place.path)
    assert exported["turns"]["train"] + exported["turns"]["valid"] == 1


def test_a_name_that_was_to_be_forgotten_is_not_kept_although_fae_noted_it(days, place):
    days.talk((QUESTION, "A bird that wades."))
    note(days, "User corrected a name: their name is Siobhan, not Chevron.", "nameError")
    days.connection.commit()
    calls.script("export_data", "--exclude", "Siobhan", home=place.path)
    extracted(days, place)
    assert misheard(place) == set()


def bridge_file(name: str, *rows: dict) -> None:
    directory = noted.bridge_directory(fae_app.database())
    directory.mkdir(parents=True, exist_ok=True)
    (directory / name).write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_pairs_of_the_bridge_are_made_of_episodes_that_may_be_learned_from(days, place):
    first, second, third = days.talk(
        (QUESTION, LONG),
        (QUESTION + " Tell me", SHORT),
        ("Where do rooks nest?", "In tall trees, in colonies."),
        pause=400,
    )
    about = {"reason": "silent_abandonment_retry", "source_episode_id": first}
    pair = {"prompt": QUESTION, "chosen": "ignored", "rejected": "ignored"}
    bridge_file(
        noted.PAIRS,
        pair | {"metadata": about | {"correction_episode_id": second}},
        pair | {"metadata": about | {"correction_episode_id": "episode-forgotten-1"}},
        pair | {"metadata": about | {"correction_episode_id": third, "reason": "no_i_meant"}},
        {"prompt": "no metadata"},
    )
    days.connection.commit()
    answer = extracted(days, place).json
    rows = [row for side in ("train", "valid") for row in read_jsonl(place.file(f"data/dpo/{side}.jsonl"))]  # fmt: skip
    assert [(row["chosen"][0]["content"], row["rejected"][0]["content"]) for row in rows] == [(SHORT, LONG.strip())], answer  # fmt: skip
    assert "ignored" not in json.dumps(rows)


def test_the_bridge_s_misheard_words_are_read_whatever_their_keys_are_called(days, place):
    days.talk((QUESTION, "A bird that wades."))
    bridge_file(
        noted.HEARD,
        {"heard": "Marian", "meant": "Marion"},
        {"transcript": "call see van", "corrected_transcript": "call Siobhan", "audio": "x.wav"},
        {"corrected": "only one side"},
    )
    days.connection.commit()
    extracted(days, place)
    assert misheard(place) == {("Marian", "Marion"), ("call see van", "call Siobhan")}


@pytest.mark.parametrize("broken", ["no json at all", '["a list"]', ""])
def test_a_file_of_the_bridge_that_cannot_be_used_stops_nothing(days, place, broken):
    days.talk((QUESTION, LONG), ("Shorter please.", SHORT))
    bridge_file(noted.HEARD)
    (noted.bridge_directory(fae_app.database()) / noted.PAIRS).write_text(broken)
    days.connection.commit()
    assert extracted(days, place).json["status"] == "extracted"


# Feedback


def praise(*events: tuple[str, str]) -> None:
    """(signal, answer) as ImprovementStore keeps them."""
    connection = sqlite3.connect(fae_app.directory() / feedback.FILE)
    with connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(
            "CREATE TABLE feedback_events (id INTEGER PRIMARY KEY, signal_type TEXT, turn_fingerprint TEXT,"
            " assistant_output TEXT)"
        )
        for signal, answer in events:
            mark = hashlib.sha256(answer.encode()).hexdigest()
            connection.execute(
                "INSERT INTO feedback_events (signal_type, turn_fingerprint, assistant_output) VALUES (?, ?, ?)",
                (signal, mark, answer),
            )
    connection.close()


def weights(place: Home) -> dict[str, float]:
    rows = [row for side in ("train", "valid") for row in read_jsonl(place.file(f"data/sft/{side}.jsonl"))]  # fmt: skip
    return {row["messages"][-1]["content"]: row["weight"] for row in rows}


def test_praise_and_corrections_that_fae_noticed_change_the_weights_and_nothing_is_written(
    days, place
):
    answers = ("A bird that wades.", "In tall trees, in colonies.", "They eat grain and insects.")
    for question, answer in zip((QUESTION, "Where do rooks nest?", "What do rooks eat?"), answers, strict=True):  # fmt: skip
        days.talk((question, answer))
    days.connection.commit()
    calls.answer("export_data", home=place.path)
    before = weights(place)
    praise(("praise", answers[0]), ("correction", answers[1]), ("interruption", answers[2]))
    content = (fae_app.directory() / feedback.FILE).read_bytes()
    result = calls.answer("export_data", home=place.path)
    after = weights(place)
    assert after[answers[0]] == pytest.approx(min(1, before[answers[0]] + 0.3))
    assert after[answers[1]] == pytest.approx(max(0, before[answers[1]] - 0.3))
    assert after[answers[2]] == before[answers[2]]
    assert result["feedback"] == 2
    assert (fae_app.directory() / feedback.FILE).read_bytes() == content


def test_another_database_with_that_name_is_ignored(days, place):
    (fae_app.directory() / feedback.FILE).write_text("not a database")
    assert feedback.read(fae_app.directory()) == {}


# Names of Fae's own


def test_the_export_is_linked_under_fae_s_names_and_what_is_forgotten_is_gone_there_too(
    days, place, tmp_path
):
    days.talk((QUESTION, "A bird that wades."))
    days.talk(("Where do rooks nest?", "In tall trees, in colonies."))
    days.connection.commit()
    out = tmp_path / "training" / "data"
    out.mkdir(parents=True)
    (out / "meta.json").write_text("the app's own")
    answer = calls.answer("export_data", "--output-dir", out, home=place.path)
    assert answer["names_taken"] == ["meta.json"]
    assert (out / "meta.json").read_text() == "the app's own"

    def there() -> str:
        names = ("sft_export.jsonl", "valid.jsonl", "sft_train.jsonl", "sft_val.jsonl")
        return "".join((out / name).read_text() for name in names)

    assert there().count("rooks") == 2
    calls.answer("export_data", "--forget", "rooks", "--output-dir", out, home=place.path)
    assert "rooks" not in there() and "heron" in there()


# A database that is too large for the time that Fae gives


def as_fae(name: str, place: Home, **parameters) -> dict:
    request = json.dumps({"jsonrpc": "2.0", "method": "execute", "params": parameters, "id": 1})
    got = calls.script(name, home=place.path, stdin=request, FAE_SKILL_NAME="training-orchestrator")
    assert len(got.out) <= LONGEST_ANSWER + 1
    return got.json


@pytest.mark.parametrize("name", ["export_data", "extract_corrections"])
def test_a_large_database_is_read_in_the_background_when_fae_asks(days, place, name, tmp_path):
    days.talk((QUESTION, LONG), ("Shorter please.", SHORT))
    days.connection.executemany(
        "INSERT INTO memory_records (id, kind, status, text, created_at) VALUES (?, 'episode', 'forgotten', '', 1)",
        ((f"episode-{n}-x",) for n in range(background.MOST_EPISODES_FOR_FAE)),
    )
    days.connection.commit()
    planned = as_fae(name, place, dry_run=True)
    assert planned["error"]["code"] == "too_large"
    assert planned["next"] == {"script": name, "params": {}}
    first = as_fae(name, place)
    assert first["status"] == "started" and "10,00" in first["say"]
    assert first["next"] == {"script": name, "params": {}}
    while (answer := as_fae(name, place))["status"] == "exporting":
        pass
    assert answer["status"] in ("exported", "extracted"), answer
    assert answer["next"]["script"] in ("train", "train_dpo")
    assert place.file("data", "sft" if name == "export_data" else "dpo", "train.jsonl").exists()
    assert as_fae(name, place)["status"] == "started", "and it can be asked for again"
    while as_fae(name, place)["status"] == "exporting":
        pass


@pytest.mark.parametrize(
    ("said", "heard", "meant"),
    [
        ("It's Siobhan, not Shivon.", "Shivon", "Siobhan"),
        ("its Siobhan not Shivon", "Shivon", "Siobhan"),
        ("No, it's Niamh, not Neve.", "Neve", "Niamh"),
        ("It's Nguyen, not Win.", "Win", "Nguyen"),
        ("I said Caoimhe, not Keeva.", "Keeva", "Caoimhe"),
    ],
)
def test_names_that_sound_alike_are_recognised_however_they_are_spelled(said, heard, meant):
    found = spoken.find(said)
    assert (found.heard, found.meant) == (heard, meant)


@pytest.mark.parametrize("said", ["It's Monday, not Sunday.", "It's cheese, not juice.", "It's Prince, not Michael Jackson."])  # fmt: skip
def test_a_corrected_fact_is_not_a_mishearing(said):
    assert spoken.find(said) is None


def test_missed_calls_are_added_if_the_person_wants_that(place, monkeypatch, tmp_path):
    import numpy as np
    import soundfile

    monkeypatch.setenv("FAE_APP_DIR", str(installed_fae.directory(tmp_path)))
    assert calls.script("add_samples", "--missed-wakes", "--json", home=place.path).json["error"]["code"] == "no_missed_wakes"  # fmt: skip
    missed = installed_fae.directory(tmp_path) / "wake_training" / "missed"
    missed.mkdir(parents=True)
    sound = np.sin(np.arange(32000) / 9) * np.hanning(32000) * 0.3
    soundfile.write(missed / "2026-06-01T10-00-00.123Z-77.wav", sound, 16000)
    answer = calls.answer("add_samples", "--missed-wakes", home=place.path)
    assert answer["added"]["wake"] == 1
    calls.answer("setup", "--revoke", "audio", home=place.path)
    assert calls.script("add_samples", "--missed-wakes", "--json", home=place.path).json["error"]["code"] == "no_consent"  # fmt: skip
