"""A training weight for each answer, from the person's next action.

The scores are those of Fae's specification of the memory-to-training bridge (3.1): 0.5 at first, a
follow-up question +0.2, thanks or praise +0.3, three turns or more on one topic +0.2, five minutes
of silence before the next utterance -0.2, an abrupt change of topic -0.1, corrected -0.1 and the
corrected version +0.3, called wrong -0.3; limited to 0 to 1.
"""

from fae_training.conversations.text import content_words, words
from fae_training.conversations.verdicts import classify

SILENCE_SECONDS = 300
_OPENERS = ("what", "why", "how", "when", "where", "who", "which", "and", "so", "is", "are", "does", "do", "can", "could", "would", "did")  # fmt: skip


def is_question(text: str) -> bool:
    return text.rstrip().endswith("?") or (words(text)[:1] or [""])[0] in _OPENERS


def continues_topic(user: str, reply: str, following: str) -> bool:
    """Whether `following` stays on the topic of the turn before it: it shares a word, or depends on
    it ("why?")."""
    meaning = content_words(following)
    if not meaning:
        return True
    if meaning & (content_words(user) | content_words(reply)):
        return True
    return (words(following) or [""])[0] in (
        "and",
        "why",
        "so",
        "then",
    ) or following.lower().startswith(("what about", "how about"))


def scores(turns: list[tuple[str, str, int, int]]) -> list[tuple[float, str | None]]:
    """For each (user, reply, asked at, answered at) of a conversation, in order: its score, 0 to 1,
    and the verdict on it in the next utterance, a kind of verdicts.py or None. Times are unix
    seconds."""
    values = [0.5] * len(turns)
    verdicts: list[str | None] = [None] * len(turns)
    streak = 1
    for i in range(1, len(turns)):
        user, reply, _, answered_at = turns[i - 1]
        following, _, asked_at, _ = turns[i]
        silence = asked_at - answered_at
        kind = verdicts[i - 1] = classify(following, user, reply, silence)
        on_topic = kind is not None or continues_topic(user, reply, following)
        if kind == "praise":
            values[i - 1] += 0.3
        elif kind is not None:
            values[i - 1] -= 0.4 if kind == "wrong" else 0.1
            values[i] += 0.3
        elif on_topic and is_question(following):
            values[i - 1] += 0.2
        elif not on_topic and silence < SILENCE_SECONDS:
            values[i - 1] -= 0.1
        if silence >= SILENCE_SECONDS:
            values[i - 1] -= 0.2
        streak = streak + 1 if on_topic else 1
        if streak >= 3:
            # The third turn on a topic raises all three, each later one only itself.
            for j in range(i - 2 if streak == 3 else i, i + 1):
                values[j] += 0.2
    return [(min(1.0, max(0.0, v)), verdict) for v, verdict in zip(values, verdicts, strict=True)]
