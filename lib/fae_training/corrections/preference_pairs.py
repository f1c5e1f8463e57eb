"""Preference pairs from the person's own verdicts: which of two answers to the same request they accepted.

A chain is an answer, the person's objection, the next answer, and so on until one is accepted. The
pair is the accepted answer and the one that it replaced. Both must answer the same request, so the
clarification of a misunderstood request is merged into the question; where the person changed the
request there is no pair, only a count.
"""

import re
from collections import Counter
from collections.abc import Iterator
from difflib import SequenceMatcher

from fae_training.conversations.cues import Cue, any_of
from fae_training.conversations.dialogue import Conversation, Turn
from fae_training.conversations.filters import LONGEST_TURN
from fae_training.conversations.quality import SILENCE_SECONDS
from fae_training.conversations.text import content_words, overlap, without_wake_word, words
from fae_training.conversations.verdicts import REPHRASE
from fae_training.corrections import spoken
from fae_training.judgement.parts import TRAIN
from fae_training.patterns import lazy_pattern
from fae_training.rows.row_forms import PreferencePair

# Explicit verdicts count most; a repeated question, or a wish after a pause, is weaker evidence.
WEIGHTS = {"shorter": 0.9, "longer": 0.9, "simpler": 0.9, "tone": 0.9, "meant": 0.9, "wrong": 0.9}
WEIGHTS |= {"reask": 0.6, "simpler_after_silence": 0.6}
PRAISED = 0.1
SAME_ANSWER = 0.9
# A word heard as another that sounds like it ("hen", "pen") is an error of speech-to-text, not of the answer.
SOUNDS_ALIKE = 0.6

NO_PAIR = {
    "request_changed": "you changed your request",
    "misheard": "a word was misheard, which speech-to-text has to learn",
    "not_followed": "the next answer was not as you asked (not shorter, not longer)",
    "other_subject": "the next answer is about something else",
    "same_answer": "both answers are the same",
    "not_accepted": "no answer was accepted",
    "answer_missing": "the next answer must not be learned from",
    "only_an_apology": "the next answer only apologises",
}

# fmt: off
# Openings of a repeated answer; without them the answer stands by itself.
LEAD_INS = (
    Cue("I'm so sorry about that.",
        r"(?:i'm |i am )?(?:so |very )?sorry(?: about that| for (?:that|the \w+))?"),
    Cue("My apologies!", r"(?:my )?apologies"),
    Cue("My mistake:", r"my (?:mistake|bad)"),
    Cue("I apologise for the confusion.", r"i apologi[sz]e[^.!,]*"),
    Cue("You're absolutely right,", r"you're (?:absolutely |quite )?right"),
    Cue("You are right.", r"you are right"),
    Cue("Oh,", r"oh"),
    Cue("Ah,", r"ah"),
    Cue("Oops!", r"oops"),
    Cue("Of course.", r"of course"),
    Cue("Sure thing!", r"sure(?: thing)?"),
    Cue("Certainly!", r"certainly"),
    Cue("Okay,", r"okay"),
    Cue("Ok.", r"ok"),
    Cue("Right,", r"right"),
    Cue("Alright,", r"alright"),
    Cue("Got it.", r"got it"),
    Cue("No problem.", r"no problem"),
    Cue("Absolutely!", r"absolutely"),
    Cue("Thank you for telling me.", r"thanks? (?:you )?for [^.,!]{1,40}"),
    Cue("Good catch!", r"good (?:point|catch)"),
    Cue("I see.", r"i see"),
    Cue("Understood.", r"understood"),
    Cue("Here is a shorter version:",
        r"here(?:'s| is)(?: it)? (?:a |the |it )?"
        r"[^.:]{0,40}?(?:version|answer|again|words)[^.:]{0,20}"),
)
# fmt: on
_LEAD_IN = lazy_pattern(rf"^(?:(?:{any_of(LEAD_INS).pattern})[\s]*[,.!:—–-]+\s*)+", re.I)
_MEANT_LEAD = lazy_pattern(
    r"^(?:(?:no|nope|sorry|oh|um|well|actually|wait)[\s,.!]+)*"
    r"(?:that's not what i meant[\s,.]*)?(?:what )?"
    r"(?:i (?:really |actually )?"
    r"(?:meant|mean|said|was (?:asking|talking|thinking)(?: about| of)?|was referring to)"
    r"|i'm (?:asking|talking) about|i want to know about|you misunderstood(?: me)?"
    r"|my question was(?: about)?)?(?: was| is)?[\s,:]*",
    re.I,
)
_DETERMINER = lazy_pattern(
    r"^(?:the|a|an|my|your|his|her|our|their|this|that|one|how|what|where|when|why|who|which|in|on"
    r"|at|for|as|to|about|with)\b",
    re.I,
)
_CALENDAR = lazy_pattern(
    r"\b(?:\d+|monday|tuesday|wednesday|thursday|friday|saturday|sunday|january|february|march|april"
    r"|may|june|july|august|september|october|november|december|today|tomorrow|tonight|yesterday)\b",
    re.I,
)


class PairMiner:
    """Pairs from conversations. `found` counts corrections by kind, `left_out` those without a
    pair, by reason."""

    def __init__(self, system_prompt: str | None):
        self.system_prompt = system_prompt
        self.found: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()

    def pairs(self, conversation: Conversation) -> Iterator[PreferencePair]:
        """The pairs of one conversation, in its order."""
        for turns in conversation.stretches():
            place = 0
            while place < len(turns):
                end = place
                while end < len(turns) and _is_correction(turns[end].verdict):
                    self.found[_pattern(turns, end)] += 1
                    end += 1
                self.found["praise"] += end < len(turns) and turns[end].verdict == "praise"
                if end > place:
                    pair = self._pair(conversation, turns, place, end)
                    if isinstance(pair, PreferencePair):
                        yield pair
                    else:
                        # Only the last step of a chain makes a pair: the answers before it were not
                        # accepted.
                        self.left_out[pair] += 1
                    self.left_out["not_accepted"] += end - place - 1
                place = end + 1

    def _pair(
        self, conversation: Conversation, turns: list[Turn], start: int, end: int
    ) -> PreferencePair | str:
        """The pair of the chain from `start` to the answer at `end`, or the reason why there is none."""
        if end >= len(turns):
            return "answer_missing"
        rejected, accepted = turns[end - 1], turns[end]
        request = turns[start].user
        for place in range(start, end):
            if spoken.find(turns[place + 1].user, turns[place].user):
                return "misheard"
            if turns[place].verdict == "meant":
                folded = fold(request, turns[place].reply, turns[place + 1].user)
                if folded in NO_PAIR:
                    return folded
                request = folded
        chosen = _LEAD_IN.sub("", accepted.reply)
        chosen = chosen[:1].upper() + chosen[1:]
        pattern = _pattern(turns, end - 1)
        problem = _problem(pattern, request, chosen, rejected.reply)
        if problem:
            return problem
        system = [{"role": "system", "content": self.system_prompt}] if self.system_prompt else []
        weight = WEIGHTS[pattern] + (PRAISED if accepted.verdict == "praise" else 0)
        return PreferencePair(
            prompt=[*system, *_context(turns[:start]), {"role": "user", "content": request}],
            chosen={"role": "assistant", "content": chosen},
            rejected={"role": "assistant", "content": rejected.reply},
            pattern=pattern,
            weight=round(weight, 3),
            source={
                "ids": [turn.episode for turn in turns[start : end + 1]],
                "session": conversation.session,
            },
            part=None if conversation.part == TRAIN else conversation.part,
        )


def _is_correction(verdict: str | None) -> bool:
    return verdict is not None and verdict != "praise"


def _pattern(turns: list[Turn], place: int) -> str:
    """The verdict on the answer at `place`; a request for a simpler version after five minutes is a
    kind of its own."""
    verdict = turns[place].verdict
    assert verdict is not None  # the callers ask about corrections only
    if verdict == "simpler" and place + 1 < len(turns):
        silence = turns[place + 1].asked_at - turns[place].answered_at
        return "simpler_after_silence" if silence >= SILENCE_SECONDS else verdict
    return verdict


def _context(turns: list[Turn]) -> list[dict]:
    """The messages before, as many as a model can read at once."""
    kept: list[dict] = []
    length = 0
    for turn in reversed(turns):
        length += len(turn.user) + len(turn.reply)
        if length > LONGEST_TURN:
            break
        kept[:0] = [
            {"role": "user", "content": turn.user},
            {"role": "assistant", "content": turn.reply},
        ]
    return kept


def fold(request: str, reply: str, correction: str) -> str:
    """The request as it was meant, or a reason of NO_PAIR.

    "How tall is Jordan?", "I meant the basketball player" is one request in two parts. "What's on
    in Paris?", "I meant London" is a different request from the answered one, whose answer was not
    bad.
    """
    meant = _MEANT_LEAD.sub("", without_wake_word(correction)).strip(" ,.!?")
    if not content_words(meant):
        return request  # "That's not what I meant": the request is unchanged
    negated = re.search(r"\bnot (?:the |a |an |that |about )?([\w' -]+)", meant)
    if negated and content_words(negated[1]) & content_words(request):
        return "request_changed"
    if set(_CALENDAR.findall(request.lower())) - set(
        _CALENDAR.findall(meant.lower())
    ) and _CALENDAR.search(meant):
        return "request_changed"
    new = content_words(meant) - content_words(request)
    old = content_words(request) - content_words(meant)
    for word in new:
        if any(SequenceMatcher(None, word, other).ratio() >= SOUNDS_ALIKE for other in old):
            return "misheard"
    adds = content_words(meant) & content_words(request) or _DETERMINER.match(meant)
    if not adds:
        # A single word replaces another: it names a different thing instead of describing the same one.
        return "request_changed"
    stop = "" if request.rstrip().endswith((".", "?", "!")) else "."
    return f"{request.rstrip()}{stop} I mean {meant}."


def _problem(pattern: str, request: str, chosen: str, rejected: str) -> str | None:
    """The reason why the two answers are not a usable pair; None where they are."""
    good, bad, asked = content_words(chosen), content_words(rejected), content_words(request)
    if not words(chosen) or (
        pattern == "wrong" and not good - content_words("sorry mistake correct remember apologise")
    ):
        return "only_an_apology"
    if " ".join(words(chosen)) == " ".join(words(rejected)):
        return "same_answer"
    longer = len(words(chosen)) / max(1, len(words(rejected)))
    if (pattern == "shorter" and longer >= 0.9) or (pattern == "longer" and longer <= 1.1):
        return "not_followed"
    if pattern not in REPHRASE and overlap(good, bad) >= SAME_ANSWER:
        return "same_answer"
    # A right answer may share no word with the wrong one, but the same answer in another form does.
    same_form = pattern in (*REPHRASE, "simpler_after_silence")
    if same_form and good and not good & (bad | asked):
        return "other_subject"
    return None
