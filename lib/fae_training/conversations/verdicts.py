"""Whether a person's next utterance is a verdict on the previous answer, and which kind.

Kinds: "shorter", "longer", "simpler" and "tone" ask for the same answer in another form, "meant"
says that the question was misunderstood, "wrong" that the answer is wrong, "reask" asks again in
other words, and "praise" accepts the answer. Nearly all utterances are none of these, so a cue
alone never decides: the sentence must be about the answer ("she said it was too long" is not), and
the verdict must fit the answer.
"""

import re

from fae_training.conversations.cues import any_of
from fae_training.conversations.text import (
    STOPWORDS,
    content_words,
    overlap,
    stem,
    without_wake_word,
    words,
)
from fae_training.conversations.verdict_cues import CUES
from fae_training.patterns import lazy_pattern

REPHRASE = ("shorter", "longer", "simpler", "tone")
KINDS = (*REPHRASE, "meant", "wrong", "reask", "praise")

_PATTERNS = {kind: any_of(cues) for kind, cues in CUES.items()}

# Words that requests for another form consist of; any other content word shows that a sentence is
# about something else.
_NEUTRAL = {
    stem(word)
    for word in """answer reply response explanation version part bit little lot time again sentence
    line point idea story whole way fae say explain put tell write try rephrase redo sound sounds kind
    sort first one two few next still even really just read give word make call keep huh hmm wow whoa
    whoah hey sorry well thing stuff detail information message text bring come turn need nice use used
    speak talk talking language english hear back little too long short style attitude manner feeling
    voice always never everyone anyone haha ha ah yay right mean follow understand grasp choice pick
    tone walk step fill properly""".split()  # noqa: SIM905
}
_ADDRESSED = lazy_pattern(
    r"^that\b|\b(?:you|please|say|explain|give me|make (?:it|that)|tell me|keep|that's|that was"
    r"|don't|i need|i want|i got)\b"
)
_OTHERS = lazy_pattern(
    r"\b(?:he|she|they|we|his|her|their|wife|husband|mother|father|mum|mom|dad|boss|teacher|doctor"
    r"|friend|brother|sister|son|daughter|everyone|people|somebody|someone)\b(?!.*\byou\b)"
)
_ASKS_SOMETHING = lazy_pattern(
    r"^(?!what does (?:that|this|it) (?:even )?mean in\b)"
    r"(?:(?:and|so|but|ok|okay|oh|then|well|um|hm+) )*"
    r"(?:is|are|was|were|does|do|did|has|have|should|shall|will it|would it|what|why|when|where"
    r"|who|how|which|whose)\b"
)
_REFUSAL = lazy_pattern(r"^(?:no|nope|nah|not)\b")
_WANTS_NEW = lazy_pattern(
    r"\b(?:another|else|different|one more|next|new|also|other|instead|too|then)\b"
    r"|^(?:and|what about|how about|but) "
)
_NUMBER = lazy_pattern(
    r"\d+|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty"
    r"|hundred|thousand|monday|tuesday|wednesday|thursday|friday|saturday|sunday|january|february"
    r"|march|april|may|june|july|august|september|october|november|december|today|tomorrow|yesterday"
    r"|first|last|before|after|oldest|newest)\b"
)
_QUESTION_STARTS = lazy_pattern(
    r"\b(?:what|how|why|when|where|who|which|can|could|is|are|do|does|should|tell me)\b"
)
_CLOSER = lazy_pattern(
    r"\b(?:anything|something) else\b|\bwould you like (?:to know|to hear|me to|more)\b"
    r"|\bcan i help\b|\bwant (?:me to|to know|to hear|more)\b",
    re.I,
)
_ASKED = lazy_pattern(
    r"^(?:(?:no|so|but|sorry|again) )*"
    r"(?:i asked|i want to know|i'd like to know|my question is|the question is|i need to know"
    r"|tell me)(?: you)?(?: about)? "
)
# "When did it sink" and "where did it sink" have the same content words and are different questions.
_QUESTION_WORD = lazy_pattern(r"\b(?:who|when|where|why)\b")
_NAMED_ANEW = lazy_pattern(
    r"(?:no )?not (?:the|a|an|my|that) \w+(?: \w+)? (?:but )?(?:the|a|an|my) \w+"
)
# A sentence of its own: "No, Ag is silver".
_STATES = lazy_pattern(
    r"\b(?:is|was|are|were|has|have|had|means?|did|wrote|made|built|won|sang|came|began|ran|took|led"
    r"|found|became|lives?|plays?|wears?)\b|ed (?:it|in|by|on)\b"
)
# Longer sentences are about something else.
LONGEST_VERDICT = 20
REASK_SECONDS = 600
REASK_OVERLAP = 0.5


def classify(text: str, user: str, reply: str, silence: float) -> str | None:
    """The kind of verdict in `text` on `reply`, the answer to `user`, or None. `silence` is the
    seconds between the reply and `text`."""
    plain = " ".join(words(without_wake_word(text)))
    if not plain or not reply.strip():
        return None
    asked = _is_a_question(reply)
    about_others = _OTHERS.search(plain) is not None
    kind = _misunderstood_or_wrong(plain, text, user, reply, asked, about_others)
    if kind:
        return kind
    clauses = [
        " ".join(words(c)) for c in re.split(r"[,.;:!?]", without_wake_word(text)) if c.strip()
    ]
    parts = (
        [plain, *clauses] if len(clauses) > 1 and len(words(plain)) <= LONGEST_VERDICT else [plain]
    )
    about_others = about_others or re.search(r"\b\w+er than\b", plain) is not None
    if not about_others:
        # A request may come with a reason ("I'm no economist, make it simple"); praise followed by
        # more is only an introduction.
        requests = [part for part in parts if not asked and _may_be_a_request(part)]
        verdicts = [plain] if _may_be_praise(plain) else []
        for kind in (*REPHRASE, "praise"):
            for part in verdicts if kind == "praise" else requests:
                if (
                    _PATTERNS[kind].search(part)
                    and _is_the_whole(kind, part, user)
                    and _fits(kind, part, reply)
                ):
                    return kind
    return "reask" if silence <= REASK_SECONDS and asks_again(plain, user) else None


def _is_a_question(reply: str) -> bool:
    """Whether Fae asked a question, to which "no" is an answer and not a verdict. A closing
    "anything else?" does not count."""
    sentences = [part for part in re.split(r"(?<=[.!?])\s+", reply.strip()) if part]
    last = sentences[-1]
    return (
        last.endswith("?")
        and len(words(last)) >= 0.4 * len(words(reply))
        and not _CLOSER.search(last)
    )


def _misunderstood_or_wrong(
    plain: str, text: str, user: str, reply: str, asked: bool, about_others: bool
) -> str | None:
    if (
        not asked
        and not plain.startswith("is ")
        and not text.rstrip().endswith("?")
        and _PATTERNS["meant"].search(plain)
    ):
        return "meant"
    if _ASKS_SOMETHING.match(plain) and not plain.startswith(("is it ", "are you sure")):
        return None
    if (
        not asked
        and _PATTERNS["wrong"].search(plain)
        and not (about_others and not re.match(r"(?:no|nope|that|you|wrong)\b", plain))
    ):
        return "wrong"
    in_reply, in_user = content_words(reply), content_words(user)
    if not asked and _NAMED_ANEW.match(plain):
        return "meant"  # "not the president, the city"
    # "Not the planet, Freddie": the answer took a word in another sense. "It's Prince, not Michael Jackson".
    contrast = re.match(r"(?:no )?not (?:the|a|an|that) (\w+) (?=\w)", plain) or re.search(
        r"\w not (?:the |a |an |that |about )?([\w' ]+?)$", plain
    )
    if contrast and not asked:
        named = content_words(contrast[1])
        if named and named <= in_reply:
            stated = re.match(r"(?:no )?(?:it's|it was|it is|that's|they)", plain)
            return "wrong" if stated else "meant"
    if (
        not asked
        and plain.startswith("no ")
        and len(words(plain)) <= 12
        and not re.search(r"\b(?:i|i'm|i've|i'd|i'll|she|he|we|they|thanks|thank)\b", plain)
    ):
        # "No, Newport on the Isle of Wight": the same thing again, more precisely.
        again = content_words(plain[3:])
        if _STATES.search(plain):
            # "No, Ag is silver": a separate sentence about the question or the answer states the
            # correct fact.
            return "wrong" if again & (in_user | in_reply) else None
        if again & in_user and again - in_user - in_reply:
            return "meant"
    if (
        not asked
        and not text.rstrip().endswith("?")
        and not about_others
        and _other_figure(plain, user, reply)
    ):
        return "wrong"
    return None


def _other_figure(plain: str, user: str, reply: str) -> bool:
    """Whether `plain` gives another number for the question: "it ended in 1945" after "in 1944"."""
    given, answered = set(re.findall(r"\d{2,}", plain)), set(re.findall(r"\d{2,}", reply))
    return bool(given and answered and not given & answered) and (
        re.match(r"(?:no |but |actually )*(?:it|that|they|he|she)\b", plain) is not None
        or bool(content_words(plain) & content_words(user))
    )


def _may_be_a_request(plain: str) -> bool:
    """Not a question, and not the next item of a list ("and simpler?")."""
    return not _ASKS_SOMETHING.match(plain) and not plain.startswith("and ")


def _may_be_praise(plain: str) -> bool:
    return not _REFUSAL.match(plain) and (
        not _ASKS_SOMETHING.match(plain) or plain.startswith("what a ")
    )


def _is_the_whole(kind: str, plain: str, user: str) -> bool:
    """Whether the sentence consists only of the cue, polite words and words of the question."""
    left = content_words(_PATTERNS[kind].sub(" ", plain)) - _NEUTRAL - content_words(user)
    # One other word is allowed in a sentence that plainly addresses Fae.
    return len(left) <= (1 if _ADDRESSED.search(plain) else 0)


def _fits(kind: str, plain: str, reply: str) -> bool:
    """Whether the verdict can be about this answer: five words cannot be too long."""
    length = len(words(reply))
    if kind == "shorter":
        return length >= 12 and not re.search(r"\bhow (?:much )?short", plain)
    if kind == "longer":
        return length <= 60
    return True


def asks_again(plain: str, user: str) -> bool:
    """Whether `plain` repeats the question `user` in other words: mostly the same content words,
    the same numbers, and not the same sentence with one part exchanged, which is a new question."""
    said_so = _ASKED.match(plain) is not None
    plain = _ASKED.sub("", plain)
    now, before = words(plain), words(without_wake_word(user))
    meaning, meant = content_words(plain), content_words(user)
    wants, wanted = _QUESTION_WORD.search(plain), _QUESTION_WORD.search(user.lower())
    if wants and wanted and wants[0] != wanted[0]:
        return False
    if said_so and meaning == meant:
        return True
    if len(meant) < 2 or len(meaning) < 2 or _WANTS_NEW.search(plain):
        return False
    if set(_NUMBER.findall(plain)) != set(_NUMBER.findall(user.lower())):
        return False
    if now == before:
        return True
    questioning = _ASKS_SOMETHING.search(plain) or _QUESTION_STARTS.search(plain)
    if (
        overlap(meaning, meant) < (REASK_OVERLAP if questioning else 0.65)
        or len(meaning & meant) < 2
    ):
        return False
    # The subject of a question is mostly at its end: "the French word for night", "... for tree".
    if _last(before) not in meaning and _last(now) not in meant:
        return False
    return not _one_part_exchanged(before, now)


def _last(tokens: list[str]) -> str | None:
    """The stem of the last content word."""
    return next((stem(word) for word in reversed(tokens) if word not in STOPWORDS), None)


def _one_part_exchanged(before: list[str], now: list[str]) -> bool:
    """Whether the two differ in one stretch only, as in "a river in Spain" and "a river in Italy"."""
    same = 0
    while same < min(len(before), len(now)) and before[same] == now[same]:
        same += 1
    end = 0
    while end < min(len(before), len(now)) - same and before[-1 - end] == now[-1 - end]:
        end += 1
    old, new = before[same : len(before) - end], now[same : len(now) - end]
    if same == 0 and len(content_words(" ".join(now[len(now) - end :]))) >= 2:
        return False  # another way to start the same question: "suggest names for ...", "what's a good name for ..."
    return same + end >= len(before) / 2 and bool(
        content_words(" ".join(new)) - content_words(" ".join(old))
    )
