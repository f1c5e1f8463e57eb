"""Scores candidate, current and base model on the same clips of the judge part, each loaded anew from disk."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import mlx.core as mx
import numpy

from fae_training.fitting.arrays import number
from fae_training.judgement.benchmark import MODELS, Benchmark
from fae_training.lifecycle import provenance
from fae_training.lifecycle.kinds import KINDS
from fae_training.lifecycle.results import Verification
from fae_training.lifecycle.runs import Run
from fae_training.release.deployment import current_run
from fae_training.speech import clips, material, measures, recogniser, vocabulary
from fae_training.speech.measures import Heard
from fae_training.speech.misheard import all_corrections


def score(run: Run, session) -> Benchmark:
    """The benchmark of a run; its details have `without_training`: the result of the list of words alone."""
    rows = provenance.rows_of(run)
    held_out = material.held_out(run.home, rows)
    examples = held_out.judge
    sounds = [clips.read(run.home.file(example.audio)).samples for example in examples]
    directory = Path(run.record["model"]["directory"])
    terms = list(material.read_made(rows).terms)
    entries = [e for e in vocabulary.terms(all_corrections(run.home)) if e.term in terms]
    notes = []
    deployed = current_run(run.home, KINDS["stt"].slot)
    same_model = bool(deployed) and (
        deployed.record.get("model_fingerprint") == run.record["model_fingerprint"]
    )
    if deployed and not same_model:
        notes.append(
            f"{deployed.id} was trained on another base model; this run was compared with the "
            "base model instead"
        )

    session.log(f"listening to {len(sounds)} held-out clips")
    adapted = {"candidate": run}
    if deployed and same_model:
        adapted["current"] = deployed
    done, total = 0, len(sounds) * (2 + len(adapted))
    session.progressed(0, total)

    def listen(model, hotwords: list[str] | None = None) -> list[str]:
        nonlocal done
        texts = []
        for features in encoded:
            texts.append(recogniser.transcribe(model, features, hotwords))
            done += 1
            session.advance(done, total)
        return texts

    model = recogniser.load(directory)
    # All of them have the same encoder.
    encoded = [recogniser.encode(model, sound) for sound in sounds]
    transcripts = {"base": listen(model)}
    transcripts["current"] = transcripts["base"]
    hotwords = listen(model, vocabulary.biasing(entries))
    replaced = [vocabulary.replaced(text, entries) for text in transcripts["base"]]
    for name, trained in adapted.items():
        # One copy in memory: the previous model is released first.
        del model
        mx.clear_cache()
        model = recogniser.load(directory, trained.file("adapters"))
        transcripts[name] = listen(model)

    heard_clips = [
        Heard(example, *(transcripts[who][index] for who in MODELS))
        for index, example in enumerate(examples)
    ]
    untrained = {
        name: alone(heard_clips, texts, terms)
        for name, texts in (("hotwords", hotwords), ("replacement", replaced))
    }
    notes += measures.about_few_terms(heard_clips, terms)
    if heard_clips:
        notes.append(in_words(untrained, heard_clips, terms))
    origins = Counter(f"{example.kind} {example.origin}" for example in examples)
    return Benchmark(
        measures=measures.measures(heard_clips, terms),
        judged_apart=held_out.apart,
        outputs=len(heard_clips),
        outputs_changed=sum(clip.candidate != clip.current for clip in heard_clips),
        current_run=deployed.id if deployed else None,
        figures=measures.figures(heard_clips),
        examples=measures.examples(heard_clips),
        notes=tuple(notes),
        details={"without_training": untrained, "clips": dict(origins)},
    )


def alone(clips: Sequence[Heard], texts: Sequence[str], terms: list[str]) -> dict[str, float]:
    """How well `texts` (one for each clip) do: recall of the terms, and damage elsewhere."""
    pairs = [
        (clip.example.kind, clip.reference, text) for clip, text in zip(clips, texts, strict=True)
    ]
    corrected = [(said, text) for kind, said, text in pairs if kind == "correction"]
    elsewhere = [(said, text) for kind, said, text in pairs if kind == "rehearsal"]
    return {
        "term_recall": measures.rate([measures.terms_heard(terms, *pair) for pair in corrected]),
        "rehearsal_wer": measures.rate([measures.word_errors(*pair) for pair in elsewhere]),
        "false_insertions": sum(measures.false_insertions(terms, *pair) for pair in elsewhere),
    }


def in_words(untrained: dict[str, dict], clips: Sequence[Heard], terms: list[str]) -> str:
    """A sentence for the proposal on whether the vocabulary alone would be enough."""
    trained = alone(clips, [clip.candidate for clip in clips], terms)
    base = alone(clips, [clip.base for clip in clips], terms)
    would_do = [
        name
        for name, found in untrained.items()
        if found["term_recall"] >= trained["term_recall"]
        and found["rehearsal_wer"] <= base["rehearsal_wer"]
        and found["false_insertions"] <= base["false_insertions"]
    ]
    names = {
        "hotwords": "giving the recogniser the list of words",
        "replacement": "replacing misheard words",
    }
    shares = "; ".join(
        f"{names[name]} recognises {found['term_recall']:.0%} of your words"
        for name, found in untrained.items()
    )
    if would_do:
        verdict = f"{names[would_do[0]]} alone would work as well (stt/vocabulary.json)"
    elif any(found["term_recall"] >= trained["term_recall"] for found in untrained.values()):
        verdict = "what recognises as many of your words makes other sentences worse"
    else:
        verdict = "the list of words alone (stt/vocabulary.json) would not work as well"
    return f"Without training, {shares}; the training recognises {trained['term_recall']:.0%}: {verdict}."


def verify(run: Run, session) -> Verification:
    """Whether the saved adapter loads in a fresh process and changes the recogniser's predictions."""
    directory = Path(run.record["model"]["directory"])
    base, tuned = recogniser.load(directory), recogniser.load(directory, run.file("adapters"))
    # Any sound will do, and this one is always available.
    noise = numpy.random.default_rng(0).standard_normal(recogniser.SHORTEST_SAMPLES) * 0.1
    row = recogniser.row(base, recogniser.encode(base, noise.astype(numpy.float32)), "Hello.")
    batch = recogniser.collate([row])
    states = [recogniser.hidden_states(model, batch).astype(mx.float32) for model in (base, tuned)]
    difference = number(mx.abs(states[0] - states[1]).max())
    return Verification(True, difference > 0, difference)
