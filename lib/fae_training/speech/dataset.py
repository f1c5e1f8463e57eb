"""From corrections to clips to learn from: data/stt/train.jsonl and valid.jsonl.

Each corrected term is heard in recordings where there are some, and otherwise in clips synthesised here, in the
person's own sentences where those are known. Beside them stand rehearsal clips, in which no term is said: what was
heard rightly must stay so. Recordings weigh more than synthesised clips, in the training and in the hold-out.
"""

import hashlib
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from fae_training import consent, training_rows
from fae_training.conversations import forgetting
from fae_training.errors import Missing, SkillError
from fae_training.speech import clips, misheard, sentences, vocabulary
from fae_training.speech.measures import occurrences
from fae_training.speech.synthesis import roughen
from fae_training.state import Home, make_directory, now, write_jsonl

# A term with so many recordings needs no synthesised clip.
ENOUGH_RECORDINGS = 8
# Every fourth recording of a term is held out, the first among them; it stays so when more come.
HELD_OUT_EACH = 4
HELD_OUT_PER_TERM = 6
FEWEST_REHEARSED, HELD_OUT_REHEARSED = 120, 40
# Share of letters in common from which two spellings are taken to sound the same (Marian, Marion: 0.83).
NEARLY_THE_SAME = 0.7


@dataclass
class Collected:
    """What there is to learn, before anything is spoken. `left_out` counts reasons, `notes` name them for people."""

    terms: list[dict] = field(default_factory=list)
    recorded: list[dict] = field(default_factory=list)
    left_out: Counter = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


def fingerprint(home: Home) -> str:
    """Of everything that the data is made from: the corrections, and what must stay out."""
    digest = hashlib.sha256()
    for name in (
        ("stt", "corrections.jsonl"),
        ("exclusions.json",),
        ("data", "sft", "train.jsonl"),
    ):
        path = home.file(*name)
        digest.update(path.read_bytes() if path.is_file() else b"none")
    return digest.hexdigest()[:16]


def collect(home: Home) -> Collected:
    """The terms to learn and the recordings to learn from, of all corrections that may be used.

    Reads no sound; a recording that is gone is named and left out, the rest goes on. Raises Missing when no term is left.
    """
    found = Collected()
    forgotten = forgetting.from_exclusions(forgetting.load(home))
    records = misheard.current_records(home)
    usable = []
    for record in records:
        if forgotten.mentioned_in(f"{record['heard']} {record['meant']}"):
            found.left_out["excluded"] += 1
        elif "other_script" in record.get("remarks", []):
            found.left_out["other_script"] += 1
        else:
            usable.append(record)
    found.terms = [entry for entry in vocabulary.terms(usable) if entry["count"]]
    for entry in found.terms:
        entry["say_as"] = next(
            (
                r["say_as"]
                for r in reversed(usable)
                if r.get("say_as") and occurrences(entry["term"], r["meant"])
            ),
            entry["term"],
        )
    found.recorded = _recordings(home, usable, found)
    if found.left_out["excluded"]:
        found.notes.append(
            f"{found.left_out['excluded']} corrections name what exclusions.json keeps out"
        )
    if found.left_out["other_script"]:
        found.notes.append(
            f"{found.left_out['other_script']} corrections are in another script: Fae listens in English, so they stay in the vocabulary and are not trained"
        )
    if not found.terms:
        reason = f" that can be trained on (left out: {dict(found.left_out)})" if records else ""
        raise Missing(
            "no_corrections",
            f"there are no corrections of what Fae heard{reason}",
            "uv run scripts/add_correction.py --heard Marian --meant Marion",
        )
    return found


def _recordings(home: Home, records: list[dict], found: Collected) -> list[dict]:
    """Rows for the recordings of `records`, each recording once, with its side."""
    allowed = consent.granted(home, "audio")
    rows, seen, counts = [], set(), Counter()
    terms = [entry["term"] for entry in found.terms]
    for record in records:
        audio = record.get("audio")
        if audio is None or audio in seen:
            continue
        seen.add(audio)
        said = sorted(term for term in terms if occurrences(term, record["meant"]))
        group = said[0] if said else ""
        # Counted whether or not it can be used: a recording that is lost moves no other to the other side.
        side = "valid" if counts[group] % HELD_OUT_EACH == 0 else "train"
        counts[group] += 1
        if not allowed:
            found.left_out["no_audio_consent"] += 1
            continue
        if not home.file(audio).is_file():
            found.left_out["clip_missing"] += 1
            found.notes.append(f"the recording {audio} is gone; its words are still learned")
            continue
        rows.append(
            {
                "audio": audio,
                "text": record["meant"],
                "heard": record["heard"],
                "origin": "recorded",
                "side": side,
                "source": {"kind": "correction" if said else "rehearsal", "terms": said},
            }
        )
    if found.left_out["no_audio_consent"]:
        found.notes.append(
            f"{found.left_out['no_audio_consent']} recordings are not used: the consent for audio was taken back"
        )
    return rows


def users_turns(home: Home) -> list[str]:
    """What the person said to Fae, as exported for the language model; [] without that consent or export."""
    if not consent.granted(home, "conversations"):
        return []
    turns = [
        message["content"]
        for row in training_rows.read(home.file("data", "sft", "train.jsonl"), "sft").rows
        for message in row.messages
        if message["role"] == "user"
    ]
    return list(dict.fromkeys(turns))


def build(home: Home, settings: dict, synthesiser, log) -> dict:
    """Speaks what is missing and writes data/stt/; returns what is in it: counts, terms, notes.

    `settings` has clips_per_term and seed; `synthesiser` is None where no program can speak. Raises Missing when
    there is then nothing to train on.
    """
    found = collect(home)
    rows = [row for row in found.recorded if _is_audio(home, row, found)]
    lines = _lines(found, rows, users_turns(home), settings) if synthesiser else []
    if lines:
        log(f"speaking {len(lines)} clips with {synthesiser.program}")
        rows += _spoken(home, lines, synthesiser, settings["seed"], found)
    elif not synthesiser:
        found.notes.append(
            "neither say nor espeak-ng is on this machine: only recordings were used (brew install espeak-ng)"
        )
    train = [row for row in rows if row["side"] == "train"]
    taught = {term for row in train for term in row["source"]["terms"]}
    untaught = [entry["term"] for entry in found.terms if entry["term"] not in taught]
    if untaught:
        found.notes.append(
            f"no clip to learn from: {', '.join(untaught)} (two recordings of each are needed)"
        )
    if not taught:
        raise Missing(
            "nothing_to_hear",
            f"{len(found.terms)} words are to be learned and there is no clip of any to learn from",
            "brew install espeak-ng, or record the words: uv run scripts/add_correction.py --heard Marian --meant 'Call Marion.' --clip call.wav",
        )
    directory = home.directory("data", "stt")
    meta = {
        "made_at": now(),
        "fingerprint": fingerprint(home),
        "terms": [entry["term"] for entry in found.terms if entry["term"] in taught],
        "left_out": dict(found.left_out),
        "notes": found.notes,
    }
    for side in ("train", "valid"):
        own = [row for row in rows if row["side"] == side]
        meta[side] = dict(Counter(f"{row['source']['kind']} {row['origin']}" for row in own))
        write_jsonl(
            directory / f"{side}.jsonl",
            ({name: value for name, value in row.items() if name != "side"} for row in own),
        )
    home.write("data/stt/meta.json", meta)
    return meta


def _is_audio(home: Home, row: dict, found: Collected) -> bool:
    """Whether a kept recording can still be read; one that was damaged since is named and left out."""
    try:
        clip = clips.read(home.file(row["audio"]))
        problem = None if clip.usable else clips.explain(clip, home.file(row["audio"]))
    except SkillError as error:
        problem = error
    if problem:
        found.left_out[problem.code] += 1
        found.notes.append(f"left out: {problem.message}")
    return problem is None


def _lines(found: Collected, recorded: list[dict], turns: list[str], settings: dict) -> list[dict]:
    """What is to be spoken: rows without a sound yet. The same corrections and seed give the same lines."""
    import numpy

    random = numpy.random.default_rng(settings["seed"])
    terms = [entry["term"] for entry in found.terms]
    carriers = (sentences.own_carriers(turns, terms), sentences.WITH_A_NAME)
    lines = []
    for entry in found.terms:
        own = [row for row in recorded if entry["term"] in row["source"]["terms"]]
        sides = Counter(row["side"] for row in own)
        wanted = {
            "train": settings["clips_per_term"] if sides["train"] < ENOUGH_RECORDINGS else 0,
            "valid": HELD_OUT_PER_TERM if sides["valid"] < 2 else 0,
        }
        for side, count in wanted.items():
            for _ in range(count):
                carrier = _either(random, *carriers)
                lines.append(_line(carrier, entry["term"], entry["say_as"], side, "correction"))
    alike, confusable = _misheard(found.terms)
    avoided = [*terms, *alike]
    ordinary = (sentences.own_sentences(turns, avoided), sentences.WITHOUT_A_NAME)
    names = [name for name in sentences.COMMON_NAMES if name not in alike]
    for side, each, count in (
        ("train", settings["clips_per_term"] // 2, max(FEWEST_REHEARSED, len(lines))),
        ("valid", 2, HELD_OUT_REHEARSED),
    ):
        for name in confusable * each + [str(n) for n in random.choice(names, count // 2)]:
            lines.append(_line(_either(random, *carriers), name, name, side, "rehearsal"))
        for _ in range(count // 2):
            lines.append(_line(_either(random, *ordinary), None, None, side, "rehearsal"))
    return [
        line
        for line in lines
        if line["source"]["kind"] == "correction"
        or not any(occurrences(a, line["text"]) for a in avoided)
    ]


def _misheard(terms: list[dict]) -> tuple[list[str], list[str]]:
    """What the terms were misheard as: the forms that sound nearly the same, and the names that do not.

    Nobody can hear Marian from Marion, so nobody can rehearse it. But who meant Siobhan and was heard as Steven must
    go on being heard rightly when it is Steven.
    """
    alike, names = [], []
    for entry in terms:
        for heard in entry["sounds_like"]:
            pair = heard.lower(), entry["term"].lower()
            if SequenceMatcher(None, *pair).ratio() >= NEARLY_THE_SAME:
                alike.append(heard)
            elif heard.istitle() and heard.isalpha():
                names.append(heard)
    return alike, names


def _either(random, own: list[str], general: tuple[str, ...]) -> str:
    """Half of the sentences are the person's own, where there are any: no word is heard in one setting only."""
    return str(random.choice(own if own and random.random() < 0.5 else general))


def _line(carrier: str, word: str | None, say_as: str | None, side: str, kind: str) -> dict:
    text = carrier.replace("{}", word) if word else carrier
    return {
        "text": text,
        "say": carrier.replace("{}", say_as) if word else carrier,
        "heard": "",
        "origin": "synthesised",
        "side": side,
        "source": {"kind": kind, "terms": [word] if kind == "correction" else []},
    }


def _spoken(home: Home, lines: list[dict], synthesiser, seed: int, found: Collected) -> list[dict]:
    """The lines as rows with a sound, each in a voice of its side; one spoken before is not spoken again."""
    import numpy

    directory = make_directory(home.file("data", "stt", "clips"))

    def speak(numbered: tuple[int, dict]) -> dict | None:
        index, line = numbered
        random = numpy.random.default_rng([seed, index])
        voice = synthesiser.voice(random, held_out=line["side"] == "valid")
        key = json.dumps([synthesiser.program, voice.__dict__, line["say"], seed, index])
        name = f"{hashlib.sha256(key.encode()).hexdigest()[:12]}.wav"
        row = {key: value for key, value in line.items() if key != "say"}
        row["source"] = row["source"] | {"voice": voice.name}
        if not (directory / name).exists():
            try:
                samples = roughen(synthesiser.speak(line["say"], voice), random)
            except OSError:
                return None
            clips.write(directory / name, samples)
        return row | {"audio": f"data/stt/clips/{name}"}

    with ThreadPoolExecutor(4) as pool:
        rows = list(pool.map(speak, enumerate(lines)))
    failed = rows.count(None)
    if failed:
        found.notes.append(f"{synthesiser.program} could not speak {failed} of {len(lines)} clips")
    return [row for row in rows if row]
