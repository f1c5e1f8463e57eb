"""What an export left out and what it forgot, in words for a person."""

from pathlib import Path
from typing import TYPE_CHECKING

from fae_training.calls.counting import counted
from fae_training.calls.errors import command_line
from fae_training.conversations.change_report import forgotten
from fae_training.conversations.dialogue import Dialogue
from fae_training.conversations.forget_topics import EVERYTHING
from fae_training.conversations.forgetting import Edit, Exclusions
from fae_training.conversations.text import shortened

if TYPE_CHECKING:
    from fae_training.lifecycle.purge import Purged

# Sentences that may be requests are asked about so many at a time.
LISTED = 5
# Undecided sentences, and conversations of each, in an answer to a program, which is 2,000 characters long.
MOST_UNDECIDED, MOST_PLACES = 4, 2

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
    "may_be_secret": "sounds as if it tells a password, a code or a number",
    "address": "a postal address",
    "telephone": "a telephone number",
    "email": "an e-mail address",
    "birth_date": "a date of birth",
    "health": "somebody's health",
    "quoted": "repeats what somebody else said",
    "forgotten": "you asked Fae to forget it",
    "may_be_request": "may ask Fae to forget something",
    "may_be_forgotten": "in a conversation in which you may have asked Fae to forget something",
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
    """The number of turns and conversations removed by each forgotten or excluded topic, the largest first; `guessed` where
    nobody named it, and `said`, the sentence that was read as a request to forget it."""
    guessed = {topic.name for topic in found.forgotten.topics if topic.guessed}
    said, possible = found.requests.said, found.requests.possible
    return [
        {
            "what": shortened(what, 60),
            "turns": turns,
            "conversations": found.conversations_taken[what],
            "guessed": what in guessed,
        }
        | ({"said": shortened(said[what], 80)} if what in said else {})
        for what, turns in found.taken.most_common()
        if what not in possible
    ]


def undecided(found: Dialogue) -> list[dict]:
    """The requests that take so much that the person is asked whether they were meant, and, as `possible`, the sentences
    that may be requests, with the ids of the conversations in which they were said (`said_in`)."""
    total = found.conversations_read
    return [
        {
            # What is shown of a sentence that may be a request names it in an answer.
            "what": shortened(found.requests.said[what], 80)
            if what in found.requests.possible
            else what,
            "said": shortened(found.requests.said[what], 80),
            "conversations": found.conversations_taken[what],
            "of": total,
            "possible": what in found.requests.possible,
        }
        | ({"said_in": [*found.possible_in[what]]} if what in found.possible_in else {})
        for what in found.requests.undecided(found.conversations_taken, total)
    ]


def unknown_ids(found: Dialogue, edit: Edit, purged: "Purged") -> list[str]:
    """The ids named by a call that nothing in Fae's database has, nor had what forgetting removed."""
    if purged.rows_removed or purged.copies:
        return []
    named = Exclusions().with_phrases((*edit.exclude, *edit.forget, *edit.keep)).ids
    return [name for name in named if not found.has_id(name)]


def to_be_answered(asked: list[dict]) -> dict:
    """What is undecided, in the answer to a program, which cannot be of any length."""
    some = [
        {name: value for name, value in each.items() if name != "said" or value != each["what"]}
        | ({"said_in": each["said_in"][:MOST_PLACES]} if "said_in" in each else {})
        for each in asked[:MOST_UNDECIDED]
    ]
    return {"undecided": some, "undecided_in_all": len(asked)}


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
            if "said" in each:
                many = counted(each["conversations"], "conversation")
                how = f'   (in {many}; you said: "{each["said"]}")'
            lines.append(f"  {each['turns']:7,}  {each['what']}{how}")
        if len(taken_by) > 1:
            lines.append("  (a turn that mentions several of these is counted once, for the first)")
        if any("said" in each for each in taken_by):
            lines.append(
                "If a sentence was no request to forget: uv run scripts/export_data.py --keep TOPIC (or the sentence)"
            )
    if not_used:
        words = ", ".join(
            f"{what} (in {counted(turns, 'turn')})" for what, turns in not_used.items()
        )
        lines += ["", f"Not treated as a forgotten topic, because it comes up too often: {words}.",
                  "To forget it anyway: uv run scripts/export_data.py --forget WORDS"]  # fmt: skip
    return lines


def questions(asked: list[dict]) -> list[str]:
    """What the person has to decide, as lines of text."""
    lines = []
    for each in asked:
        if each["possible"]:
            continue
        lines += [
            "",
            f'DID YOU MEAN THIS? You said "{each["said"]}", which was read as a request to forget "{each["what"]}".',
            f"{each['conversations']:,} of {counted(each['of'], 'conversation')} are left out for it, until you answer:",
            f"  if it was no request: {command_line('uv', 'run', 'scripts/export_data.py', '--keep', each['what'])}",
        ]
        if each["what"] != EVERYTHING:
            meant = command_line("uv", "run", "scripts/export_data.py", "--exclude", each["what"])
            lines.append(f"  if you meant it:      {meant}")
    return lines + _possible([each for each in asked if each["possible"]])


def _possible(asked: list[dict]) -> list[str]:
    if not asked:
        return []
    lines = [
        "",
        "Each conversation with one of these sentences is left out until you answer, because it may be a request to forget:",
    ]
    for each in asked[:LISTED]:
        lines += [f'  "{each["said"]}"', *(f"    id:{place}" for place in each["said_in"][:LISTED])]
        if len(each["said_in"]) > LISTED:
            lines.append(f"    and {counted(len(each['said_in']) - LISTED, 'more conversation')}")
    if len(asked) > LISTED:
        lines.append(f"  and {len(asked) - LISTED} more, when these are answered")
    return [
        *lines,
        "  if it was no request (--keep again for each): uv run scripts/export_data.py --keep id:ID",
        "  if none of them was: uv run scripts/export_data.py --keep all",
        "  if you meant it, name what it is about: uv run scripts/export_data.py --forget WORDS",
        "  if it names nothing, name its conversation: uv run scripts/export_data.py --forget id:ID",
    ]


def to_say(asked: list[dict], stored: bool) -> str:
    """The same for Fae to say; without naming a topic where the answer may be `stored`."""
    sure = [each for each in asked if not each["possible"]]
    first = (sure or asked)[0]
    number = sum(each["conversations"] for each in sure or asked)
    many = f"{counted(number, 'conversation')} of {first['of']:,} {'is' if number == 1 else 'are'} left out"
    if stored:
        return (
            f"{many}, because of something that sounded like a request to forget. Ask me what I would learn, and I will say "
            "which sentence it was."
        )
    if sure:
        them = "it" if number == 1 else "them"
        return f'You said: "{first["said"]}". Did you ask me to forget that? {many}; if not, I will keep {them}.'
    return f'You said: "{first["said"]}". Did you ask me to forget something? {many} for sentences like this one.'


def unless_meant(found: Dialogue) -> str | None:
    """The command that takes back the request to forget that took more than half of what was left out; None without one."""
    taken_by = [each for each in taken(found) if "said" in each]
    if not taken_by or 2 * taken_by[0]["turns"] <= found.excluded.total():
        return None
    return f'unless "{taken_by[0]["said"]}" was a request to forget: ' + command_line(
        "uv", "run", "scripts/export_data.py", "--keep", taken_by[0]["what"]
    )


def exported(data: dict, directory: Path, changes: list[str], asked: list[dict]) -> str:
    """The answer of export_data for a person. `changes`: lines on what the call changed (Changed.in_words); the answer to a
    change is about that alone."""
    rows, turns = data["rows"], data["turns"]
    would = "Would learn from" if data["status"] == "dry_run" else "Exported"
    lines = [
        f"{would} {counted(data['conversations'], 'conversation')} with {turns['train'] + turns['valid']:,} of {data['episodes']:,} turns:"
        f" {counted(rows['train'], 'row')} to train on, {rows['valid']:,} held out for evaluation."
    ]
    is_about_a_change = data["status"] == "exported" and bool(changes or data.get("forgotten"))
    if data["excluded"] and not is_about_a_change:
        lines += [
            "",
            f"Left out {counted(sum(data['excluded'].values()), 'turn')}:",
            *left_out(data["excluded"]),
        ]
    if data["topics"] and not is_about_a_change:
        lines += [
            "",
            "Words that come up: " + ", ".join(f"{word} ({n})" for word, n in data["topics"]),
        ]
    lines += by_topic(data.get("taken_by", []), data.get("guesses_not_used", {}))
    for sample in data.get("samples", []):
        lines += [
            "",
            f"  you: {sample['user']}",
            f"  Fae: {sample['assistant']}   (weight {sample['weight']})",
        ]
    lines += ["", *data["warnings"]] if data["warnings"] else []
    if unknown := data.get("unknown_ids"):
        changes = [*changes, "", f"No conversation has this id, so check it: {', '.join(unknown)}."]
    lines += [*changes, *questions(asked), *forgotten(data)]
    if data["status"] == "dry_run":
        return "\n".join([*lines, "", "Nothing was written."])
    if is_about_a_change:
        lines += ["", "What else is left out: uv run scripts/export_data.py --dry-run"]
    if run := data.get("nothing_new_since"):
        lines += [
            "",
            f"{run} has learned exactly this already: talk with Fae some more, then export again.",
        ]
    lines += ["", f"Setup was {data['setup']}."] if data.get("setup") else []
    return "\n".join([*lines, "", f"Written to {directory}."])
