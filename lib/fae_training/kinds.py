"""The kinds of model that can be trained, and what the plumbing must know of each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """`script` trains it; runs of kinds with the same `slot` replace each other in Fae."""

    name: str
    script: str
    slot: str
    title: str
    consent: str


KINDS = {
    kind.name: kind
    for kind in (
        Kind("sft", "train.py", "language", "language model (your conversations)", "conversations"),
        Kind("dpo", "train_dpo.py", "language", "language model (your corrections)", "corrections"),
        Kind("stt", "train_stt.py", "speech", "speech recogniser (your names)", "corrections"),
        Kind("keyword", "train_keyword.py", "keyword", "wake and stop words", "audio"),
        Kind(
            "speech_verifier",
            "train_speech_verifier.py",
            "speech_verifier",
            "speech, music or noise",
            "audio",
        ),
    )
}
