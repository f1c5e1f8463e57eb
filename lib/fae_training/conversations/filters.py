"""Decides which single turns are left out of the training data. meta.json counts the reasons returned here."""

import re
from collections.abc import Collection

from fae_training.conversations import personal, secrets, tool_requests
from fae_training.conversations.cues import Cue, one_of
from fae_training.conversations.linear_scan import scan
from fae_training.conversations.text import WORD
from fae_training.patterns import lazy_pattern, lower_case_pattern

# Fae cuts a record at 32,768 characters; 8,000 are about the 2,048 tokens of the longest preset.
LONGEST_TURN = 8000
REDACTED = "[REDACTED_"

# Without a tool, the reply to a request for one was a guess or a false claim; an earlier fine-tune
# on such replies called 2 tools of 10 where the base model had called 10. So requests for a tool
# (tool_requests) are left out, and so are replies that claim that something was done, or is being
# done, outside the conversation.
# fmt: off
_DONE = one_of(
    r"set, added, created, scheduled, booked, sent, emailed, texted, messaged, saved, deleted, "
    r"removed, moved, updated, turned, opened, started (?:the|a|your|playing), stopped, "
    r"paused, cancell?ed, ordered, made (?:a note|your|the|that) ?\w*, written down, put "
    r"(?:it|that|them) (?:on|in), called, searched, looked (?:up|online), checked, pulled up, "
    r"played, installed, downloaded, logged, purchased, bought, reserved, rented, transferred, "
    r"placed your, initiated, confirmed your"
)
_DOING = one_of(
    "setting, adding, creating, scheduling, booking, sending, saving, deleting, updating, "
    "turning, opening, cancelling, searching, checking, pulling up, playing"
)
_WILL_DO = one_of(
    "set, add, create, schedule, book, send, save, delete, remove, move, update, turn, open, "
    "cancel, order, call, search, check, pull up, play, install, download, make a note, "
    "reserve, look (?:up|online)"
)
_JUST = r"(?:just |now |already |quickly |successfully |go ahead and |gone ahead and )*"
_BOOKED = one_of(
    "reminder, timer, alarm, message, e-?mail, note, event, appointment, meeting, visit, "
    "reservation, booking, order, payment, transfer, table, rooms?, hotel, tickets?, movie, "
    "car, vehicle, song, music, cab, ride, purchase"
)
_IS_DONE = one_of(
    "set, sent, made, complete, added, created, saved, scheduled, booked, cancelled, deleted, "
    "running, reserved, purchased, rented, confirmed, successful, initiated, playing, "
    "starting"
)
_DID = one_of(
    "set, added, created, scheduled, booked, sent, emailed, texted, messaged, saved, deleted, "
    "removed, moved, updated, turned (?:on|off|up|down), cancell?ed, ordered, searched, "
    "checked, looked (?:up|online), opened"
)
CLAIMS = (
    Cue("I've added it to your list.", rf"\b(?:I've|I have|I just|I was able to) {_JUST}{_DONE}\b"),
    Cue("I'll set that up.", rf"\b(?:I'll|I will|let me) {_JUST}{_WILL_DO}\b"),
    Cue("I'm sending it now.", rf"\b(?:I'm|I am) {_JUST}{_DOING}\b"),
    Cue("I can see you at your desk.", r"\bI can see you"),
    Cue("I booked the table.",
        r"(?<!do )(?<!did )(?<!should )(?<!shall )(?<!can )(?<!could )(?<!may )(?<!would )"
        rf"(?<!if )(?<!when )\bI (?:have |just |already )?{_DID} (?!out\b|myself\b|about\b)"),
    Cue("Let me check.", r"\b(?:let me|I'll) (?:check|look|search|find out|pull up|see what)\b"),
    Cue("Sure, checking your calendar.",
        r"(?:^|[.!?,:] |\b(?:now|okay|sure|alright) )"
        r"(?:checking|searching|looking up|pulling up|opening|setting|adding|sending|scheduling"
        r"|creating) (?:your|the|that|it|for|a|an|now)\b"
        r"(?! (?:\w+ ){0,6}(?:is|can|will|helps?|makes?)\b)"),
    Cue("Your table is booked.",
        rf"\b(?:your|the|that) (?:\w+ ){{0,2}}?{_BOOKED}s?\s+"
        r"(?:(?:is|are|was|were|has been|have been) )?"
        rf"(?:now |all |being |successfully |been )*{_IS_DONE}\b"
        r"(?! (?:by|to|with|of|from)\b)"),
    Cue("Timer set for ten minutes.",
        r"\b(?:reminder|timer|alarm)s? (?:is |are |has been )?(?:now )?"
        r"(?:set|running|cancelled|deleted)\b"),
    Cue("It's booked.",
        r"\bit(?:'s| is|'s been| has been) (?:now |all |successfully )*"
        r"(?:booked|reserved|scheduled|sent|in your (?:calendar|list|notes))\b"),
    Cue("Sorry, I couldn't add it.",
        r"\bI (?:was (?:un|not )able to|couldn't|could not) "
        r"(?:book|reserve|make (?:the|that|your) (?:booking|reservation|appointment)|buy|purchase"
        r"|schedule|set|add|send|play|rent|complete)\b"),
    Cue("Enjoy the music.",
        r"^(?:ok(?:ay)?,? )?(?:do )?enjoy (?:listening to )?(?:the|your) (?:music|song|tunes)\b"),
    Cue("Your calendar is empty.",
        r"\b(?:your|the) (?:calendar|inbox|reminders?|e-?mails?|screen|schedule|contacts?"
        r"|forecast) (?:shows?|says?|has|looks?|is (?:empty|clear))\b"),
    Cue("According to your calendar, no.",
        r"\baccording to (?:the web|my search|your (?:calendar|e-?mail|notes))\b"),
    Cue("I found it online.",
        r"\bI (?:found|searched|checked|looked) (?:it |that )?(?:online|on the web|the web|your)"
        r"\b"),
    Cue("Done.",
        r"^(?:done|all done|all set|all booked|sent|added|saved|deleted|created|booked)\b[.!,]"),
)
# fmt: on
_CLAIMS_ACTION = lower_case_pattern("|".join(cue.pattern for cue in CLAIMS), re.M)
_MARKUP = lazy_pattern(
    r"</?(?:tool_call|tool_response|think|function|voice)\b|<\|im_(?:start|end)\|>", re.I
)


def split_episode(text: str) -> tuple[str, str] | None:
    """What the user said and what Fae answered in an episode's text; None where it is not a turn."""
    if not text.startswith("User: "):
        return None
    user, _, reply = text[len("User: ") :].partition("\nAssistant: ")
    return user.strip(), reply.strip()


def claims_action(reply: str) -> bool:
    """Whether a reply says that something was done, or is being done, outside the conversation."""
    # Fae's lines mix straight and typographic apostrophes.
    return bool(_CLAIMS_ACTION.search(reply.replace("’", "'").lower()))


def reason_to_leave_out(user: str, reply: str, learn: Collection[str] = ()) -> str | None:
    """The reason to leave this turn out of the training data, None to keep it. `learn`: the
    personal details (personal.KINDS) that may be learned."""
    if not WORD.search(user) or not WORD.search(reply):
        return "empty"
    if REDACTED in user or REDACTED in reply:
        return "redacted"
    if len(user) + len(reply) > LONGEST_TURN:
        return "too_long"
    if "�" in user or "�" in reply:
        return "unreadable"
    if _MARKUP.search(reply) or _MARKUP.search(user):
        return "markup"
    if claims_action(reply):
        return "claims_action"
    if tool_requests.needs_tool(user):
        return "needs_tool"
    if secrets.find(user) or secrets.find(reply):
        return "secret"
    if scan("secrets").found_in(user):
        return "may_be_secret"
    return personal.find(user, learn) or personal.find(reply, learn)
