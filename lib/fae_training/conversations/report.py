"""What an export left out and what it forgot, in words for a person."""

from fae_training.calls.counting import counted
from fae_training.conversations.dialogue import Dialogue
from fae_training.conversations.text import shortened

REASONS = {
    "other_speaker": "said by somebody else",
    "unknown_speaker": "said by a voice that is not enrolled",
    "proactive": "Fae spoke without being asked",
    "not_a_turn": "not part of a conversation",
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
    "quoted": "repeats what somebody else said",
    "forgotten": "you asked Fae to forget it",
    "forgotten_topic": "in a conversation about something you asked Fae to forget",
    "expired": "older than Fae keeps (90 days)",
    "superseded": "replaced by something newer",
    "invalidated": "found to be untrue",
    "excluded_topic": "in a conversation about a topic that you exclude",
    "excluded_person": "in a conversation about a person whom you exclude",
    "excluded_id": "excluded by its id",
    "empty": "a question or an answer is missing",
    "near_duplicate": "nearly the same as an earlier turn",
    "too_long": "longer than a model can read at once",
    "markup": "the text contains markup",
    "unreadable": "not readable as text",
    "called_wrong": "you called the answer wrong",
    "benchmark_item": "nearly the same as a question of the benchmark",
    "before_since": "before --since",
}


def left_out(excluded: dict[str, int]) -> list[str]:
    """A line for each reason, in the order given."""
    return [f"  {count:7,}  {REASONS[reason]}" for reason, count in excluded.items()]


def taken(found: Dialogue) -> list[dict]:
    """The number of turns removed by each forgotten or excluded topic, the largest first; `guessed`
    where nobody named it."""
    guessed = {topic.name for topic in found.forgotten.topics if topic.guessed}
    return [
        {"what": shortened(what, 60), "turns": turns, "guessed": what in guessed}
        for what, turns in found.taken.most_common()
    ]


def by_topic(taken_by: list[dict], not_used: dict[str, int]) -> list[str]:
    """The same as lines of text, with the guesses that are too common to be used."""
    lines = []
    if taken_by:
        lines += [
            "",
            "Of these, turns left out for each topic that you asked Fae to forget or excluded:",
        ]
        for each in taken_by:
            how = "   (a guess from a forgotten record)" if each["guessed"] else ""
            lines.append(f"  {each['turns']:7,}  {each['what']}{how}")
        if len(taken_by) > 1:
            lines.append("  (a turn that mentions several of these is counted once, for the first)")
    if not_used:
        words = ", ".join(
            f"{what} (in {counted(turns, 'turn')})" for what, turns in not_used.items()
        )
        lines += ["", f"Not treated as a forgotten topic, because it comes up too often: {words}.",
                  "To forget it anyway: uv run scripts/export_data.py --forget WORDS"]  # fmt: skip
    return lines


def forgotten(data: dict) -> list[str]:
    """What forgetting removed, or would remove, from the answer of export_data."""
    forgot = data.get("forgotten")
    if not forgot:
        return []
    is_plan = data["status"] in ("dry_run", "planned")
    would = "Would remove" if is_plan else "Removed"
    lines = ["", f"{would} {counted(forgot['rows_removed'], 'row')} from earlier exports."]
    by_topic = forgot["by_topic"] if is_plan else {}
    lines += [f"  {n:7,}  {what}" for what, n in by_topic.items()]
    if len(by_topic) > 1:
        lines.append("  (a row that mentions several of these is counted once, for the first)")
    if forgot["copies"]:
        lines.append(
            f"{would} {counted(forgot['copies'], 'row')} from the copies that runs keep of what they learned."
        )
    if forgot["corrections"]:
        lines.append(
            f"{would} {counted(forgot['corrections'], 'misheard word')} with their recordings."
        )
    if forgot["learned_by"]:
        lines.append(
            f"Runs that learned it and {'could' if is_plan else 'can'} no longer be used: {', '.join(forgot['learned_by'])}."
        )
        lines.append("To remove it from the model, train again without it.")
    if forgot["active"]:
        back = "uv run scripts/rollback.py"
        lines.append(
            f"FAE STILL USES {forgot['active']}, which learned it. Roll it back now: {back}"
        )
    return lines
