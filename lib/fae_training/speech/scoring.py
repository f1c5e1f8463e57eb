"""Scores candidate, current and base model on the same held-out clips, each loaded afresh from
disk.

The scripts read this module before a run begins, so what is heavy is imported by its functions.
"""

from pathlib import Path

from fae_training import provenance
from fae_training.deployment import current_run
from fae_training.kinds import KINDS
from fae_training.runs import Run
from fae_training.speech import material, vocabulary
from fae_training.speech.material import Example
from fae_training.speech.misheard import all_corrections


def score(run: Run, session) -> dict:
    """The benchmark of a run (see gate.py), with `without_training`: what the list of words alone
    would do.
    """
    import mlx.core as mx

    from fae_training.speech import clips, measures, recogniser

    examples = held_out(run)
    sounds = [clips.read(run.home.file(example.audio)).samples for example in examples]
    directory = Path(run.record["model"]["directory"])
    made = material.read_made(run.home)
    terms = list(made.terms) if made else []
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
    adapted = {"candidate": run} | ({"current": deployed} if same_model else {})
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
    # The same encoder in all of them.
    encoded = [recogniser.encode(model, sound) for sound in sounds]
    heard = {"base": listen(model)}
    heard["current"] = heard["base"]
    hotwords = listen(model, vocabulary.biasing(entries))
    replaced = [vocabulary.replaced(text, entries) for text in heard["base"]]
    for name, trained in adapted.items():
        # One copy in memory: the model before goes first.
        del model
        mx.clear_cache()
        model = recogniser.load(directory, trained.file("adapters"))
        heard[name] = listen(model)

    items = [
        {"kind": example.kind, "origin": example.origin, "said": example.text}
        | {who: texts[index] for who, texts in heard.items()}
        for index, example in enumerate(examples)
    ]
    untrained = {
        name: alone(items, texts, terms)
        for name, texts in (("hotwords", hotwords), ("replacement", replaced))
    }
    notes += [in_words(untrained, items, terms)]
    benchmark = measures.benchmark(items, terms, notes)
    return benchmark | {
        "without_training": untrained,
        "current_run": deployed.id if deployed else None,
    }


def held_out(run: Run) -> list[Example]:
    """The examples of valid.jsonl whose sound is still there."""
    examples = material.read_examples(provenance.rows_of(run), "valid")
    return [example for example in examples if run.home.file(example.audio).is_file()]


def alone(items: list[dict], texts: list[str], terms: list[str]) -> dict:
    """What `texts` (one for each item) get right: recall of the terms, and what they spoil
    elsewhere.
    """
    from fae_training.speech import measures

    corrected = [
        (i["said"], t) for i, t in zip(items, texts, strict=True) if i["kind"] == "correction"
    ]
    elsewhere = [
        (i["said"], t) for i, t in zip(items, texts, strict=True) if i["kind"] == "rehearsal"
    ]
    return {
        "term_recall": measures.rate([measures.terms_heard(terms, *pair) for pair in corrected]),
        "rehearsal_wer": measures.rate([measures.word_errors(*pair) for pair in elsewhere]),
        "false_insertions": sum(measures.false_insertions(terms, *pair) for pair in elsewhere),
    }


def in_words(untrained: dict, items: list[dict], terms: list[str]) -> str:
    """Whether the vocabulary would do without this training, as a sentence for the proposal."""
    trained = alone(items, [item["candidate"] for item in items], terms)
    base = alone(items, [item["base"] for item in items], terms)
    would_do = [
        name
        for name, found in untrained.items()
        if found["term_recall"] >= trained["term_recall"]
        and found["rehearsal_wer"] <= base["rehearsal_wer"]
        and found["false_insertions"] <= base["false_insertions"]
    ]
    names = {
        "hotwords": "telling the recogniser the words",
        "replacement": "replacing what was misheard",
    }
    shares = "; ".join(
        f"{names[name]} hears {found['term_recall']:.0%} of your words"
        for name, found in untrained.items()
    )
    verdict = (
        f"{names[would_do[0]]} alone would do as well (stt/vocabulary.json)"
        if would_do
        else "the list of words alone (stt/vocabulary.json) would not do as well"
    )
    return f"Without training {shares}; with it {trained['term_recall']:.0%}: {verdict}."


def verify(run: Run, session) -> dict:
    """Whether the saved adapter loads in a fresh process and changes what the recogniser expects to
    hear.
    """
    import mlx.core as mx
    import numpy

    from fae_training.speech import recogniser

    directory = Path(run.record["model"]["directory"])
    base, tuned = recogniser.load(directory), recogniser.load(directory, run.file("adapters"))
    # Any sound will do, and this one is always at hand.
    noise = numpy.random.default_rng(0).standard_normal(recogniser.SHORTEST_SAMPLES) * 0.1
    row = recogniser.row(base, recogniser.encode(base, noise.astype(numpy.float32)), "Hello.")
    batch = recogniser.collate([row])
    states = [recogniser.hidden_states(model, batch).astype(mx.float32) for model in (base, tuned)]
    difference = mx.abs(states[0] - states[1]).max().item()
    return {"loads": True, "changes_output": difference > 0, "largest_change": difference}
