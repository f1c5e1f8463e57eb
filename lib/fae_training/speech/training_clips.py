"""Makes training clips from corrections: data/stt/train.jsonl and valid.jsonl.

Each corrected term is taken from recordings where there are some, and otherwise from clips
synthesised here, in the person's own sentences where those are known. Rehearsal clips without any
term are added, so that words that were heard correctly stay so. Recordings weigh more than
synthesised clips, in training and in validation. Each of the three parts of the data (parts.py) has
its own voices.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from difflib import SequenceMatcher

import numpy

from fae_training.calls.counting import counted
from fae_training.calls.errors import Missing, SkillError
from fae_training.judgement.parts import CHOOSE, JUDGE, TRAIN
from fae_training.rows import training_rows
from fae_training.speech import clips, sentences
from fae_training.speech.material import (
    META_FILE,
    Example,
    Made,
    Material,
    collect,
    fingerprint,
)
from fae_training.speech.misheard import occurrences
from fae_training.speech.sound import roughen
from fae_training.speech.synthesis import Synthesiser
from fae_training.speech.vocabulary import Term
from fae_training.store import consent
from fae_training.store.state import Home, make_directory, now, write_jsonl

# A term with this many recordings to train on needs no synthesised clip there.
ENOUGH_RECORDINGS = 8
# Clips per term for choosing and for judging; synthesised ones fill up the missing recordings. With
# few terms each has more, because the clips are then the units that are counted
# (measures.FEWEST_TERMS).
HELD_OUT_PER_TERM = {CHOOSE: 4, JUDGE: 6}
FEWEST_JUDGED = 24
# Rehearsal clips of each part. With 60 judge clips, nine that are heard differently after an honest
# training give bounds wider than the margin (measures.ERROR_MARGIN).
REHEARSED = {TRAIN: 120, CHOOSE: 20, JUDGE: 120}
# The share of common letters from which two spellings are taken to sound the same (Marian, Marion: 0.83).
NEARLY_THE_SAME = 0.7


def users_turns(home: Home) -> list[str]:
    """The person's messages to Fae, as exported for the language model; [] without that consent or export."""
    if not consent.granted(home, "conversations"):
        return []
    turns = [
        message["content"]
        for row in training_rows.read(home.file("data", "sft", "train.jsonl"), "sft").rows
        for message in row.messages
        if message["role"] == "user"
    ]
    return list(dict.fromkeys(turns))


@dataclass(frozen=True)
class Line:
    """An example that is yet to be spoken, and the text for the synthesiser."""

    example: Example
    spoken_text: str


def build(
    home: Home, clips_per_term: int, seed: int, synthesiser: Synthesiser | None, log: Callable
) -> Made:
    """Speak the missing clips and write data/stt/; returns the contents of its meta.json.

    `synthesiser` is None where no program can speak. Raises Missing when there is then nothing to
    train on.
    """
    found = collect(home)
    examples = [each for each in found.recorded if _is_audio(home, each, found)]
    turns = users_turns(home)
    lines = _lines(found, examples, turns, clips_per_term, seed) if synthesiser else []
    if synthesiser and lines:
        log(f"speaking {counted(len(lines), 'clip')} with {synthesiser.program}")
        examples += _spoken(home, lines, synthesiser, seed, found)
    elif not synthesiser:
        found.notes.append(
            "neither say nor espeak-ng is installed: only recordings were used "
            "(brew install espeak-ng)"
        )
    taught = {term for each in examples if each.part == TRAIN for term in each.terms}
    untaught = [entry.term for entry in found.terms if entry.term not in taught]
    if untaught:
        found.notes.append(
            f"no clip to learn from: {', '.join(untaught)} (two recordings of each are needed)"
        )
    if not taught:
        raise Missing(
            "nothing_to_hear",
            f"{counted(len(found.terms), 'word is', 'words are')} to be learned, but there is no clip of any of them",
            "brew install espeak-ng, or record the words: uv run scripts/add_correction.py "
            "--heard Marian --meant 'Call Marion.' --clip call.wav",
        )
    directory = home.directory("data", "stt")
    counts = {}
    for side in ("train", "valid"):
        own = [each for each in examples if (each.part == TRAIN) == (side == "train")]
        counts[side] = dict(Counter(f"{each.kind} {each.origin}" for each in own))
        write_jsonl(directory / f"{side}.jsonl", (each.as_row() for each in own))
    made = Made(
        made_at=now(),
        fingerprint=fingerprint(home),
        terms=tuple(entry.term for entry in found.terms if entry.term in taught),
        left_out=dict(found.left_out),
        notes=tuple(found.notes),
        train=counts["train"],
        valid=counts["valid"],
    )
    home.write(META_FILE, asdict(made))
    return made


def _is_audio(home: Home, example: Example, found: Material) -> bool:
    """Whether a stored recording can still be read; one that was damaged since is named and left out."""
    path = home.file(example.audio)
    try:
        clip = clips.read(path)
        problem = None if clip.usable else clips.explain(clip, path)
    except SkillError as error:
        problem = error
    if problem:
        found.left_out[problem.code] += 1
        found.notes.append(f"left out: {problem.message}")
    return problem is None


def _lines(
    found: Material, recorded: list[Example], turns: list[str], clips_per_term: int, seed: int
) -> list[Line]:
    """The lines to speak. The same corrections and seed give the same lines."""
    random = numpy.random.default_rng(seed)
    terms = [entry.term for entry in found.terms]
    carriers = (sentences.own_carriers(turns, terms), sentences.WITH_A_NAME)
    lines = []
    for entry in found.terms:
        recordings = Counter(each.part for each in recorded if entry.term in each.terms)
        wanted = {TRAIN: clips_per_term if recordings[TRAIN] < ENOUGH_RECORDINGS else 0}
        for part, count in HELD_OUT_PER_TERM.items():
            fewest = -(-FEWEST_JUDGED // len(terms)) if part == JUDGE else 0
            wanted[part] = max(count, fewest) - recordings[part]
        for part, count in wanted.items():
            for _ in range(count):
                carrier = _either(random, *carriers)
                say_as = entry.say_as or entry.term
                lines.append(_line(carrier, entry.term, say_as, part, "correction"))
    alike, confusable = _heard_as(found.terms)
    avoided = [*terms, *alike]
    ordinary = (sentences.own_sentences(turns, avoided), sentences.WITHOUT_A_NAME)
    names = [name for name in sentences.COMMON_NAMES if name not in alike]
    times = {TRAIN: clips_per_term // 2, CHOOSE: 1, JUDGE: 2}
    # Twice as much of everything else as of the terms: with equal amounts, the sample model heard
    # one of eight new names in 5 of 74 sentences in which nobody said it.
    trained_on = sum(line.example.part == TRAIN for line in lines)
    for part, fewest in REHEARSED.items():
        count = max(fewest, 2 * trained_on) if part == TRAIN else fewest
        some = [str(name) for name in random.choice(names, count // 2)]
        for name in confusable * times[part] + some:
            lines.append(_line(_either(random, *carriers), name, name, part, "rehearsal"))
        for _ in range(count // 2):
            lines.append(_line(_either(random, *ordinary), None, None, part, "rehearsal"))
    return [
        line
        for line in lines
        if line.example.kind == "correction"
        or not any(occurrences(a, line.example.text) for a in avoided)
    ]


def _heard_as(terms: list[Term]) -> tuple[list[str], list[str]]:
    """The texts that terms were misheard as: the forms that sound nearly the same, and the other names.

    Nobody can hear Marian from Marion, so nobody can rehearse it. But when Siobhan was heard as
    Steven, Steven must still be recognised correctly.
    """
    alike, names = [], []
    for entry in terms:
        for heard in entry.sounds_like:
            pair = heard.lower(), entry.term.lower()
            if SequenceMatcher(None, *pair).ratio() >= NEARLY_THE_SAME:
                alike.append(heard)
            elif heard.istitle() and heard.isalpha():
                names.append(heard)
    return alike, names


def _either(random, own: list[str], general: tuple[str, ...]) -> str:
    """Half of the sentences are the person's own, where there are any, so that no word is heard in
    one setting only."""
    return str(random.choice(own if own and random.random() < 0.5 else general))


def _line(carrier: str, word: str | None, say_as: str | None, part: str, kind: str) -> Line:
    example = Example(
        text=carrier.replace("{}", word) if word else carrier,
        heard="",
        origin="synthesised",
        kind=kind,
        terms=(word,) if word and kind == "correction" else (),
        part=part,
    )
    return Line(example, carrier.replace("{}", say_as) if say_as else carrier)


def _spoken(
    home: Home, lines: list[Line], synthesiser: Synthesiser, seed: int, found: Material
) -> list[Example]:
    """The lines as examples, each in a voice of its part; clips that already exist are reused."""
    directory = make_directory(home.file("data", "stt", "clips"))

    def speak(numbered: tuple[int, Line]) -> Example | None:
        index, line = numbered
        random = numpy.random.default_rng([seed, index])
        voice = synthesiser.voice(random, line.example.part)
        key = json.dumps([synthesiser.program, voice.__dict__, line.spoken_text, seed, index])
        name = f"{hashlib.sha256(key.encode()).hexdigest()[:12]}.wav"
        if not (directory / name).exists():
            try:
                samples = roughen(synthesiser.speak(line.spoken_text, voice), random)
            except OSError:
                return None
            clips.write(directory / name, samples)
        return replace(line.example, audio=f"data/stt/clips/{name}", voice=voice.name)

    with ThreadPoolExecutor(4) as pool:
        examples = list(pool.map(speak, enumerate(lines)))
    failed = examples.count(None)
    if failed:
        found.notes.append(f"{synthesiser.program} could not speak {failed} of {len(lines)} clips")
    return [each for each in examples if each]
