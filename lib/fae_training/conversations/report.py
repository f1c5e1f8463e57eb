"""The reasons for leaving a turn out, as a person reads them."""

from fae_training.conversations.dialogue import Dialogue
from fae_training.conversations.text import shortened
from fae_training.counting import counted

REASONS = {
    "other_speaker": "said by somebody else",
    "unknown_speaker": "said by a voice that is not enrolled",
    "proactive": "Fae spoke unasked",
    "not_a_turn": "not a turn of conversation",
    "tool_turn": "a tool was used",
    "claims_action": "claims to have acted, though no tool ran",
    "needs_tool": "asks for something that only a tool can do",
    "redacted": "redacted by Fae",
    "secret": "a password, a code, a key or a number of an account, a card or a document",
    "address": "a postal address",
    "telephone": "a telephone number",
    "email": "an e-mail address",
    "birth_date": "a date of birth",
    "health": "somebody's health",
    "quoted": "what somebody else said, repeated",
    "forgotten": "you had it forgotten",
    "forgotten_topic": "in a conversation about something you had forgotten",
    "expired": "older than Fae keeps (90 days)",
    "superseded": "replaced by something newer",
    "invalidated": "found to be untrue",
    "excluded_topic": "in a conversation about a topic that you exclude",
    "excluded_person": "in a conversation about a person whom you exclude",
    "excluded_id": "excluded by its id",
    "empty": "nothing said, or nothing answered",
    "near_duplicate": "said before in nearly the same words",
    "too_long": "longer than a model reads at once",
    "markup": "the text holds markup",
    "unreadable": "not readable as text",
    "called_wrong": "you called the answer wrong",
    "benchmark_item": "nearly a question of the benchmark that models are judged by",
    "before_since": "before --since",
}


def left_out(excluded: dict[str, int]) -> list[str]:
    """A line for each reason, in the order given."""
    return [f"  {count:7,}  {REASONS[reason]}" for reason, count in excluded.items()]


def taken(found: Dialogue) -> list[dict]:
    """What is forgotten or excluded took how many turns, the most first; `guessed` where nobody said it in words."""
    guessed = {topic.name for topic in found.forgotten.topics if topic.guessed}
    return [
        {"what": shortened(what, 60), "turns": turns, "guessed": what in guessed}
        for what, turns in found.taken.most_common()
    ]


def by_topic(taken_by: list[dict], not_used: dict[str, int]) -> list[str]:
    """The same in lines, with the guesses that are too common to be used."""
    lines = []
    if taken_by:
        lines += ["", "Of these, what you had forgotten or exclude took:"]
        for each in taken_by:
            how = "   (a guess, from a record that was forgotten)" if each["guessed"] else ""
            lines.append(f"  {each['turns']:7,}  {each['what']}{how}")
    if not_used:
        words = ", ".join(
            f"{what} (in {counted(turns, 'turn')})" for what, turns in not_used.items()
        )
        lines += ["", f"Not taken for what was forgotten, since it comes up too often: {words}.",
                  "If it is to be forgotten: uv run scripts/export_data.py --forget WORDS"]  # fmt: skip
    return lines
